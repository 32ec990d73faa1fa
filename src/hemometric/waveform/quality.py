"""What is wrong with a 12-lead waveform, by name: what must be refused and what is only worth knowing.

Meant for the waveform as its file gives it, before resampling: rounding steps and plateaus are only visible there.
The limits were set on 556 real records (PTB-XL, PTBDB, Challenge 2021) of which the extremes were looked at: an ECG is
refused only where one of its leads is no measurement of the heart, or where the twelve leads cannot belong together.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import LEADS, Waveform
from hemometric.waveform.quality_electrodes import find_swaps, medians_of_rows
from hemometric.waveform.quality_limbs import explain_mismatch

REFUSE_CODES = ("too-short", "nan", "flat-lead", "implausible-amplitude", "saturation", "einthoven", "goldberger")
"""Why an ECG is refused. Each makes a lead, or the relation of the leads, meaningless for any later step."""

FLAG_CODES = (
    "brief-flat",
    "high-amplitude",
    "brief-saturation",
    "brief-mismatch",
    "electrode-swap",
    "leg-electrode-swap",
)
"""What is worth knowing although most of the ECG is good: the same faults as above, but short or in one place, and
signs of swapped electrodes, which are no proof."""

SHORTEST_S = 2.0
"""Below two seconds not even two beats are certain. (How long a window must be is the matter of `cut_windows`.)"""

FLAT_MV = 0.005
"""A second in which a lead moves by no more than this, one step of a common recorder, shows no heart. In 556 real
records the longest constant stretch of a lead that works is 0.39 s."""

FLAT_SHARE = 0.5
"""Share of the seconds of a lead that may be flat before it counts as missing."""

HIGH_MV = 5.0
"""Peak about the lead's median that deserves a flag: 1.4 % of the real records, most of them electrode artefacts."""

HIGHEST_BEAT_MV = 10.0
"""Highest plausible peak-to-peak of a typical second of a lead. True ones reach 6 mV; a wrong gain or unit exceeds it.
A typical second and not the peak, because single artefacts reach 11.5 mV in ECGs that are otherwise good."""

LOWEST_BEAT_MV = 0.1
"""Below this peak-to-peak in every one of the twelve leads no heart was recorded, or volts were read as millivolts."""

STORABLE_MV = 32.7
"""Beyond it a value cannot be stored as 16-bit microvolts."""

SATURATED_MV = 0.2
"""Least distance of a rail from the lead's median: small waves of rounded records touch one value by chance."""

SATURATED_SHARE = 0.02
"""Share of the samples of a lead that may be held at a rail before the ECG is refused."""

MISMATCH_MV = 0.010
"""Residual of the limb leads that rounding can explain: 1.5 steps of 5 microvolts, the coarsest that IEC 60601-2-25
allows, and a margin. The real records stay below 0.0035 mV."""

MISMATCH_STEPS = 1.5
"""The same in steps of the record, for recorders that are coarser."""

MISMATCH_OF_RANGE = 0.02
"""The same as a share of what the largest limb lead spans in a typical second: a right gain leaves a residual of
0.002, a wrong one of 0.5."""

MISMATCH_SHARE = 0.01
"""Share of the samples that may break the relation before the ECG is refused; below it is a local defect."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of an ECG.

    Attributes:
        code: One of `REFUSE_CODES` or `FLAG_CODES`.
        detail: One sentence for people: which lead, how much, what is allowed.
        refuse: Whether the ECG must not be used.
    """

    code: str
    detail: str
    refuse: bool


