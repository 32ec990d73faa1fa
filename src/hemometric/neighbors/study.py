"""What do distances know? Whether ECGs that are near each other have like pressures, and are of the same patient."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import spearmanr

from hemometric.distances import DISTANCES, pairwise
from hemometric.distances.representations import STRIP_RATE_HZ, to_strips
from hemometric.errors import SettingsError
from hemometric.labels import measured_labels
from hemometric.progress import say
from hemometric.store import Store

Floats = NDArray[np.float64]

STRIPS_HZ = {"euclidean": 100.0, "dtw": STRIP_RATE_HZ, "soft-dtw": 25.0}
"""Rates at which whole strips are compared here."""

_N_NEIGHBORS = 16
_N_BOOTSTRAP = 500


@dataclass(frozen=True, slots=True)
class Known:
    """What one distance knows of one target.

    Attributes:
        distance: Key of `DISTANCES`.
        spearman: Between |difference of the target| and distance, over all pairs of different patients.
        r2: Of the mean of the 16 nearest ECGs of other patients as an estimate of the target.
        r2_low: Lower end of its 95 % interval, by resampling patients.
        r2_high: Upper end.
        same_patient: Share of the ECGs whose nearest one is of the same patient, among those that have another one.
    """

    distance: str
    spearman: float
    r2: float
    r2_low: float
    r2_high: float
    same_patient: float


def study_distances(
    store: Store,
    *,
    target: str = "mpcwp",
    labels: Literal["links", "truth"] = "links",
    distances: Sequence[str] = ("euclidean", "dtw", "beat-euclidean", "beat-dtw", "features"),
    n_ecgs: int = 800,
    seed: int = 0,
) -> list[Known]:
    """Compare a sample of labeled ECGs with one another by each distance.

    Args:
        store: With labels.
        target: Key of `hemometric.targets.TARGETS`.
        labels: "links", or "truth" for every visit's measurement of a simulated store.
        distances: Keys of `DISTANCES`; "soft-dtw" takes minutes.
        n_ecgs: Sampled at most.
        seed: Of the sample and of the resampling.

    Raises:
        SettingsError: An unknown distance, or fewer than 50 labeled ECGs.
        LabelError: The store has no such labels.
    """
    unknown = [name for name in distances if name not in DISTANCES]
    if unknown:
        raise SettingsError(f"unknown distance {unknown[0]!r}: expected one of {', '.join(DISTANCES)}")
    labeled = measured_labels(store, target, source=labels)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(labeled), min(n_ecgs, len(labeled)), replace=False))
    if len(chosen) < 50:
        raise SettingsError(f"{store.path}: {len(chosen)} ECGs are labeled with {target}, the study needs 50 or more")
    rows, values = labeled.rows[chosen], labeled.values[chosen]
    names = store.ecgs["patient_id"].to_numpy(zero_copy_only=False)[rows].astype(np.str_)
    _, patients = np.unique(names, return_inverse=True)
    ecgs, rate_hz = store.take(rows), store.sampling_rate_hz
    known = []
    for name in distances:
        say(f"study {name}: {len(rows):,} ECGs of {patients.max() + 1:,} patients")
        matrix = _compare(ecgs, name, rate_hz)
        known.append(_know(name, matrix.astype(np.float64), values, patients, np.random.default_rng(seed)))
    return known


def study_text(known: Sequence[Known], *, target: str) -> str:
    """The table, Markdown."""
    lines = [
        f"| distance | Spearman with the difference of {target} | R2 of 16 neighbours | nearest is the same patient |",
        "|---|---|---|---|",
    ]
    for one in known:
        interval = f"{one.r2:.3f} [{one.r2_low:.3f}, {one.r2_high:.3f}]"
        lines.append(f"| {one.distance} | {one.spearman:.3f} | {interval} | {one.same_patient:.2f} |")
    return "\n".join(lines)


def plot_study(known: Sequence[Known], path: Path, *, target: str, simulated: bool) -> None:
    """Draw the R2 of the neighbours with its interval, and the share of nearest ECGs that are the same patient's."""
    figure = Figure(figsize=(9, 0.6 + 0.5 * len(known)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    places, names = np.arange(len(known))[::-1], [one.distance for one in known]
    middle = np.array([one.r2 for one in known])
    reach = np.abs(np.array([[one.r2_low, one.r2_high] for one in known]).T - middle)
    left.errorbar(middle, places, xerr=reach, fmt="o", capsize=3)
    left.axvline(0.0, color="0.6", linewidth=0.8)
    left.set(yticks=places, yticklabels=names, xlabel=f"R2 of 16 neighbours for {target}")
    right.barh(places, [one.same_patient for one in known], height=0.6)
    right.set(xlim=(0, 1), xlabel="nearest ECG is the same patient's")
    if simulated:
        figure.suptitle("SIMULATED, never clinical", fontsize=9)
    figure.savefig(path)


def _compare(ecgs: NDArray[np.float32], name: str, rate_hz: float) -> NDArray[np.float32]:
    if name in STRIPS_HZ:
        ecgs, rate_hz = to_strips(ecgs, rate_hz, to_hz=STRIPS_HZ[name]), min(STRIPS_HZ[name], rate_hz)
    return pairwise(ecgs, distance=name, sampling_rate_hz=rate_hz)


def _know(name: str, matrix: Floats, values: Floats, patients: NDArray[np.intp], rng: np.random.Generator) -> Known:
    n = len(values)
    stranger = patients[:, None] != patients[None, :]
    above = np.triu(stranger, 1)
    differences = np.abs(values[:, None] - values[None, :])
    spearman = float(spearmanr(differences[above], matrix[above]).statistic)
    among_strangers = np.where(stranger, matrix, np.inf)
    near = np.argsort(among_strangers, axis=1, kind="stable")[:, :_N_NEIGHBORS]
    errors = (values[near].mean(axis=1) - values) ** 2
    n_patients = int(patients.max()) + 1
    draws = rng.integers(n_patients, size=(_N_BOOTSTRAP, n_patients))
    weights = [np.bincount(draw, minlength=n_patients) for draw in draws]
    resampled = [_r2(errors, values, weight[patients].astype(np.float64)) for weight in weights]
    low, high = np.quantile(resampled, [0.025, 0.975])
    others = np.where(np.eye(n, dtype=np.bool_), np.inf, matrix)
    has_another = np.bincount(patients)[patients] > 1
    same = patients[others.argmin(axis=1)] == patients
    share = float(same[has_another].mean()) if has_another.any() else float("nan")
    return Known(name, spearman, _r2(errors, values, np.ones(n)), float(low), float(high), share)


def _r2(errors: Floats, values: Floats, weight: Floats) -> float:
    mean = np.average(values, weights=weight)
    return float(1.0 - np.sum(weight * errors) / np.sum(weight * (values - mean) ** 2))
