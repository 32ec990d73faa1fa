"""How well a classifier tells recorded normal ECGs from simulated ones, and by what.

    python -m validation.realism [DATA]        # DATA (or HEMOMETRIC_REAL_DATA) holds ptbxl/

Recorded: normals of the odd folds of PTB-XL, which the simulator's normal beats were not fitted to (its amplitudes;
other numbers of the simulator were chosen by people who had seen figures of PTB-XL). Simulated: sinus rhythm, no heart
failure, block, pacing, premature beats or drugs, through the default device, of the recorded ones' sex and nearest age.
One ECG of each patient; both sides go through the same code. The ages of the simulated patients are drawn around those
of the recorded ones, because a catheterisation laboratory sees hardly anybody below 40.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft, rfftfreq
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import hemometric
from hemometric.ecg import INDEPENDENT_LEADS, INDEPENDENT_ROWS, Waveform
from hemometric.errors import EcgError
from hemometric.simulation import PHENOTYPES, CohortSettings, draw_people
from hemometric.waveform import FEATURES, bandpass, describe, find_r_peaks, median_beat, resample
from validation.drawing import Drawn, render_one_each
from validation.ptbxl_normals import NormalEcg, normals

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

RATE_HZ = 500.0
SHAPE_RATE_HZ = 100.0
BAND_HZ = (0.5, 40.0)
"""Everything but the noise is measured in this band, so that a device's filter does not pass for a heart's shape."""

N_SHAPE_COMPONENTS = 40
INTERVALS = (
    "heart_rate_per_min",
    "log_rr_sd_ms",
    "log_rr_rmssd_ms",
    "ectopic_share",
    "qrs_duration_ms",
    "t_peak_ms",
    "p_peak_ms",
)
AMPLITUDES = tuple(name for name in FEATURES if name not in INTERVALS)

_N_FOLDS, _N_REPEATS, _N_BOOTSTRAP, _N_LARGEST = 5, 2, 1000, 5
_N_DRAWN_PER_RECORDED = 16
_LEAST_MEASURED = 0.05
_AROUND_QRS_S = (0.08, 0.12)
_NOISE_ABOVE_HZ, _WANDER_BELOW_HZ = 40.0, 0.5


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group of features.

    Attributes:
        name: Of the group.
        n_features: How many; of the shape, its samples before they are reduced to 40 components.
        auroc: Of telling simulated from recorded: the better of two classifiers, cross-validated. Because the better
            one is taken, about .51 is to be expected where there is no difference.
        low: Lower end of its bootstrap 95 % interval.
        high: Upper end.
        largest: Up to five features with the largest standardized mean differences, simulated minus recorded.
    """

    name: str
    n_features: int
    auroc: float
    low: float
    high: float
    largest: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Realism:
    """The comparison.

    Attributes:
        n_real: Recorded ECGs.
        n_simulated: Simulated ECGs.
        groups: "age and sex" (which were matched), "intervals", "amplitudes", "shape", "noise" and "all" but the first.
    """

    n_real: int
    n_simulated: int
    groups: tuple[GroupRow, ...]


class Measured(NamedTuple):
    """Features of n ECGs: a name for each column of (n, n_features)."""

    names: tuple[str, ...]
    values: Floats


class Samples(NamedTuple):
    """Both samples: `groups` by name, shape (n, n_features) each; `simulated`, shape (n,), marks the simulated rows."""

    simulated: Bools
    groups: dict[str, Measured]


def compare(data: Path, *, n: int = 200, seed: int = 0) -> Realism:
    """Compare recorded normals with as many simulated ones.

    Args:
        data: Folder that holds ptbxl/.
        n: Recorded ECGs at most.
        seed: Of the choice of recorded ECGs, of the cohort and of the cross-validation.
    """
    with threadpool_limits(1):
        samples = measure_samples(data, n=n, seed=seed)
        rows = [_compare_group(name, [name], samples, seed) for name in samples.groups]
        rows.append(_compare_group("all", [name for name in samples.groups if name != "age and sex"], samples, seed))
    n_simulated = int(samples.simulated.sum())
    return Realism(len(samples.simulated) - n_simulated, n_simulated, tuple(rows))


