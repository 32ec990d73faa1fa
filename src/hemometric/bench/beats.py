"""R peaks and typical beats: ours in twelve leads against neurokit2 in one."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hemometric.bench.race import Untyped, need, race_with_one_thread
from hemometric.bench.results import Result
from hemometric.ecg import LEADS, Waveform
from hemometric.errors import EcgError, HemometricError
from hemometric.waveform import find_r_peaks, median_beat
from hemometric.waveform.beats import beat_window

Peaks = NDArray[np.intp]

_RATE_HZ = 250.0
_TOLERANCE_S = 0.075
_MARGIN_S = 0.3
_LEAST_AGREEMENT = 0.95


def bench_beats(repeats: int, quick: bool) -> list[Result]:
    """R peaks, and peaks with the median beat of twelve leads, one thread, on simulated ECGs of 10 s at 250 Hz.

    neurokit2 looks at lead II alone, in its fastest form: no cleaning, `ecg_findpeaks` for `ecg_peaks`, and its beats
    are cut by numpy, since its own `ecg_segment` makes a table of each beat. So the comparison is in its favour. Ours
    finds the peaks a second time for the median beat, as its two functions do, and aligns the beats.
    """
    peer = need("neurokit2", "neurokit2", "dev")
    ecgs = _simulate_ecgs(n_patients=2 if quick else 256)
    find_theirs = partial(_find_by_neurokit2, peer)
    _check_agree([_find_ours(ecg) for ecg in ecgs], [find_theirs(ecg) for ecg in ecgs], n_samples=ecgs.shape[2])
    results = []
    for what, ours, theirs, peer_name in (
        ("R peaks", _find_ours, find_theirs, "neurokit2 in lead II"),
        ("R peaks and median beat", _describe_ours, partial(_describe_theirs, find_theirs), "neurokit2 and numpy"),
    ):
        label = ("beats", f"{what}, {len(ecgs):,} simulated ECGs", "ECG/s")
        sides = partial(_for_each, ours, ecgs), partial(_for_each, theirs, ecgs)
        _warm_up(sides[0], sides[1])
        counts = (len(ecgs), len(ecgs))
        results += race_with_one_thread(label, *sides, counts=counts, repeats=repeats, peer_name=peer_name)
    return results


def _simulate_ecgs(n_patients: int) -> Waveform:
    """Draw a cohort's ECGs, shape (n, 12, 2500), mV."""
    from hemometric.simulation import CohortSettings, draw_people, render_people

    settings = CohortSettings(n_patients=n_patients, sampling_rate_hz=_RATE_HZ)
    rendered = []
    for chunk in range(settings.n_chunks):
        people = draw_people(settings, chunk)
        most = len(people.labelled) * len(settings.visits.ecgs)
        buffer = np.empty((most, len(LEADS), settings.n_samples), dtype=np.int16)
        rendered.append(render_people(settings, people, out=buffer)[0].astype(np.float32) / 1000.0)
    return np.concatenate(rendered)


def _for_each(work: Callable[[Waveform], Untyped], ecgs: Waveform) -> None:
    for ecg in ecgs:
        work(ecg)


def _warm_up(*sides: Callable[[], None]) -> None:
    for side in sides:
        side()


def _find_ours(ecg: Waveform) -> Peaks:
    return find_r_peaks(ecg, sampling_rate_hz=_RATE_HZ)


def _find_by_neurokit2(library: Untyped, ecg: Waveform) -> Peaks:
    found = library.ecg_findpeaks(ecg[LEADS.index("II")], sampling_rate=round(_RATE_HZ))
    return np.asarray(found["ECG_R_Peaks"], dtype=np.intp)


def _describe_ours(ecg: Waveform) -> tuple[Peaks, Waveform | None]:
    peaks = _find_ours(ecg)
    try:
        return peaks, median_beat(ecg, sampling_rate_hz=_RATE_HZ)
    except EcgError:
        return peaks, None


def _describe_theirs(find: Callable[[Waveform], Peaks], ecg: Waveform) -> tuple[Peaks, Waveform | None]:
    peaks = find(ecg)
    before, after = beat_window(_RATE_HZ)
    inside = peaks[(peaks >= before) & (peaks + after <= ecg.shape[1])]
    if len(inside) < 2:
        return peaks, None
    beats = np.stack([ecg[:, peak - before : peak + after] for peak in inside])
    return peaks, np.median(beats, axis=0)


def _check_agree(ours: list[Peaks], theirs: list[Peaks], *, n_samples: int) -> None:
    """Refuse to go on unless each side finds 95 % of the other's beats within 75 ms, those near the ends left out."""
    pairs = list(zip(ours, theirs, strict=True))
    shares = [
        _share_found(pairs, n_samples=n_samples),
        _share_found([(b, a) for a, b in pairs], n_samples=n_samples),
    ]
    if not min(shares) >= _LEAST_AGREEMENT:
        raise HemometricError(
            f"benchmark beats: ours and neurokit2 disagree (neurokit2 has {shares[0]:.1%} of our beats, we have "
            f"{shares[1]:.1%} of its), so their speeds mean nothing; report this"
        )


def _share_found(pairs: list[tuple[Peaks, Peaks]], *, n_samples: int) -> float:
    """Which part of the first side's beats the second side has; 0 where there are none."""
    margin, tolerance = _MARGIN_S * _RATE_HZ, _TOLERANCE_S * _RATE_HZ
    n_found, n_all = 0, 0
    for beats, others in pairs:
        wanted = beats[(beats >= margin) & (beats < n_samples - margin)]
        n_all += len(wanted)
        if len(others):
            n_found += int((np.abs(wanted[:, None] - others[None, :]).min(axis=1) <= tolerance).sum())
    return n_found / max(n_all, 1)
