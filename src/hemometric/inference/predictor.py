"""From a fine-tuned run and an ECG to an estimate, or to the reason why there is none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from hemometric.ecg import Ecg
from hemometric.errors import EcgError, ReadError
from hemometric.formats import Place, read_ecg_apart
from hemometric.inference.embedding import embed_windows, prepare_rows, read_windows
from hemometric.inference.prediction import Prediction, RowPredictions, TargetEstimate
from hemometric.inference.reading import find_places, read_places
from hemometric.progress import track
from hemometric.store import Store
from hemometric.training.calibration import Calibration, read_calibrations
from hemometric.training.contract import ModelContract, TargetContract
from hemometric.training.device import resolve_device
from hemometric.training.forward import embed_in_batches
from hemometric.training.hand_features import measure_standardised, measure_windows
from hemometric.training.members import Estimates, Estimator, estimate_members, join_estimates, load_members
from hemometric.training.runs import CONFORMAL, Run

_CHUNK = 4096
"""ECGs of a store that are kept ready at a time, for all members and the features alike."""


@dataclass(frozen=True, slots=True)
class Predictor:
    """A fine-tuned run, ready to estimate; see `Predictor.load`.

    Attributes:
        contract: What the model reads and says.
    """

    contract: ModelContract
    _members: tuple[Estimator, ...]
    _calibrations: tuple[Calibration, ...]
    _device: torch.device

    @classmethod
    def load(cls, run: str | Path, *, device: Literal["auto", "cpu", "cuda"] = "auto") -> "Predictor":
        """Load a fine-tuned run.

        Raises:
            RunError: There is no such run, it is not finished, was pretrained only, or is damaged.
        """
        where = resolve_device(device)
        opened = Run.open(run)
        members = load_members(opened, device=where)
        names = [target.name for target in opened.contract.targets]
        return cls(opened.contract, members, read_calibrations(opened.path / CONFORMAL, names), where)

    @property
    def coverage(self) -> float:
        """Nominal coverage of the intervals."""
        return self._calibrations[0].level

    def predict(self, ecg: Ecg) -> Prediction:
        """Estimate the run's targets for one ECG.

        A record longer than the model's window is cut to consecutive windows; the estimate is the mean over those in
        which `hemometric.waveform.assess` finds nothing that refuses them.

        Args:
            ecg: Of any rate and length; refused with a reason where the model may not read it.
        """
        windows = read_windows(ecg, contract=self.contract)
        answer = Prediction(
            ecg_id=ecg.ecg_id,
            refused=windows.reason is not None,
            reason=windows.reason,
            n_windows=len(windows.prepared),
            n_windows_refused=windows.n_refused,
            trained_on_simulated=self.contract.trained_on_simulated,
        )
        if answer.refused:
            return answer
        features = measure_windows(windows.prepared, contract=self.contract).to(self._device)
        embeddings = [embed_windows(windows, encoder=one.encoder, device=self._device) for one in self._members]
        inputs = [torch.cat([embedding, features], dim=1) for embedding in embeddings]
        said = self._say(estimate_members(self._members, inputs))
        estimates = {target.name: _mean(said[target.name], unit=target.unit) for target in self.contract.targets}
        known = [one.reliability for one in estimates.values() if one.reliability is not None]
        return replace(answer, estimates=estimates, coverage=self.coverage, reliability=min(known, default=None))

    def predict_file(self, path: str | Path, *, part: str | None = None) -> Prediction:
        """Read an ECG file and estimate the run's targets; a file that cannot be read is refused with the reason.

        Args:
            path: In any supported format.
            part: Which ECG of a file that holds several.
        """
        try:
            return replace(self.predict(read_ecg_apart(Path(path), part=part)), part=part)
        except (ReadError, EcgError) as error:
            return self._refuse(Place(Path(path), part), error)

    def predict_files(self, paths: Sequence[str | Path]) -> Iterator[tuple[Path, Prediction]]:
        """Estimate the run's targets for every ECG of some files, in order.

        Of a file that holds several ECGs each has an answer of its own. Several ECGs are read in other processes: a
        file that ends or hangs its reader is refused, and the next is read.

        Args:
            paths: In any supported formats.

        Raises:
            StoreError: A process cannot be started.
        """
        places = find_places([Path(path) for path in paths])
        for place, ecg in track(read_places(places), total=len(places), unit="ECGs", title="predict"):
            part = place.part if place.n_parts > 1 else None
            answer = self.predict(ecg) if isinstance(ecg, Ecg) else self._refuse(place, ecg)
            yield place.path, replace(answer, part=part)

    def _refuse(self, place: Place, error: ReadError | EcgError) -> Prediction:
        return Prediction(
            ecg_id=place.path.stem,
            refused=True,
            reason=error.reason if isinstance(error, ReadError) else str(error),
            trained_on_simulated=self.contract.trained_on_simulated,
            part=place.part,
        )

    def predict_rows(self, store: Store, rows: NDArray[np.int64], *, target: str | None = None) -> RowPredictions:
        """Estimate one target for rows of a store; `predict_rows_by_target` estimates all at the cost of one.

        Args:
            store: Of any rate that the model can read.
            rows: n rows; what ingest let into the store is not assessed again.
            target: One of the run's; None: its first.

        Raises:
            RunError: The store's rate is too low, or its windows are of another length.
            SettingsError: The run does not estimate the target.
        """
        chosen = self.contract.choose_target(target).name
        return self.predict_rows_by_target(store, rows)[chosen]

    def predict_rows_by_target(self, store: Store, rows: NDArray[np.int64]) -> dict[str, RowPredictions]:
        """Estimate all of the run's targets for rows of a store.

        Args:
            store: Of any rate that the model can read.
            rows: n rows; what ingest let into the store is not assessed again.

        Raises:
            RunError: The store's rate is too low, or its windows are of another length.
        """
        asked = np.asarray(rows, dtype=np.int64)
        parts = [self._estimate_rows(store, asked[start : start + _CHUNK]) for start in range(0, len(asked), _CHUNK)]
        by_target = zip(*(parts or [self._estimate_rows(store, asked)]), strict=True)
        return self._say([join_estimates(of_target) for of_target in by_target])

    def _estimate_rows(self, store: Store, rows: NDArray[np.int64]) -> tuple[Estimates, ...]:
        ecgs = prepare_rows(store, rows, contract=self.contract, memory_gib=1.0)
        features = measure_standardised(ecgs, rows, contract=self.contract).to(self._device)
        embeddings = [embed_in_batches(one.encoder, ecgs, rows, device=self._device) for one in self._members]
        return estimate_members(self._members, [torch.cat([one, features], dim=1) for one in embeddings])

    def _say(self, said: Sequence[Estimates]) -> dict[str, RowPredictions]:
        targets = zip(self.contract.targets, self._calibrations, said, strict=True)
        return {target.name: _bound(one, target, calibration) for target, calibration, one in targets}


def _bound(said: Estimates, target: TargetContract, calibration: Calibration) -> RowPredictions:
    """Estimates of one target with their intervals and probabilities."""
    reach = np.inf if calibration.half_width is None else calibration.half_width
    return RowPredictions(
        target=target.name,
        estimate=said.values,
        low=said.values - reach,
        high=said.values + reach,
        probability=calibration.probabilities(said, target.events),
        reliability=calibration.reliability(said.spread),
    )


def _mean(said: RowPredictions, *, unit: str) -> TargetEstimate:
    """The mean over the windows of a record."""
    bounded = bool(np.isfinite(said.low).all())
    return TargetEstimate(
        target=said.target,
        unit=unit,
        value=float(said.estimate.mean()),
        low=float(said.low.mean()) if bounded else None,
        high=float(said.high.mean()) if bounded else None,
        probability={event: float(chance.mean()) for event, chance in said.probability.items()},
        reliability=None if said.reliability is None else float(said.reliability.mean()),
    )
