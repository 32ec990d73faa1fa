"""The loops over samples of `hemometric.simulation.rendering`: beats, atria, electrodes and device, ECG by ECG."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hemometric.ecg import INDEPENDENT_ROWS
from hemometric.simulation.noise import NoiseBank

_I16 = NDArray[np.int16]
_F32 = NDArray[np.float32]
_F64 = NDArray[np.float64]

N_LEADS = 8
START_S = -0.45
"""Begin of a template in seconds from R."""
N_TEMPLATE = 1280
STEP_S = 0.001

_N_ELECTRODES = 9
_RECOVERY_S = 0.08
_TRANSITION_S = 0.08
_RANGE_UV = 16_000
"""Of the converter, either way; chosen so that lead III still fits 16 bits."""
_F_WAVES = np.array([[0.25, 0.6, 1.0, 0.6, 0.35, 0.25, 0.2, 0.2], [-0.15, 0.3, 0.15, 0.3, 0.25, 0.2, 0.15, 0.1]])
"""Share of each lead in two waves: the atria's main front, largest in V1, and what passes V1 by."""
_TWO_PI = 2.0 * np.pi


class Strips(NamedTuple):
    """What the kernel needs of b ECGs; amplitudes in mV, times in seconds."""

    r_s: _F64
    recovery_pace: _F64
    beat_gain: _F64
    premature: NDArray[np.bool_]
    noise_mv: _F32
    noise_start: NDArray[np.int64]
    filter: NDArray[np.int64]
    fibrillation: _F64
    fibrillation_start: _F64
    mains: _F64
    phase: _F64


@njit(cache=True, error_model="numpy")
def render_batch(
    strips: Strips,
    templates: _F32,
    bank: NoiseBank,
    sampling_rate_hz: float,
    converter: tuple[np.float32, int, int],
    out: _I16,
) -> None:
    """Render b ECGs into `out`, shape (b, 8, n_samples) or (b, 12, n_samples), whole microvolts.

    Args:
        strips: What each ECG is made of.
        templates: Shape (b, 2, 8, 1280) mV at 1 kHz: the normal and the premature beat.
        bank: Noise at the rate of the ECGs.
        sampling_rate_hz: Of the ECGs.
        converter: Share of the distance by which the high-pass' level follows a sample, samples after which it has
            settled, and the step in microvolts.
        out: Is written.
    """
    level_gain, n_settled, lsb_uv = converter
    n_samples = out.shape[2]
    strip = np.empty((N_LEADS, n_samples), dtype=np.float32)
    electrodes = np.empty((_N_ELECTRODES, n_samples), dtype=np.float32)
    for ecg in range(out.shape[0]):
        strip[:] = 0.0
        spans = (_span(templates[ecg, 0]), _span(templates[ecg, 1]))
        for beat in range(strips.r_s.shape[1]):
            r_s = strips.r_s[ecg, beat]
            if r_s * sampling_rate_hz > n_samples - START_S * sampling_rate_hz:
                break
            is_premature = 1 if strips.premature[ecg, beat] else 0
            pace = 1.0 if is_premature else strips.recovery_pace[ecg, beat]
            timing = (r_s, pace, strips.beat_gain[ecg, beat])
            _add_beat(strip, templates[ecg, is_premature], spans[is_premature], timing, sampling_rate_hz)
        _add_fibrillation(strip, strips.fibrillation[ecg], strips.fibrillation_start[ecg], bank.fibrillation)
        _fill_with_noise(electrodes, strips.noise_mv[ecg], strips.noise_start[ecg], bank, strips.filter[ecg])
        _add_mains(electrodes, strips.mains[ecg], strips.phase[ecg], sampling_rate_hz)
        _add_electrodes(strip, electrodes)
        if level_gain > 0.0:
            _remove_drift(strip, level_gain, n_settled)
        _quantise(strip, lsb_uv, out[ecg])


@njit(cache=True, error_model="numpy")
def _span(template: _F32) -> tuple[int, int]:
    """First and last sample between which any lead of a template (8, n) is not zero; empty where all are."""
    first, last = template.shape[1], 0
    for lead in range(template.shape[0]):
        row = template[lead]
        k = 0
        while k < first and row[k] == 0.0:
            k += 1
        first = min(first, k)
        k = template.shape[1]
        while k > last and row[k - 1] == 0.0:
            k -= 1
        last = max(last, k)
    return first, last


@njit(cache=True, error_model="numpy")
def _add_beat(
    strip: _F32,
    template: _F32,
    span: tuple[int, int],
    timing: tuple[float, float, float],
    sampling_rate_hz: float,
) -> None:
    """Add a template (8, n) at R with linear interpolation; time after QRS comes to run at `pace`."""
    r_s, pace, gain = timing
    begin_s, end_s = START_S + (span[0] - 1) * STEP_S, START_S + min(span[1], N_TEMPLATE - 2) * STEP_S
    if end_s > _RECOVERY_S:
        end_s = max(_RECOVERY_S + 0.5 * _TRANSITION_S, _RECOVERY_S + (end_s - _RECOVERY_S) / pace)
    first = max(0, math.ceil((r_s + max(begin_s, START_S)) * sampling_rate_hz))
    last = min(strip.shape[1], math.floor((r_s + end_s) * sampling_rate_hz) + 1)
    n = max(0, last - first)
    below = np.empty(n, dtype=np.int32)
    weight = np.empty(n, dtype=np.float32)
    for k in range(n):
        tau = (first + k) / sampling_rate_hz - r_s
        since = max(tau - (_RECOVERY_S - 0.5 * _TRANSITION_S), 0.0)
        delayed = since * since / (2.0 * _TRANSITION_S) if since < _TRANSITION_S else since - 0.5 * _TRANSITION_S
        position = (tau + (pace - 1.0) * delayed - START_S) / STEP_S
        below[k] = min(max(int(position), 0), N_TEMPLATE - 2)
        weight[k] = position - below[k]
    scale = np.float32(gain)
    for lead in range(strip.shape[0]):
        row, target = template[lead], strip[lead]
        for k in range(n):
            i = below[k]
            target[first + k] += scale * (row[i] + weight[k] * (row[i + 1] - row[i]))


