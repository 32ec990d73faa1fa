"""The compiled beat detection against the same in plain numpy, as it was before it was compiled."""

import numpy as np
import pytest

from hemometric.formats import find_records, read_ecg
from hemometric.waveform import beats, beats_kernel, find_r_peaks, resample


def plain_smooth(values, width):
    half = width // 2
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(half + 1, half)], mode="edge")
    total = np.cumsum(padded, axis=-1, dtype=np.float64)
    return ((total[..., 2 * half + 1 :] - total[..., : -2 * half - 1]) / (2 * half + 1)).astype(np.float32)


def plain_maxima(values, segment):
    n_segments = values.shape[-1] // segment
    return values[..., : n_segments * segment].reshape(*values.shape[:-1], n_segments, segment).max(axis=-1)


def plain_envelope(waveform, reach, segment):
    slopes = np.zeros(waveform.shape, dtype=np.float32)
    half = reach // 2
    slopes[:, half : half - reach or None] = np.abs(waveform[:, reach:] - waveform[:, :-reach])
    typical = np.median(plain_maxima(slopes, segment), axis=1)
    usable = typical > 1e-4
    slopes, typical = slopes[usable], typical[usable]
    slopes = np.minimum(slopes, 1.5 * typical[:, None])
    weights = np.clip(typical / np.maximum(slopes.mean(axis=1), 1e-9) - 2.0, 0.1, 4.0)
    return (weights / (weights.sum() * typical)) @ slopes


def plain_pick(envelope, threshold, refractory):
    inner = envelope[1:-1]
    candidates = np.flatnonzero((inner >= envelope[:-2]) & (inner > envelope[2:]) & (inner > threshold)) + 1
    chosen = []
    for candidate in candidates.tolist():
        if chosen and candidate - chosen[-1] < refractory:
            if envelope[candidate] > envelope[chosen[-1]]:
                chosen[-1] = candidate
        else:
            chosen.append(candidate)
    return chosen


def plain_move(waveform, rough, reach, smooth):
    offsets = np.arange(-reach - smooth, reach + smooth + 1)
    around = waveform[:, np.clip(rough[:, None] + offsets, 0, waveform.shape[1] - 1)]
    level = 0.5 * (around[..., :smooth].mean(axis=-1) + around[..., -smooth:].mean(axis=-1))
    smoothed = plain_smooth(around - level[..., None], smooth)[..., smooth:-smooth]
    sizes = np.median(np.abs(smoothed).max(axis=-1), axis=1)
    limit = np.minimum(1.5 * sizes, 3.0 * np.median(sizes))[:, None, None]
    smoothed = np.clip(smoothed, -limit, limit)
    typical = np.median(smoothed, axis=1)
    direction = typical[:, np.einsum("lt,lt->t", typical, typical).argmax()]
    along = np.einsum("lbt,l->bt", smoothed, direction)
    length = np.einsum("lbt,lbt->bt", smoothed, smoothed)
    points_there = along.max(axis=1) >= 0.3 * float(direction @ direction)
    return rough + np.where(points_there, along.argmax(axis=1), length.argmax(axis=1)) - reach


def plain_cut(waveform, peaks, before, after):
    cut = waveform[:, peaks[:, None] + np.arange(-before, after)].transpose(1, 0, 2)
    return cut - cut.mean(axis=2, keepdims=True, dtype=np.float64)


def plain_shifts(waveform, peaks, template, *, before, n_shift):
    reach = round(before * 0.4)
    offsets = np.arange(-reach - n_shift, reach + n_shift + 1)
    around = waveform[:, np.clip(peaks[:, None] + offsets, 0, waveform.shape[1] - 1)]
    around = around - around.mean(axis=-1, keepdims=True)
    complex_ = template[:, before - reach : before + reach + 1]
    complex_ = complex_ - complex_.mean(axis=-1, keepdims=True)
    windows = np.lib.stride_tricks.sliding_window_view(around, 2 * reach + 1, axis=-1)
    return np.einsum("lbst,lt->bs", windows, complex_).argmax(axis=1) - n_shift