def measure_samples(data: Path, *, n: int, seed: int) -> Samples:
    """Read the recorded ECGs, render the simulated ones and measure both."""
    recorded = normals(data, odd=True)
    if len(recorded) > n:
        recorded = [recorded[row] for row in np.sort(np.random.default_rng(seed).permutation(len(recorded))[:n])]
    ages = np.array([ecg.age_years for ecg in recorded])
    women = np.array([ecg.female for ecg in recorded])
    simulated, simulated_ages, simulated_women = _draw_alike(ages, women, seed)
    waveforms = np.concatenate([np.stack([_read(ecg) for ecg in recorded]), simulated])
    people = np.column_stack([np.append(ages, simulated_ages), np.append(women, simulated_women)])
    shape = [_shape(waveform) for waveform in waveforms]
    usable = np.array([beat is not None for beat in shape])
    described = np.array([_describe(waveform) for waveform in waveforms[usable]])
    beats = np.array([beat for beat in shape if beat is not None])
    n_beat = beats.shape[1] // len(INDEPENDENT_LEADS)
    noise = np.array([measure_noise(waveform) for waveform in waveforms[usable]])
    return Samples(
        (np.arange(len(waveforms)) >= len(recorded))[usable],
        {
            "age and sex": Measured(("age_years", "female"), people[usable].astype(np.float64)),
            "intervals": _pick(described, INTERVALS),
            "amplitudes": _pick(described, AMPLITUDES),
            "shape": Measured(_shape_names(n_beat), beats),
            "noise": Measured(_noise_names(), noise),
        },
    )


def measure_noise(waveform: Waveform) -> Floats:
    """Measure noise and wander of the eight independent leads.

    Args:
        waveform: Shape (12, n_samples), mV, 500 Hz.

    Returns:
        Shape (16,): logarithms (base 10) of the RMS in microvolt above 40 Hz away from QRS complexes, lead by lead, and
        of that below 0.5 Hz.
    """
    leads = 1000.0 * waveform[list(INDEPENDENT_ROWS)].astype(np.float64)
    n_samples = leads.shape[1]
    spectrum = rfft(leads - leads.mean(axis=1, keepdims=True), axis=1)
    hz = rfftfreq(n_samples, 1.0 / RATE_HZ)
    fast = irfft(spectrum * (hz > _NOISE_ABOVE_HZ), n_samples, axis=1)
    slow = irfft(spectrum * (hz < _WANDER_BELOW_HZ), n_samples, axis=1)
    before, after = (round(seconds * RATE_HZ) for seconds in _AROUND_QRS_S)
    quiet = np.ones(n_samples, dtype=np.bool_)
    for peak in find_r_peaks(waveform, sampling_rate_hz=RATE_HZ):
        quiet[max(peak - before, 0) : peak + after] = False
    rms = [np.sqrt(np.mean(part**2, axis=1)) for part in (fast[:, quiet], slow)]
    found: Floats = np.log10(np.maximum(np.concatenate(rms), 1e-2))
    return found


def _noise_names() -> tuple[str, ...]:
    kinds = ("log10_rms_above_40_hz", "log10_rms_below_0.5_hz")
    return tuple(f"{kind}_{lead}_uv" for kind in kinds for lead in INDEPENDENT_LEADS)


def _read(normal: NormalEcg) -> Waveform:
    return hemometric.read_ecg(normal.path).waveform