@njit(cache=True, error_model="numpy")
def _add_fibrillation(strip: _F32, wave: _F64, starts: _F64, bank: _F32) -> None:
    """Two pieces of fibrillation waves, at the patient's speed, which the leads see in different shares."""
    amplitude, speed = wave
    if amplitude == 0.0:
        return
    values = np.empty((2, strip.shape[1]), dtype=np.float32)
    for piece in range(2):
        for k in range(strip.shape[1]):
            position = starts[piece] + speed * k
            i = int(position)
            values[piece, k] = amplitude * (bank[i] + (position - i) * (bank[i + 1] - bank[i]))
    for lead in range(strip.shape[0]):
        a, b = np.float32(_F_WAVES[0, lead]), np.float32(_F_WAVES[1, lead])
        for k in range(strip.shape[1]):
            strip[lead, k] += a * values[0, k] + b * values[1, k]


@njit(cache=True, error_model="numpy")
def _fill_with_noise(
    electrodes: _F32, noise_mv: _F32, start: NDArray[np.int64], bank: NoiseBank, low_pass: int
) -> None:
    """Fill the electrodes (9, n) with a sum of pieces of the bank."""
    n = electrodes.shape[1]
    for electrode in range(electrodes.shape[0]):
        a = bank.wander[start[0, electrode] : start[0, electrode] + n]
        b = bank.muscle[low_pass, start[1, electrode] : start[1, electrode] + n]
        c = bank.motion[start[2, electrode] : start[2, electrode] + n]
        ga, gb, gc = noise_mv[0, electrode], noise_mv[1, electrode], noise_mv[2, electrode]
        for k in range(n):
            electrodes[electrode, k] = ga * a[k] + gb * b[k] + gc * c[k]


@njit(cache=True, error_model="numpy")
def _add_mains(electrodes: _F32, mains: _F64, phase: float, sampling_rate_hz: float) -> None:
    """Mains hum, a little different at each electrode."""
    amplitude, rate_hz = mains
    if amplitude == 0.0:
        return
    value = np.empty(electrodes.shape[1], dtype=np.float32)
    for k in range(electrodes.shape[1]):
        value[k] = amplitude * math.sin(_TWO_PI * (rate_hz * k / sampling_rate_hz + phase))
    for electrode in range(electrodes.shape[0]):
        share = np.float32(0.4 + 0.15 * electrode)
        for k in range(electrodes.shape[1]):
            electrodes[electrode, k] += value[k] * share


@njit(cache=True, error_model="numpy")
def _add_electrodes(strip: _F32, electrodes: _F32) -> None:
    """Add to I, II, V1-V6 what right arm, left arm, left leg and V1-V6 add: against the right arm, or all three."""
    right_arm, left_arm, left_leg = electrodes[0], electrodes[1], electrodes[2]
    third = np.float32(1.0 / 3.0)
    for k in range(strip.shape[1]):
        strip[0, k] += left_arm[k] - right_arm[k]
        strip[1, k] += left_leg[k] - right_arm[k]
    for k in range(strip.shape[1]):
        right_arm[k] = (right_arm[k] + left_arm[k] + left_leg[k]) * third
    for lead in range(2, strip.shape[0]):
        row, chest = strip[lead], electrodes[lead + 1]
        for k in range(strip.shape[1]):
            row[k] += chest[k] - right_arm[k]


@njit(cache=True, error_model="numpy")
def _remove_drift(strip: _F32, level_gain: np.float32, n_settled: int) -> None:
    """First-order high-pass of each lead, as if the device had been on: its level starts at the mean of what comes.

    All leads go forward together, since each waits for its own last level.
    """
    level = np.zeros(strip.shape[0], dtype=np.float32)
    for k in range(n_settled):
        for lead in range(strip.shape[0]):
            level[lead] += strip[lead, k]
    level /= np.float32(n_settled)
    for k in range(strip.shape[1]):
        for lead in range(strip.shape[0]):
            above = strip[lead, k] - level[lead]
            level[lead] += level_gain * above
            strip[lead, k] = above


@njit(cache=True, error_model="numpy")
def _quantise(strip: _F32, lsb_uv: int, out: _I16) -> None:
    """Leads (8, n) to whole steps of the converter, and twelve derived from them where `out` has as many rows."""
    steps_per_mv, limit = np.float32(1000.0 / lsb_uv), np.float32(_RANGE_UV // lsb_uv)
    step, shift = np.int32(lsb_uv), np.int32(_RANGE_UV + 1)
    to_nearest = np.float32(_RANGE_UV + 1.5)
    twelve = out.shape[0] > N_LEADS
    for lead in range(N_LEADS):
        row, target = strip[lead], out[INDEPENDENT_ROWS[lead] if twelve else lead]
        for k in range(strip.shape[1]):
            steps = min(max(row[k] * steps_per_mv, -limit), limit)
            target[k] = (np.int32(steps + to_nearest) - shift) * step
    if twelve:
        for k in range(strip.shape[1]):
            i, ii = np.int32(out[0, k]), np.int32(out[1, k])
            out[2, k] = ii - i
            out[3, k] = (np.int32(1) - i - ii) >> 1
            out[4, k] = (i + i - ii + np.int32(1)) >> 1
            out[5, k] = (ii + ii - i + np.int32(1)) >> 1