def plain_peaks(waveform, rate):
    segment = round(1.5 * rate)
    envelope = plain_smooth(plain_envelope(waveform, round(0.024 * rate), segment), round(0.08 * rate) | 1)
    level = np.median(plain_maxima(envelope, segment))
    if level <= 1.5 * np.median(envelope):
        return np.empty(0, dtype=np.intp)
    rough = np.array(plain_pick(envelope, 0.30 * level, 0.24 * rate))
    kept = []
    for peak in rough.tolist():
        soon = kept and peak - kept[-1] < 0.40 * rate
        if not (soon and envelope[peak] < 0.45 * envelope[kept[-1]]):
            kept.append(peak)
    moved = plain_move(waveform, np.array(kept), round(0.07 * rate), round(0.02 * rate) | 1)
    peaks = np.unique(np.clip(moved, 0, waveform.shape[1] - 1))
    return np.delete(peaks, np.flatnonzero(np.diff(peaks) < 0.24 * rate) + 1)


def plain_median_beat(waveform, peaks, rate):
    """Return the median beat and which beats it is made of."""
    before, after = beats.beat_window(rate)
    inside = peaks[(peaks >= before) & (peaks + after <= waveform.shape[1])]
    cut = plain_cut(waveform, inside, before, after)
    if len(cut) >= 3:
        shifts = plain_shifts(waveform, inside, np.median(cut, axis=0), before=before, n_shift=round(0.04 * rate))
        cut = plain_cut(waveform, np.clip(inside + shifts, before, waveform.shape[1] - after), before, after)
    flat, typical = cut.reshape(len(cut), -1), np.median(cut, axis=0).ravel()
    correlation = flat @ typical / np.sqrt((flat**2).sum(axis=1) * (typical @ typical))
    alike = correlation >= min(0.85, np.median(correlation))
    return np.median(cut[alike], axis=0), alike


def assert_as_plain(waveform, rate):
    """Same peaks and same choice of beats to the last one, median beats within 1e-5 mV."""
    peaks = find_r_peaks(waveform, sampling_rate_hz=rate)
    np.testing.assert_array_equal(peaks, plain_peaks(waveform, rate))
    cut = beats.cut_beats(waveform, peaks, sampling_rate_hz=rate)
    if len(cut) < 2:
        return
    beat, alike = beats.typical_beat(cut)
    expected, expected_alike = plain_median_beat(waveform, peaks, rate)
    np.testing.assert_array_equal(alike, expected_alike)
    np.testing.assert_allclose(beat, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("rate_hz", [100.0, 250.0, 360.0, 500.0, 1000.0])
@pytest.mark.parametrize("seed", range(4))
def test_made_up_ecgs_give_the_same_beats_as_plain_numpy(make_ecg, rate_hz, seed):
    rng = np.random.default_rng([seed, 7])
    beats_s = 0.1 + np.cumsum(rng.uniform(0.36, 1.3, 25))
    ecg = make_ecg(beats_s[beats_s < 9.9], sampling_rate_hz=rate_hz, noise_mv=0.03, seed=seed)
    ecg[8, : ecg.shape[1] // 4] -= np.float32(30.0)
    ecg[9] = 0.0
    assert_as_plain(ecg, rate_hz)


def test_recorded_ecgs_give_the_same_beats_as_plain_numpy(real_data):
    records = [*find_records(real_data / "ptbxl")[::9], *find_records(real_data / "challenge2021")]
    for record in records:
        ecg = read_ecg(record)
        assert_as_plain(ecg.waveform, ecg.sampling_rate_hz)
        assert_as_plain(resample(ecg.waveform, from_hz=ecg.sampling_rate_hz, to_hz=250.0), 250.0)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 11, 16, 17, 33, 150])
def test_the_median_over_any_number_of_beats_is_the_median(n):
    values = np.random.default_rng(n).normal(size=(n, 3, 40)).astype(np.float32)
    values[n // 2, :, 5:9] = values[0, :, 5:9]
    found = beats_kernel.median_over_beats(values, 4, 37)
    np.testing.assert_allclose(found, np.median(values, axis=0)[:, 4:37], rtol=0, atol=1e-7)


@pytest.mark.parametrize("width", [1, 3, 21, 79])
def test_the_moving_average_holds_the_ends(width):
    values = np.random.default_rng(width).normal(size=60).astype(np.float32)
    np.testing.assert_allclose(beats_kernel.smooth(values, width), plain_smooth(values, width), rtol=0, atol=1e-6)


def test_an_array_that_is_not_contiguous_gives_the_same_beats(make_ecg):
    ecg = make_ecg(np.arange(0.5, 9.8, 0.8), noise_mv=0.02)
    turned = np.asfortranarray(ecg)
    found = [find_r_peaks(waveform, sampling_rate_hz=250.0) for waveform in (ecg, turned)]
    np.testing.assert_array_equal(*found)
    medians = [beats.median_beat(waveform, sampling_rate_hz=250.0) for waveform in (ecg, turned)]
    np.testing.assert_array_equal(*medians)
