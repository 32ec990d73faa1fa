"""Patient-clustered bootstrap: intervals and paired differences by integer weights.

To resample patients with replacement is to weigh each ECG by how often its patient was drawn (Field and Welsh 2007,
J. R. Stat. Soc. B 69:369, the cluster bootstrap). So every metric takes weights, all resamples are computed at once,
and the result is exactly that of copying ECGs. Record-level resampling, which is too sure of itself when patients
repeat, is not offered.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hemometric.evaluation.predictions import BoolArray, FloatArray
from hemometric.evaluation.report import INTERVAL_LEVEL, Interval

Metrics = Callable[[FloatArray], Mapping[str, FloatArray]]
"""Weights, shape (n_resamples, n_ecgs) -> name -> shape (n_resamples,), NaN where undefined."""

MIN_PATIENTS = 10
"""With fewer patients than this no interval is given: a bootstrap of so few says little (Davison and Hinkley 1997)."""

MIN_DEFINED = 0.9
"""An interval needs the metric to be defined in at least this fraction of the resamples."""

_CHUNK_ELEMENTS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Resamples:
    """How often each patient is drawn in each resample.

    Attributes:
        counts: Shape (1 + n_bootstrap, n_patients); row 0 is the sample itself (ones), each other row sums to
            n_patients.
        patients: Shape (n_ecgs,), the column of each ECG's patient.
    """

    counts: NDArray[np.int32]
    patients: NDArray[np.intp]

    @property
    def n_patients(self) -> int:
        """Different patients among these ECGs."""
        return int(np.unique(self.patients).size)

    def subset(self, kept: BoolArray) -> "Resamples":
        """The same draws over some of the ECGs, shape (n_ecgs,)."""
        return Resamples(self.counts, self.patients[kept])

    def weights(self) -> Iterator[FloatArray]:
        """Yield shape (n_rows, n_ecgs) weights in pieces that stay small in memory; the first row is all ones."""
        rows = max(1, _CHUNK_ELEMENTS // max(1, self.patients.size))
        for start in range(0, len(self.counts), rows):
            yield self.counts[start : start + rows, self.patients].astype(np.float64)


def draw_patients(patient_ids: ArrayLike, *, n_bootstrap: int = 1000, seed: int = 0) -> Resamples:
    """Draw patients with replacement, as many as there are, `n_bootstrap` times.

    Args:
        patient_ids: Shape (n_ecgs,). The draws do not depend on the order of the ECGs.
        n_bootstrap: Resamples, >= 1.
        seed: The same seed and patients give the same draws.
    """
    if n_bootstrap < 1:
        raise ValueError(f"n_bootstrap is {n_bootstrap}, expected >= 1")
    names, patients = np.unique(np.asarray(patient_ids), return_inverse=True)
    n_patients = names.size
    counts = np.ones((1 + n_bootstrap, n_patients), dtype=np.int32)
    rng = np.random.default_rng([seed, n_patients, n_bootstrap])
    for row in range(1, 1 + n_bootstrap):
        counts[row] = np.bincount(rng.integers(n_patients, size=n_patients), minlength=n_patients)
    return Resamples(counts, patients)


def intervals(metrics: Metrics, resamples: Resamples) -> dict[str, Interval]:
    """Compute metrics with their percentile intervals (Efron and Tibshirani 1993, ch. 13).

    Args:
        metrics: Weights, shape (n_resamples, n_ecgs) -> name -> shape (n_resamples,), NaN where undefined.
        resamples: From `draw_patients`; metrics that share it are paired.

    Returns:
        Name -> value on the sample, and the 2.5 % and 97.5 % percentiles over the resamples. All null where the
        metric is undefined on the sample; ends null with fewer than `MIN_PATIENTS` patients or where fewer than
        `MIN_DEFINED` of the resamples define it.
    """
    pieces = [metrics(weights) for weights in resamples.weights()]
    joined = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    return {name: interval_of(values, n_patients=resamples.n_patients) for name, values in joined.items()}


def paired_difference(
    metric: Callable[[FloatArray, FloatArray], FloatArray],
    a: FloatArray,
    b: FloatArray,
    patients: ArrayLike | Resamples,
    *,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> Interval:
    """Interval of metric(a) - metric(b), both computed on the same resampled patients.

    Args:
        metric: (predictions (n_ecgs,), weights (n_resamples, n_ecgs)) -> (n_resamples,), for example
            `lambda p, w: weighted_auroc(events, p, w)`.
        a: Shape (n_ecgs,), predictions of one model.
        b: Shape (n_ecgs,), predictions of the other.
        patients: Patient id of each ECG, shape (n_ecgs,), or draws made before.
        n_bootstrap: Resamples, where `patients` are ids.
        seed: Of the draws, where `patients` are ids.
    """
    resamples = (
        patients if isinstance(patients, Resamples) else draw_patients(patients, n_bootstrap=n_bootstrap, seed=seed)
    )
    return intervals(lambda weights: {"difference": metric(a, weights) - metric(b, weights)}, resamples)["difference"]


def interval_of(values: FloatArray, *, n_patients: int) -> Interval:
    """The value on the sample with its 95 % percentile interval.

    Args:
        values: Shape (1 + n_bootstrap,), the value on the sample and on each resample of patients; NaN: undefined.
        n_patients: Resampled ones; no interval is given with fewer than `MIN_PATIENTS`, or where fewer than
            `MIN_DEFINED` of the resamples define the value.
    """
    value, replicates = values[0], values[1:]
    if not np.isfinite(value):
        return Interval(value=None, low=None, high=None)
    replicates = replicates[np.isfinite(replicates)]
    if n_patients < MIN_PATIENTS or replicates.size < MIN_DEFINED * (len(values) - 1):
        return Interval(value=float(value), low=None, high=None)
    tail = (1 - INTERVAL_LEVEL) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail])
    return Interval(value=float(value), low=float(low), high=float(high))