def _draw_alike(ages: Floats, women: Bools, seed: int) -> tuple[Waveform, Floats, Bools]:
    """Simulate, for each recorded ECG, one of the same sex and the nearest age that is left."""
    shares = {name: {"share": 1.0 if name == "no_hf" else 0.0} for name in PHENOTYPES}
    people: dict[str, Any] = {**shares, "age_sd_years": float(np.clip(ages.std(), 0.0, 25.0))}
    people["no_hf"] |= {"age_years": float(np.clip(ages.mean(), 22.0, 92.0)), "female": float(women.mean())}
    n_patients = _N_DRAWN_PER_RECORDED * len(ages)
    settings = CohortSettings.model_validate(
        {"n_patients": n_patients, "seed": seed, "sampling_rate_hz": RATE_HZ, "people": people}
    )
    drawn = Drawn(settings, tuple(draw_people(settings, chunk) for chunk in range(settings.n_chunks)))
    normal = np.flatnonzero(drawn.is_normal)
    candidates = normal[np.unique(drawn.patient[normal], return_index=True)[1]]
    age, female = drawn.trait("age_years"), drawn.trait("female")
    chosen: list[int] = []
    for wanted_age, wanted_female in zip(ages, women, strict=True):
        left = np.setdiff1d(candidates[female[candidates] == wanted_female], chosen)
        chosen.append(int(left[np.abs(age[left] - wanted_age).argmin()]))
    rows = np.sort(np.array(chosen))
    return render_one_each(drawn, rows), age[rows], female[rows]


def _pick(described: Floats, names: tuple[str, ...]) -> Measured:
    return Measured(names, described[:, [FEATURES.index(name) for name in names]])


def _in_band(waveform: Waveform) -> Waveform:
    low, high = BAND_HZ
    return bandpass(waveform, sampling_rate_hz=RATE_HZ, low_hz=low, high_hz=high)


def _describe(waveform: Waveform) -> Floats:
    return describe(_in_band(waveform), sampling_rate_hz=RATE_HZ)


def _shape(waveform: Waveform) -> Floats | None:
    """Return the median beat of the eight leads at 100 Hz, one lead after another; None where there is none."""
    try:
        beat = median_beat(_in_band(waveform)[list(INDEPENDENT_ROWS)], sampling_rate_hz=RATE_HZ)
    except EcgError:
        return None
    return resample(beat, from_hz=RATE_HZ, to_hz=SHAPE_RATE_HZ).ravel().astype(np.float64)


def _shape_names(n_beat: int) -> tuple[str, ...]:
    n_before = round(0.25 * SHAPE_RATE_HZ)
    step_ms = 1000.0 / SHAPE_RATE_HZ
    return tuple(f"{lead}_at_{(k - n_before) * step_ms:+.0f}_ms" for lead in INDEPENDENT_LEADS for k in range(n_beat))


def _compare_group(name: str, members: Sequence[str], samples: Samples, seed: int) -> GroupRow:
    parts = [samples.groups[member] for member in members]
    names = tuple(column for part in parts for column in part.names)
    values = np.concatenate([part.values for part in parts], axis=1)
    is_shape = np.concatenate([np.full(len(part.names), part is samples.groups["shape"]) for part in parts])
    kept = np.isfinite(values).mean(axis=0) > _LEAST_MEASURED
    names, values = tuple(np.array(names)[kept]), values[:, kept]
    scores = _score(values, is_shape[kept], samples.simulated, seed)
    auroc, low, high = _interval(scores, samples.simulated, seed)
    d = standardized_differences(values, samples.simulated)
    return GroupRow(name, len(names), auroc, low, high, _largest(names, d, is_shape[kept]))


def standardized_differences(values: Floats, simulated: Bools) -> Floats:
    """Return the mean of the simulated minus that of the recorded, in pooled SDs, of each column of (n, n_features).

    What was not measured (NaN) is left out.
    """
    ours, theirs = values[simulated], values[~simulated]
    sd = np.sqrt((np.nanvar(ours, axis=0, ddof=1) + np.nanvar(theirs, axis=0, ddof=1)) / 2.0)
    found: Floats = (np.nanmean(ours, axis=0) - np.nanmean(theirs, axis=0)) / np.maximum(sd, 1e-9)
    return found


