"""From a fine-tuned run and an ECG to an estimate, or to the reason why there is none."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from hemometric.ecg import Ecg
from hemometric.errors import EcgError, ReadError
from hemometric.formats import read_ecg
from hemometric.inference.embedding import embed_windows, prepare_rows, read_windows
from hemometric.inference.prediction import Prediction, RowPredictions, TargetEstimate
from hemometric.store import Store
from hemometric.training.calibration import Calibration, read_calibration
from hemometric.training.contract import ModelContract
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
    _calibration: Calibration
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
        return cls(opened.contract, members, read_calibration(opened.path / CONFORMAL), where)

    @property
    def coverage(self) -> float:
        """Nominal coverage of the intervals."""
        return self._calibration.level

    def predict(self, ecg: Ecg) -> Prediction:
        """Estimate the run's target for one ECG.

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
        bounded = self._calibration.half_width is not None
        one = TargetEstimate(
            target=said.target,
            unit=self.contract.targets[0].unit,
            value=float(said.estimate.mean()),
            low=float(said.low.mean()) if bounded else None,
            high=float(said.high.mean()) if bounded else None,
            probability={event: float(chance.mean()) for event, chance in said.probability.items()},
        )
        reliability = None if said.reliability is None else float(said.reliability.mean())
        return replace(answer, estimates={one.target: one}, coverage=self.coverage, reliability=reliability)

    def predict_file(self, path: str | Path) -> Prediction:
        """Read an ECG file and estimate the run's target; a file that cannot be read is refused with the reason.

        Args:
            path: In any supported format.
        """
        try:
            return self.predict(read_ecg(path))
        except (ReadError, EcgError) as error:
            reason = error.reason if isinstance(error, ReadError) else str(error)
            simulated = self.contract.trained_on_simulated
            return Prediction(ecg_id=Path(path).stem, refused=True, reason=reason, trained_on_simulated=simulated)

    def predict_rows(self, store: Store, rows: NDArray[np.int64]) -> RowPredictions:
        """Estimate the run's target for rows of a store.

        Args:
            store: Of any rate that the model can read.
            rows: n rows; what ingest let into the store is not assessed again.

        Raises:
            RunError: The store's rate is too low, or its windows are of another length.
        """
        asked = np.asarray(rows, dtype=np.int64)
        parts = [self._estimate_rows(store, asked[start : start + _CHUNK]) for start in range(0, len(asked), _CHUNK)]
        return self._say(join_estimates(parts or [self._estimate_rows(store, asked)]))

    def _estimate_rows(self, store: Store, rows: NDArray[np.int64]) -> Estimates:
        ecgs = prepare_rows(store, rows, contract=self.contract, memory_gib=1.0)
        features = measure_standardised(ecgs, rows, contract=self.contract).to(self._device)
        embeddings = [embed_in_batches(one.encoder, ecgs, rows, device=self._device) for one in self._members]
        return estimate_members(self._members, [torch.cat([one, features], dim=1) for one in embeddings])

    def _say(self, said: Estimates) -> RowPredictions:
        target = self.contract.targets[0]
        half_width = self._calibration.half_width
        reach = np.inf if half_width is None else half_width
        return RowPredictions(
            target=target.name,
            estimate=said.values,
            low=said.values - reach,
            high=said.values + reach,
            probability=self._calibration.probabilities(said, target.events),
            reliability=self._calibration.reliability(said.spread),
        )
