"""From Gaussians, lead fields, beats and noise to ECGs in whole microvolts.

Per ECG the beat is drawn once at 1 kHz for the eight independent leads (and once more for a premature beat), then every
beat adds its template, stretched in time, to the strip: what overlaps (P on T, a premature beat on the T before it)
adds up, as dipoles do, and no beat ends in a step. The template is finished to the last filter before it is sampled, so
any rate costs what its samples cost.
"""

import math
from typing import NamedTuple

import numpy as np
import scipy.fft
from numba import njit
from numpy.typing import NDArray

from hemometric.simulation.anatomy import Anatomy, Recordings
from hemometric.simulation.dipoles import Waves
from hemometric.simulation.morphology import Morphology
from hemometric.simulation.rhythm import Beats

Microvolts = NDArray[np.int16]
_F32 = NDArray[np.float32]
_F64 = NDArray[np.float64]

_N_LEADS = 8
_N_LIMB = 3
_START_S = -0.45
_N_TEMPLATE = 1280
_STEP_S = 0.001
_REACH = 5.0
_RECOVERY_S = 0.06
_LSB_UV = np.int16(5)
_STEPS_PER_MV = np.float32(200.0)
_BATCH = 64
_SHARP_FILTER_BELOW_HZ = 240.0
_F_WAVE = np.array([0.25, 0.6, 1.0, 0.6, 0.35, 0.25, 0.2, 0.2], dtype=np.float32)
_TWO_PI = 2.0 * np.pi

_PVC_CENTRE_S = np.array([0.005, 0.055, 0.340])
_PVC_WIDTH_S = np.array([0.024, 0.027, 0.062])


class Scene(NamedTuple):
    """What the ECGs of a group of patients share.

    Attributes:
        morphology: Of their visits.
        waves: `build_waves(morphology)`.
        anatomy: Of the patients.
        noise: Shape (3, n), `noise_bank` at the rate of the ECGs.
    """

    morphology: Morphology
    waves: Waves
    anatomy: Anatomy
    noise: _F32


class _Strips(NamedTuple):
    """What the kernel needs of b ECGs; amplitudes in mV, times in seconds."""

    r_s: _F64
    recovery_pace: _F64
    beat_gain: _F64
    premature: NDArray[np.bool_]
    noise_mv: _F32
    noise_start: NDArray[np.int64]
    fibrillation: _F64
    mains: _F64
    phase: _F64


def render(
    recordings: Recordings,
    beats: Beats,
    *,
    scene: Scene,
    sampling_rate_hz: float,
    n_samples: int,
    rng: np.random.Generator,
) -> Microvolts:
    """Render n ECGs.

    Noise is added and the sum rounded to steps of 5 microvolts in the eight leads I, II, V1-V6; III, aVR, aVL and aVF
    are left to be derived from them, so they obey Einthoven and Goldberger exactly.

    Args:
        recordings: Placement and noise of each ECG.
        beats: Its rhythm.
        scene: The patients and visits that `recordings` points to.
        sampling_rate_hz: At least 100.
        n_samples: Per lead.
        rng: Source of randomness (which pieces of noise).

    Returns:
        Shape (n, 8, n_samples), int16 microvolt.

    Raises:
        ValueError: The rate is below 100 Hz, or the bank of noise is shorter than an ECG.
    """
    n, n_noise = len(recordings.visit), scene.noise.shape[1]
    if sampling_rate_hz < 100.0:
        raise ValueError(f"expected a sampling rate of at least 100 Hz, got {sampling_rate_hz:g}")
    if n_noise <= n_samples:
        raise ValueError(f"the bank of noise has {n_noise} samples, an ECG {n_samples}")
    starts = rng.integers(0, n_noise - n_samples, recordings.noise_mv.shape)
    signs = rng.choice(np.array([-1.0, 1.0]), recordings.noise_mv.shape)
    strips = _strips(recordings._replace(noise_mv=recordings.noise_mv * signs), beats, starts, scene, sampling_rate_hz)
    out = np.empty((n, _N_LEADS, n_samples), dtype=np.int16)
    for start in range(0, n, _BATCH):
        batch = slice(start, start + _BATCH)
        templates = _templates(Recordings._make(field[batch] for field in recordings), scene, sampling_rate_hz)
        strip = _Strips._make(field[batch] for field in strips)
        _render_batch(strip, templates, scene.noise, float(sampling_rate_hz), out[batch])
    return out


def _strips(
    recordings: Recordings, beats: Beats, starts: NDArray[np.int64], scene: Scene, sampling_rate_hz: float
) -> _Strips:
    anatomy, visit, patient = scene.anatomy, recordings.visit, recordings.patient
    breathing = np.sin(_TWO_PI * (anatomy.breathing_hz[patient][:, None] * beats.r_s + recordings.phase[:, None]))
    fibrillating = scene.morphology.atrial_fibrillation[visit]
    audible = recordings.mains_hz < 0.45 * sampling_rate_hz
    return _Strips(
        r_s=beats.r_s,
        recovery_pace=beats.recovery_pace,
        beat_gain=1.0 + recordings.breathing_depth[:, None] * breathing,
        premature=beats.premature,
        noise_mv=recordings.noise_mv.astype(np.float32),
        noise_start=starts,
        fibrillation=np.column_stack([fibrillating * anatomy.f_wave_mv[patient], anatomy.f_wave_hz[patient]]),
        mains=np.column_stack([recordings.mains_mv * audible, recordings.mains_hz]),
        phase=recordings.phase,
    )