def _largest(names: Sequence[str], d: Floats, is_shape: Bools) -> tuple[tuple[str, float], ...]:
    """Name the largest differences; of the shape's samples one of each lead, as neighbours say the same."""
    found: list[tuple[str, float]] = []
    leads: set[str] = set()
    for column in np.argsort(-np.abs(d), kind="stable"):
        lead = names[column].partition("_")[0] if is_shape[column] else ""
        if lead in leads:
            continue
        if lead:
            leads.add(lead)
        found.append((str(names[column]), float(d[column])))
        if len(found) == _N_LARGEST:
            break
    return tuple(found)


def _score(values: Floats, is_shape: Bools, simulated: Bools, seed: int) -> Floats:
    """Score each ECG by classifiers that have not seen it, shape (2 classifiers, 2 repeats, n)."""
    scores = np.zeros((2, _N_REPEATS, len(values)))
    for repeat in range(_N_REPEATS):
        folds = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=seed + repeat)
        for train, test in folds.split(values, simulated):
            for k, model in enumerate(_classifiers(is_shape, seed)):
                model.fit(values[train], simulated[train])
                scores[k, repeat, test] = model.predict_proba(values[test])[:, 1]
    return scores


def _classifiers(is_shape: Bools, seed: int) -> tuple[Any, Any]:
    """Build a logistic regression and a forest; the beat's samples reach both as principal components."""

    def prepare() -> ColumnTransformer:
        imputer = SimpleImputer(strategy="median", add_indicator=True)
        return ColumnTransformer(
            [
                ("shape", PCA(N_SHAPE_COMPONENTS, svd_solver="full"), np.flatnonzero(is_shape)),
                ("other", imputer, np.flatnonzero(~is_shape)),
            ]
        )

    logistic = LogisticRegression(C=0.1, max_iter=5000)
    forest = RandomForestClassifier(300, min_samples_leaf=2, random_state=seed)
    return make_pipeline(prepare(), StandardScaler(), logistic), make_pipeline(prepare(), forest)


def _interval(scores: Floats, simulated: Bools, seed: int) -> tuple[float, float, float]:
    """Return the AUROC of the better classifier, mean of its repeats, with the bootstrap 95 % interval over ECGs."""

    def auroc(classifier: int, rows: Ints) -> float:
        return float(np.mean([roc_auc_score(simulated[rows], repeat[rows]) for repeat in scores[classifier]]))

    everything = np.arange(len(simulated))
    better = int(np.argmax([auroc(k, everything) for k in range(len(scores))]))
    rng = np.random.default_rng(seed)
    sides = [np.flatnonzero(simulated == side) for side in (False, True)]
    resampled = [
        auroc(better, np.concatenate([rng.choice(side, len(side)) for side in sides])) for _ in range(_N_BOOTSTRAP)
    ]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return auroc(better, everything), float(low), float(high)


def main() -> None:
    """Compare and print."""
    folder = sys.argv[1] if len(sys.argv) == 2 else os.environ.get("HEMOMETRIC_REAL_DATA", "")
    if len(sys.argv) > 2 or not folder:
        sys.exit("usage: python -m validation.realism [DATA]   (a folder that holds ptbxl/, or HEMOMETRIC_REAL_DATA)")
    found = compare(Path(folder))
    print(f"{found.n_real} recorded and {found.n_simulated} simulated normal ECGs; d = simulated - recorded, in SDs")
    for group in found.groups:
        interval = f"{group.auroc:.3f} [{group.low:.3f}, {group.high:.3f}]"
        print(f"{group.name:<12} {group.n_features:>4} features   AUROC {interval}")
        for name, d in group.largest:
            print(f"    {d:+6.2f}  {name}")


if __name__ == "__main__":
    main()