def assess(waveform: Waveform, *, sampling_rate_hz: float) -> tuple[Finding, ...]:
    """Name everything that is wrong with a 12-lead ECG.

    Args:
        waveform: Shape (12, n_samples), mV, leads in the order of `LEADS`, as the file gives it.
        sampling_rate_hz: Samples per second, > 0.

    Returns:
        One finding per fault, the worst lead named; empty for a good ECG. Where samples are not finite or too few,
        nothing else can be judged and that finding stands alone.

    Raises:
        ValueError: Not twelve leads, or a rate that is not positive.
    """
    if waveform.ndim != 2 or waveform.shape[0] != len(LEADS):
        raise ValueError(f"expected shape (12, n_samples), got {waveform.shape}")
    if not sampling_rate_hz > 0:
        raise ValueError(f"sampling_rate_hz must be positive, got {sampling_rate_hz}")
    n_samples = waveform.shape[1]
    if n_samples / sampling_rate_hz < SHORTEST_S:
        seconds = n_samples / sampling_rate_hz
        return (_found("too-short", f"{seconds:.2f} s of signal, at least {SHORTEST_S:g} s are needed"),)
    extremes_mv = np.stack([waveform.max(axis=1), waveform.min(axis=1)])
    lead_has_gap = ~np.isfinite(extremes_mv).all(axis=0)
    if lead_has_gap.any():
        return (_describe_gaps(waveform, lead_has_gap),)
    ranges_mv = _ranges_by_second(waveform, sampling_rate_hz)
    return (
        *_find_flat(ranges_mv),
        *_find_amplitude(waveform, extremes_mv, ranges_mv),
        *_find_saturation(waveform, extremes_mv, sampling_rate_hz),
        *_find_mismatch(waveform, ranges_mv),
        *(_found(code, detail) for code, detail in find_swaps(waveform, sampling_rate_hz=sampling_rate_hz)),
    )


def _found(code: str, detail: str) -> Finding:
    return Finding(code, detail, refuse=code in REFUSE_CODES)


def _describe_gaps(waveform: Waveform, lead_has_gap: NDArray[np.bool_]) -> Finding:
    bad = ~np.isfinite(waveform)
    leads = ", ".join(lead for lead, has_gap in zip(LEADS, lead_has_gap, strict=True) if has_gap)
    return _found("nan", f"{int(bad.sum()):,} samples without a finite value in {leads}")


def _ranges_by_second(waveform: Waveform, sampling_rate_hz: float) -> NDArray[np.float32]:
    """Return the peak-to-peak of each lead in each whole second, shape (12, n_seconds)."""
    second = max(1, round(sampling_rate_hz))
    n_seconds = waveform.shape[1] // second
    seconds = waveform[:, : n_seconds * second].reshape(len(LEADS), n_seconds, second)
    ranges: NDArray[np.float32] = seconds.max(axis=2) - seconds.min(axis=2)
    return ranges


def _find_flat(ranges_mv: NDArray[np.float32]) -> Iterator[Finding]:
    flat = (ranges_mv <= FLAT_MV).mean(axis=1)
    missing = [lead for lead, share in zip(LEADS, flat, strict=True) if share >= FLAT_SHARE]
    if missing:
        yield _found("flat-lead", f"no signal in {', '.join(missing)} (moves by <= {FLAT_MV * 1000:g} uV a second)")
    brief = [lead for lead, share in zip(LEADS, flat, strict=True) if 0 < share < FLAT_SHARE]
    if brief:
        worst = max(share for share in flat if share < FLAT_SHARE)
        yield _found("brief-flat", f"no signal in up to {worst:.0%} of the seconds of {', '.join(brief)}")


def _find_amplitude(
    waveform: Waveform, extremes_mv: NDArray[np.float32], ranges_mv: NDArray[np.float32]
) -> Iterator[Finding]:
    highest = np.abs(extremes_mv).max(axis=0)
    typical = medians_of_rows(ranges_mv)
    if typical.max() > HIGHEST_BEAT_MV:
        worst = int(typical.argmax())
        yield _found(
            "implausible-amplitude",
            f"a typical second of {LEADS[worst]} spans {typical[worst]:.4g} mV, at most {HIGHEST_BEAT_MV:g} mV are "
            "plausible: check gain and unit",
        )
    elif highest.max() > STORABLE_MV:
        worst = int(highest.argmax())
        yield _found(
            "implausible-amplitude", f"{LEADS[worst]} reaches {highest[worst]:.4g} mV, at most {STORABLE_MV:g} mV"
        )
    elif ranges_mv.max() < LOWEST_BEAT_MV:
        yield _found(
            "implausible-amplitude",
            f"no lead spans more than {ranges_mv.max():.2g} mV in any second, at least {LOWEST_BEAT_MV:g} mV are "
            "plausible: check gain and unit",
        )
    # Most leads are cleared by their range alone; the median of the others costs more than all the rest.
    suspects = np.flatnonzero(highest + np.abs(waveform[:, 0]) > HIGH_MV)
    peaks = {int(lead): float(np.abs(waveform[lead] - np.median(waveform[lead])).max()) for lead in suspects}
    if peaks and max(peaks.values()) > HIGH_MV:
        worst = max(peaks, key=peaks.__getitem__)
        yield _found("high-amplitude", f"{LEADS[worst]} peaks {peaks[worst]:.3g} mV from its median (> {HIGH_MV:g} mV)")