def _templates(recordings: Recordings, scene: Scene, sampling_rate_hz: float) -> _F32:
    """The normal and the premature beat at 1 kHz, shape (b, 2, 8, 1280) mV, with the device's low-pass applied.

    A Gaussian low-pass turns a Gaussian of width s into one of width sqrt(s^2 + d^2) and equal area. Where the rate is
    low, what is left above half of it is cut off sharply.
    """
    visit = recordings.visit
    low_pass_s = recordings.low_pass_s[:, None]
    width = scene.waves.width_s[visit]
    wide = np.sqrt(width**2 + low_pass_s**2)
    seen = recordings.seen_mv * (width / wide)[:, None, :]
    templates = np.zeros((len(visit), 2, _N_LEADS, _N_TEMPLATE), dtype=np.float32)
    templates[:, 0] = _draw(scene.waves.centre_s[visit], wide, seen, sampling_rate_hz)

    rows = np.flatnonzero(scene.morphology.pvc[visit])
    dipoles = _premature_dipoles(scene.anatomy.pvc_direction[recordings.patient[rows]])
    seen = np.einsum("nij,nkj->nik", recordings.lead_field[rows], dipoles)
    shape = (len(rows), len(_PVC_CENTRE_S))
    centre, width = np.broadcast_to(_PVC_CENTRE_S, shape), np.broadcast_to(_PVC_WIDTH_S, shape)
    templates[rows, 1] = _draw(centre, width, seen, sampling_rate_hz)
    return templates


def _draw(centre_s: _F64, width_s: _F64, seen_mv: _F64, sampling_rate_hz: float) -> _F32:
    """One beat of each ECG, shape (b, 8, 1280), free of what the rate cannot carry."""
    templates = np.zeros((len(centre_s), _N_LEADS, _N_TEMPLATE), dtype=np.float32)
    _add_gaussians(np.ascontiguousarray(centre_s), np.ascontiguousarray(width_s), seen_mv, templates)
    if sampling_rate_hz < _SHARP_FILTER_BELOW_HZ:
        return _cut_above(templates, cutoff_hz=0.5 * sampling_rate_hz)
    return templates


def _premature_dipoles(direction: _F64) -> _F64:
    """QRS that turns while it lasts, and a T wave against it; shape (b, 3, 3)."""
    turned = direction + 0.5 * np.roll(direction, 1, axis=1)
    return np.stack([direction, 0.8 * turned, -0.40 * (direction + turned) / 2.0], axis=1)


def _cut_above(templates: _F32, *, cutoff_hz: float) -> _F32:
    """Low-pass with a raised-cosine edge from 0.8 to 1.0 of the cutoff, without phase."""
    frequency = np.fft.rfftfreq(_N_TEMPLATE, _STEP_S)
    edge = np.clip((frequency / cutoff_hz - 0.8) / 0.2, 0.0, 1.0)
    response = (0.5 * (1.0 + np.cos(np.pi * edge))).astype(np.float32)
    filtered: _F32 = scipy.fft.irfft(scipy.fft.rfft(templates, axis=-1) * response, _N_TEMPLATE, axis=-1)
    return filtered


@njit(cache=True, error_model="numpy")
def _add_gaussians(centre_s: _F64, width_s: _F64, seen_mv: _F64, templates: _F32) -> None:
    """Add K Gaussians per ECG to templates (b, 8, n), each within five widths of its centre."""
    shape = np.empty(templates.shape[2], dtype=np.float32)
    for ecg in range(templates.shape[0]):
        for wave in range(centre_s.shape[1]):
            centre = (centre_s[ecg, wave] - _START_S) / _STEP_S
            width = width_s[ecg, wave] / _STEP_S
            first = max(0, math.ceil(centre - _REACH * width))
            last = min(templates.shape[2], math.floor(centre + _REACH * width) + 1)
            if not seen_mv[ecg, :, wave].any():
                continue
            for k in range(first, last):
                z = np.float32((k - centre) / width)
                shape[k] = math.exp(np.float32(-0.5) * z * z)
            for lead in range(templates.shape[1]):
                amplitude = np.float32(seen_mv[ecg, lead, wave])
                for k in range(first, last):
                    templates[ecg, lead, k] += amplitude * shape[k]


