"""From a fine-tuned run and an ECG to an estimate, or to the reason why there is none."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from hemometric.ecg import Ecg
from hemometric.encoders import Encoder
from hemometric.errors import EcgError, ReadError
from hemometric.formats import read_ecg
from hemometric.inference.embedding import embed_ecg, embed_store_rows
from hemometric.inference.prediction import Prediction, RowPredictions, TargetEstimate
from hemometric.store import Store
from hemometric.training.calibration import Calibration, read_calibration
from hemometric.training.contract import ModelContract
from hemometric.training.device import resolve_device
from hemometric.training.forward import estimate
from hemometric.training.runs import CONFORMAL, Heads, Run


@dataclass(frozen=True, slots=True)
class Predictor:
    """A fine-tuned run, ready to estimate; see `Predictor.load`.

    Attributes:
        contract: What the model reads and says.
    """

    contract: ModelContract
    _encoder: Encoder
    _heads: Heads
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
        heads = opened.load_heads(device=where)
        calibration = read_calibration(opened.path / CONFORMAL)
        return cls(opened.contract, opened.load_encoder(device=where), heads, calibration, where)

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
        embedded = embed_ecg(ecg, encoder=self._encoder, contract=self.contract, device=self._device)
        answer = Prediction(
            ecg_id=ecg.ecg_id,
            refused=embedded.reason is not None,
            reason=embedded.reason,
            n_windows=len(embedded.embeddings),
            n_windows_refused=embedded.n_refused,
            trained_on_simulated=self.contract.trained_on_simulated,
        )
        if answer.refused:
            return answer
        said = self._say(embedded.embeddings)
        bounded = self._calibration.half_width is not None
        one = TargetEstimate(
            target=said.target,
            unit=self.contract.targets[0].unit,
            value=float(said.estimate.mean()),
            low=float(said.low.mean()) if bounded else None,
            high=float(said.high.mean()) if bounded else None,
            probability={event: float(chance.mean()) for event, chance in said.probability.items()},
        )
        return replace(answer, estimates={one.target: one}, coverage=self.coverage)

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
        embeddings = embed_store_rows(store, rows, encoder=self._encoder, contract=self.contract, device=self._device)
        return self._say(embeddings)

    def _say(self, embeddings: torch.Tensor) -> RowPredictions:
        values, logits = estimate(self._heads, embeddings)
        target = self.contract.targets[0]
        half_width = self._calibration.half_width
        reach = np.inf if half_width is None else half_width
        return RowPredictions(
            target=target.name,
            estimate=values,
            low=values - reach,
            high=values + reach,
            probability=self._calibration.probabilities(logits, target.events),
        )
