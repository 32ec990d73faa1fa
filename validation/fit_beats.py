"""Fit the distribution of normal beats that virtual patients are drawn from.

    python -m validation.fit_beats DATA        # DATA holds ptbxl/; writes src/hemometric/simulation/normal_beats.npz

Only normal ECGs of the even folds of PTB-XL are read, one of each patient; the odd folds are for
`validation.realism`. What is written are a mean, slopes on age and sex, and principal components of the residuals, none
of which gives back anybody's ECG. The true number of components is not known: those are kept that explain 93 % of the
variance, and they are not inflated for the rest.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import hemometric
from hemometric.ecg import INDEPENDENT_ROWS
from hemometric.simulation import normal_beats
from hemometric.simulation.normal_beats import (
    FROM_LEADS,
    N_NORMAL,
    P_DURATION_S,
    QRS,
    QRS_MEASURED_S,
    P,
    T,
    frontal_axis_deg,
    place_normal_waves,
    spatial_angle_deg,
)
from hemometric.waveform import FEATURES, bandpass, describe, median_beat
from hemometric.waveform.beats import beat_window
from validation.ptbxl_normals import normals

Floats = NDArray[np.float64]

RATE_HZ = 500.0
EXPLAINED = 0.93
_RIDGE = 1e-2
_AFTER_T_PEAK_S = 0.12
_SLOPE_RIDGE = 20.0
"""Patients' worth of evidence that amplitudes do not depend on age and sex."""


def fit_amplitudes(path: Path) -> Floats | None:
    """Measure what each lead sees of each wave of one ECG, shape (8, N_NORMAL), mV; None where nothing is measured."""
    ecg = hemometric.read_ecg(path)
    waveform = bandpass(ecg.waveform, sampling_rate_hz=RATE_HZ, low_hz=0.3, high_hz=150.0)
    measured = dict(zip(FEATURES, describe(waveform, sampling_rate_hz=RATE_HZ), strict=True))
    t_peak_s, p_peak_s = measured["t_peak_ms"] / 1000.0, measured["p_peak_ms"] / 1000.0
    qrs_stretch = measured["qrs_duration_ms"] / 1000.0 / QRS_MEASURED_S
    if not np.isfinite([t_peak_s, p_peak_s, qrs_stretch]).all():
        return None
    beat = median_beat(waveform[list(INDEPENDENT_ROWS)], sampling_rate_hz=RATE_HZ).astype(np.float64)
    n_before, n_after = beat_window(RATE_HZ)
    time = np.arange(-n_before, n_after) / RATE_HZ
    centre, width = place_normal_waves(
        qrs_stretch=np.array([qrs_stretch]),
        t_peak_s=np.array([t_peak_s]),
        p_centre_s=np.array([p_peak_s]),
        p_duration_s=np.array([P_DURATION_S]),
    )
    waves = np.exp(-0.5 * ((time[:, None] - centre[0]) / width[0]) ** 2)
    level = np.column_stack([np.ones_like(time), time])
    seen = time < t_peak_s + _AFTER_T_PEAK_S
    design = np.column_stack([waves, level])[seen]
    penalty = np.diag([_RIDGE] * N_NORMAL + [0.0, 0.0])
    solution = np.linalg.solve(design.T @ design + penalty, design.T @ beat[:, seen].T)
    return np.asarray(solution[:N_NORMAL].T)


def fit(data: Path) -> dict[str, Floats]:
    """Fit mean, slopes and factors to the normal ECGs of the even folds."""
    amplitudes, ages, women = [], [], []
    for ecg in normals(data, odd=False):
        found = fit_amplitudes(ecg.path)
        if found is not None and np.isfinite(ecg.age_years):
            amplitudes.append(found)
            ages.append(ecg.age_years)
            women.append(ecg.female)
    beats = np.array(amplitudes)
    _print_usual(beats, np.array(ages), np.array(women, dtype=np.float64))
    usual_sizes = []
    for wave in (QRS, T, P):  # size is drawn elsewhere: what is fitted is shape
        size = np.sqrt(np.mean(beats[..., wave] ** 2, axis=(1, 2)))
        usual_sizes.append(np.exp(np.mean(np.log(size))))
        beats[..., wave] *= (usual_sizes[-1] / size)[:, None, None]
    covariates = np.column_stack([(np.array(ages) - 60.0) / 10.0, np.array(women, dtype=np.float64)])
    centred = covariates - covariates.mean(axis=0)
    flat = beats.reshape(len(beats), -1)
    slopes = np.linalg.solve(
        centred.T @ centred + _SLOPE_RIDGE * np.diag(centred.var(axis=0)), centred.T @ (flat - flat.mean(axis=0))
    )
    mean = flat.mean(axis=0) - covariates.mean(axis=0) @ slopes
    rest = flat - mean - covariates @ slopes
    _, sizes, directions = np.linalg.svd(rest, full_matrices=False)
    n_factors = int(np.searchsorted(np.cumsum(sizes**2) / np.sum(sizes**2), EXPLAINED)) + 1
    factors = (sizes[:n_factors, None] / np.sqrt(len(rest) - 3)) * directions[:n_factors]
    # The sign of a component is arbitrary; one that is fixed gives the same file everywhere.
    factors *= np.sign(factors[np.arange(n_factors), np.abs(factors).argmax(axis=1)])[:, None]
    print(f"{len(beats)} normal ECGs of the even folds, {n_factors} factors")
    shape = beats.shape[1:]
    return {
        "mean": mean.reshape(shape),
        "per_decade": slopes[0].reshape(shape),
        "female": slopes[1].reshape(shape),
        "factors": factors.reshape(n_factors, *shape),
        "sizes": np.array(usual_sizes),
    }


def _print_usual(beats: Floats, ages: Floats, women: Floats) -> None:
    """Print what `hemometric.simulation.morphology` takes from these ECGs: sizes and angles by age and sex."""
    design = np.column_stack([np.ones(len(ages)), (ages - 60.0) / 10.0, women])
    dipole = FROM_LEADS @ beats
    quantities = {
        "log size of QRS": np.log(np.sqrt(np.mean(beats[..., QRS] ** 2, axis=(1, 2)))),
        "log size of T": np.log(np.sqrt(np.mean(beats[..., T] ** 2, axis=(1, 2)))),
        "frontal axis, degrees": frontal_axis_deg(dipole),
        "QRS-T angle, degrees": spatial_angle_deg(dipole),
    }
    for name, values in quantities.items():
        slopes = np.linalg.lstsq(design, values, rcond=None)[0]
        rest = np.std(values - design @ slopes)
        print(f"{name}: man of 60 {slopes[0]:.3f}, per decade {slopes[1]:+.3f}, woman {slopes[2]:+.3f}, SD {rest:.3f}")
    r = np.corrcoef(quantities["log size of QRS"], quantities["log size of T"])[0, 1]
    print(f"r of the log sizes of QRS and T: {r:.2f}")


def main() -> None:
    """Fit and write the file."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m validation.fit_beats DATA   (a folder that holds ptbxl/)")
    fitted = fit(Path(sys.argv[1]))
    out = Path(normal_beats.__file__).with_name("normal_beats.npz")
    np.savez_compressed(out, allow_pickle=False, **{name: values.astype(np.float32) for name, values in fitted.items()})
    print(f"{out}: {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
