"""What a fine-tuned run says about ECGs of a store, in the form in which models are judged."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hemometric.evaluation.predictions import FloatArray, Predictions
from hemometric.inference import Predictor
from hemometric.store import Store


def predict_run(
    run: Path,
    store: Store,
    rows: NDArray[np.int64],
    *,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    thresholds: Mapping[str, float | None] | None = None,
    target: str | None = None,
) -> Predictions:
    """Estimates, probabilities and intervals of one target of a run for some ECGs of a store.

    Args:
        run: A fine-tuned run.
        store: Where the ECGs are.
        rows: Which.
        device: Where to compute.
        thresholds: Event key -> frozen threshold.
        target: One of the run's; None: its first.
    """
    predictor = Predictor.load(run, device=device)
    said = predictor.predict_rows(store, rows, target=target)
    low, high = _bounded(said.low), _bounded(said.high)
    return Predictions(
        estimate=np.asarray(said.estimate, dtype=np.float64),
        probability={key: np.asarray(values, dtype=np.float64) for key, values in said.probability.items()},
        thresholds=thresholds or {},
        low=low if high is not None else None,
        high=high if low is not None else None,
        nominal_coverage=predictor.coverage,
    )


def _bounded(ends: NDArray[np.floating]) -> FloatArray | None:
    """Ends of intervals, or None where the run had too few calibration patients to bound them."""
    return np.asarray(ends, dtype=np.float64) if np.isfinite(ends).all() else None
