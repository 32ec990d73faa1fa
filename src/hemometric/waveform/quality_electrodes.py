"""Limb electrodes that seem to have been swapped: what no equation shows, since swapped electrodes obey all of them.

What is looked for are signs that cardiologists know (Peberdy & Ornato 1993; Haisty et al. 1993; Batchvarov et al. 2007;
Kligfield et al. 2007, AHA/ACC/HRS recommendations I). Rates of detection and of false alarms are in docs/quality.md.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import LEADS, Waveform
from hemometric.waveform.features import FEATURES, describe
from hemometric.waveform.filters import bandpass

MIRRORED = -0.3
"""Correlation with V6 below which a lead is its mirror image, where its P wave is inverted too."""

MIRRORED_WITHOUT_P = -0.5
"""The same where no P wave can be measured: then the QRS complex and T wave must tell alone."""

FLAT_LIMB_MV = 0.1
"""A limb lead that spans less in a typical second shows hardly more than the difference between two legs (Haisty et al.
1993). The smallest of 1,662 leads I, II and III of the real records spans 0.13 mV."""

FLAT_LIMB_OTHERS_MV = 0.2
"""What the two other leads must span: the ECG is not small as a whole."""

_LOW_HZ, _HIGH_HZ = 1.0, 40.0
_SLOWEST_RATE_HZ = 100.0
_FILTERED = [LEADS.index(lead) for lead in ("I", "II", "V6", "V6")]
"""V6 twice: four leads share the lanes of the processor in a Fourier transform, three were measured 3 times as slow."""


def find_swaps(waveform: Waveform, *, sampling_rate_hz: float) -> Iterator[tuple[str, str]]:
    """Look for limb electrodes that were swapped.

    "electrode-swap": lead I or II looks like V6 upside down, P wave, QRS complex and T wave. V6 looks to the left
    and is not changed by a swap among both arms and the left leg. In dextrocardia V6 is changed too, and agrees with I.

    "leg-electrode-swap": one of I, II, III is nearly flat. With an arm's electrode on the right leg, two electrodes
    are on legs, which have the same potential.

    A swap of left arm and left leg leaves no sign that is rare enough otherwise, and is not looked for.

    Args:
        waveform: Shape (12, n_samples), mV, finite.
        sampling_rate_hz: Samples per second; below 100 nothing is looked for.

    Yields:
        Code and detail of each suspicion.
    """
    if sampling_rate_hz < _SLOWEST_RATE_HZ:
        return
    filtered = bandpass(waveform[_FILTERED], sampling_rate_hz=sampling_rate_hz, low_hz=_LOW_HZ, high_hz=_HIGH_HZ)
    one, two, v6 = filtered[:3].astype(np.float64)
    mirrored = [lead for lead, values in (("I", one), ("II", two)) if _correlation(values, v6) < MIRRORED]
    if mirrored:
        yield from _confirm(waveform, {"I": _correlation(one, v6), "II": _correlation(two, v6)}, sampling_rate_hz)
    yield from _find_flat_limb(np.stack([one, two, two - one]), sampling_rate_hz)


def _confirm(waveform: Waveform, likeness: dict[str, float], sampling_rate_hz: float) -> Iterator[tuple[str, str]]:
    measured = dict(zip(FEATURES, describe(waveform, sampling_rate_hz=sampling_rate_hz).tolist(), strict=True))
    told = []
    for lead, correlation in likeness.items():
        p_mv = measured[f"p_{lead}_mv"]
        if math.isnan(p_mv) and correlation < MIRRORED_WITHOUT_P:
            told.append(f"{lead} is the mirror image of V6 (correlation {correlation:.2f}; no P wave is measurable)")
        elif p_mv < 0 and correlation < MIRRORED:
            told.append(f"{lead} is the mirror image of V6 (correlation {correlation:.2f}), its P wave inverted too")
    if told:
        inverted = [text.partition(" ")[0] for text in told]
        electrodes = {"I": "right and left arm", "II": "right arm and left leg"}
        swapped = "the right arm and another" if len(inverted) == 2 else electrodes[inverted[0]]
        yield "electrode-swap", f"{'; '.join(told)}: are the electrodes of {swapped} swapped?"


def _find_flat_limb(leads: NDArray[np.float64], sampling_rate_hz: float) -> Iterator[tuple[str, str]]:
    second = round(sampling_rate_hz)
    n_seconds = leads.shape[1] // second
    seconds = leads[:, : n_seconds * second].reshape(3, n_seconds, second)
    spans_mv = medians_of_rows(np.ptp(seconds, axis=2))
    flattest = int(spans_mv.argmin())
    if spans_mv[flattest] < FLAT_LIMB_MV and np.delete(spans_mv, flattest).min() >= FLAT_LIMB_OTHERS_MV:
        lead = ("I", "II", "III")[flattest]
        arm = {"I": "both arms and both legs", "II": "right arm and right leg", "III": "left arm and right leg"}[lead]
        yield (
            "leg-electrode-swap",
            f"{lead} spans only {spans_mv[flattest] * 1000:.0f} uV in a typical second, I, II and III otherwise at "
            f"least {np.delete(spans_mv, flattest).min():.2g} mV: are the electrodes of {arm} swapped?",
        )


def medians_of_rows(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The median of each row of a small table (n_rows, n_values), as `np.median` has it, without its 50 us."""
    ascending = np.sort(values, axis=1)
    n = ascending.shape[1]
    middle: NDArray[np.floating] = (ascending[:, (n - 1) // 2] + ascending[:, n // 2]) / 2
    return middle


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Of two leads without mean; 0 where one is flat."""
    size = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / size if size > 0 else 0.0