def _find_saturation(
    waveform: Waveform, extremes_mv: NDArray[np.float32], sampling_rate_hz: float
) -> Iterator[Finding]:
    """Find leads that stay at their very highest or lowest value again and again, or for long."""
    held = np.zeros(len(LEADS))
    for extreme in extremes_mv:
        at_extreme = waveform == extreme[:, None]
        for lead in range(len(LEADS)):
            often = np.count_nonzero(at_extreme[lead]) >= 0.02 * sampling_rate_hz
            if often and abs(extreme[lead] - np.median(waveform[lead])) >= SATURATED_MV:
                held[lead] = max(held[lead], _held_share(at_extreme[lead], sampling_rate_hz))
    worst = int(held.argmax())
    if held[worst] > 0:
        code = "saturation" if held[worst] >= SATURATED_SHARE else "brief-saturation"
        yield _found(code, f"{LEADS[worst]} is held at its extreme value for {held[worst]:.1%} of the time")


def _held_share(at_extreme: NDArray[np.bool_], sampling_rate_hz: float) -> float:
    """Return the share of samples in plateaus of three or more, or 0 where chance explains them.

    In the real records one plateau of a rounded wave lasts up to 0.13 s, and two reach the same extreme value by
    chance; three of them, or 0.2 s, do not happen to a lead that is not at its rail.
    """
    edges = np.flatnonzero(np.diff(at_extreme.astype(np.int8), prepend=0, append=0))
    lengths = edges[1::2] - edges[::2]
    plateaus = lengths[lengths >= 3]
    held_s = plateaus.sum() / sampling_rate_hz
    if held_s < 0.02 or (len(plateaus) < 3 and held_s < 0.2):
        return 0.0
    return float(plateaus.sum() / len(at_extreme))


def _find_mismatch(waveform: Waveform, ranges_mv: NDArray[np.float32]) -> Iterator[Finding]:
    """Check lead III against Einthoven (1913) and aVR, aVL, aVF against Goldberger (1942)."""
    lead_i, lead_ii = waveform[0], waveform[1]
    residuals = {
        "einthoven": np.abs(waveform[2] - (lead_ii - lead_i))[None],
        "goldberger": np.abs(
            waveform[3:6] - np.stack([-0.5 * (lead_i + lead_ii), lead_i - 0.5 * lead_ii, lead_ii - 0.5 * lead_i])
        ),
    }
    brief, advice = [], ""
    for code, residual in residuals.items():
        if residual.max() <= MISMATCH_MV:
            continue
        allowed = _explained_by_rounding(waveform[:6], ranges_mv[:6])
        broken = (residual > allowed).mean(axis=1).max()
        relative = np.sqrt(np.mean(residual**2)) / max(float(np.std(waveform[:6])), 1e-9)
        relation = "III = II - I" if code == "einthoven" else "aVR, aVL, aVF = Goldberger's sums of I and II"
        detail = (
            f"{relation} fails in {broken:.1%} of the samples by up to {residual.max():.3g} mV "
            f"({relative:.2g} of the limb leads; {allowed:.2g} mV are allowed)"
        )
        if broken > MISMATCH_SHARE:
            advice = advice or explain_mismatch(waveform[:6]).detail
            yield _found(code, f"{detail}: {advice}")
        elif broken > 0:
            brief.append(detail)
    if brief:
        yield _found("brief-mismatch", "; ".join(brief))


def _explained_by_rounding(limb_leads: Waveform, ranges_mv: NDArray[np.float32]) -> float:
    """Return the residual in mV that the rounding of the source and its gains can leave."""
    step = 0.0
    for lead in limb_leads:
        between = np.diff(np.unique(lead))
        between = between[between > 1e-4]
        step = max(step, float(between.min(initial=np.inf)) if between.size else 0.0)
    typical_range = float(medians_of_rows(ranges_mv).max())
    return max(MISMATCH_MV, MISMATCH_STEPS * step, MISMATCH_OF_RANGE * typical_range)