@njit(cache=True, error_model="numpy")
def _render_batch(strips: _Strips, templates: _F32, bank: _F32, sampling_rate_hz: float, out: Microvolts) -> None:
    n_samples = out.shape[2]
    strip = np.empty((_N_LEADS, n_samples), dtype=np.float32)
    electrodes = np.empty((_N_LIMB + 6, n_samples), dtype=np.float32)
    for ecg in range(out.shape[0]):
        strip[:] = 0.0
        for beat in range(strips.r_s.shape[1]):
            r_s = strips.r_s[ecg, beat]
            if r_s * sampling_rate_hz > n_samples - _START_S * sampling_rate_hz:
                break
            gain = strips.beat_gain[ecg, beat]
            if strips.premature[ecg, beat]:
                _add_beat(strip, templates[ecg, 1], (r_s, 1.0, gain), sampling_rate_hz)
            else:
                pace = strips.recovery_pace[ecg, beat]
                _add_beat(strip, templates[ecg, 0], (r_s, pace, gain), sampling_rate_hz)
        _add_fibrillation(strip, strips.fibrillation[ecg], strips.phase[ecg], sampling_rate_hz)
        _add_noise(electrodes, strips.noise_mv[ecg], strips.noise_start[ecg], bank)
        _add_mains(electrodes, strips.mains[ecg], strips.phase[ecg], sampling_rate_hz)
        _quantise(strip, electrodes, out[ecg])


@njit(cache=True, error_model="numpy")
def _add_beat(strip: _F32, template: _F32, beat: tuple[float, float, float], sampling_rate_hz: float) -> None:
    """Add a template (8, n) at R with linear interpolation; time after QRS runs at `pace`."""
    r_s, pace, gain = beat
    end_s = _RECOVERY_S + (_START_S + (_N_TEMPLATE - 2) * _STEP_S - _RECOVERY_S) / pace
    first = max(0, math.ceil((r_s + _START_S) * sampling_rate_hz))
    last = min(strip.shape[1], math.floor((r_s + end_s) * sampling_rate_hz))
    n = max(0, last - first)
    below = np.empty(n, dtype=np.int32)
    weight = np.empty(n, dtype=np.float32)
    for k in range(n):
        tau = (first + k) / sampling_rate_hz - r_s
        warped = _RECOVERY_S + (tau - _RECOVERY_S) * pace
        position = ((warped if tau > _RECOVERY_S else tau) - _START_S) / _STEP_S
        below[k] = min(max(int(position), 0), _N_TEMPLATE - 2)
        weight[k] = position - below[k]
    scale = np.float32(gain)
    for lead in range(strip.shape[0]):
        row, target = template[lead], strip[lead]
        for k in range(n):
            i = below[k]
            target[first + k] += scale * (row[i] + weight[k] * (row[i + 1] - row[i]))


@njit(cache=True, error_model="numpy")
def _add_fibrillation(strip: _F32, wave: _F64, phase: float, sampling_rate_hz: float) -> None:
    """Fibrillation waves of slowly wandering rate, largest in V1."""
    amplitude, rate_hz = wave
    if amplitude == 0.0:
        return
    value = np.empty(strip.shape[1], dtype=np.float32)
    for k in range(strip.shape[1]):
        t = k / sampling_rate_hz
        cycles = rate_hz * t + 0.2 * math.sin(_TWO_PI * (0.7 * t + phase)) + 0.13 * math.sin(_TWO_PI * 1.9 * t)
        depth = amplitude * (1.0 + 0.3 * math.sin(_TWO_PI * (0.43 * t + 2.0 * phase)))
        value[k] = depth * (math.sin(_TWO_PI * cycles) + 0.35 * math.sin(2.0 * _TWO_PI * cycles + 0.6))
    for lead in range(strip.shape[0]):
        for k in range(strip.shape[1]):
            strip[lead, k] += value[k] * _F_WAVE[lead]


@njit(cache=True, error_model="numpy")
def _add_noise(electrodes: _F32, noise_mv: _F32, start: NDArray[np.int64], bank: _F32) -> None:
    """Fill the electrodes (9, n) with a sum of pieces of the bank."""
    n = electrodes.shape[1]
    for electrode in range(electrodes.shape[0]):
        a = bank[0, start[0, electrode] : start[0, electrode] + n]
        b = bank[1, start[1, electrode] : start[1, electrode] + n]
        c = bank[2, start[2, electrode] : start[2, electrode] + n]
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
def _quantise(strip: _F32, electrodes: _F32, out: Microvolts) -> None:
    """Heart and electrodes (right arm, left arm, left leg, V1-V6) to whole steps of the converter."""
    right_arm, left_arm, left_leg = electrodes[0], electrodes[1], electrodes[2]
    for k in range(strip.shape[1]):
        central = (right_arm[k] + left_arm[k] + left_leg[k]) / np.float32(3.0)
        left_arm[k] -= right_arm[k]
        left_leg[k] -= right_arm[k]
        right_arm[k] = central
    for lead in range(_N_LEADS):
        electrode, reference = electrodes[lead + 1], electrodes[0]
        is_limb = np.float32(0.0 if lead < 2 else 1.0)
        for k in range(strip.shape[1]):
            value = (strip[lead, k] + electrode[k] - is_limb * reference[k]) * _STEPS_PER_MV
            limited = min(max(value, np.float32(-6500.0)), np.float32(6500.0))
            out[lead, k] = np.int16(math.floor(limited + np.float32(0.5))) * _LSB_UV
