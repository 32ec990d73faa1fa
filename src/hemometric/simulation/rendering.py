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

from hemometric.ecg import LEADS
from hemometric.simulation.anatomy import Anatomy, Recordings
from hemometric.simulation.dipoles import Waves
from hemometric.simulation.morphology import Morphology
from hemometric.simulation.noise import FIBRILLATION_HZ, NoiseBank
from hemometric.simulation.rendering_kernel import (
    N_LEADS,
    N_TEMPLATE,
    START_S,
    STEP_S,
    Strips,
    render_batch,
)
from hemometric.simulation.rhythm import Beats
from hemometric.simulation.settings import DeviceSettings

Microvolts = NDArray[np.int16]
_F32 = NDArray[np.float32]
_F64 = NDArray[np.float64]

_REACH = 5.0
_SETTLED_S = 2.0
_BATCH = 64
_SHARP_FILTER_BELOW_HZ = 240.0
_TWO_PI = 2.0 * np.pi

_PVC_CENTRE_S = np.array([0.005, 0.055, 0.340])
_PVC_WIDTH_S = np.array([0.024, 0.027, 0.062])


class Scene(NamedTuple):
    """What the ECGs of a group of patients share.

    Attributes:
        morphology: Of their visits.
        waves: `build_waves` of it.
        anatomy: Of the patients.
        device: With what the recordings were drawn.
        sampling_rate_hz: At least 100.
        noise: Drawn at that rate, with the low-passes of that device.
    """

    morphology: Morphology
    waves: Waves
    anatomy: Anatomy
    device: DeviceSettings
    sampling_rate_hz: float
    noise: NoiseBank


def render(
    recordings: Recordings,
    beats: Beats,
    *,
    scene: Scene,
    n_samples: int,
    rng: np.random.Generator,
    out: Microvolts | None = None,
) -> Microvolts:
    """Render n ECGs.

    Noise is added, the device's high-pass (first order) removes drift, and the sum is rounded to the steps of its
    converter in the eight leads I, II, V1-V6. III, aVR, aVL and aVF are derived from these, as a device does, and obey
    Einthoven and Goldberger to within the rounding to whole microvolts.

    Args:
        recordings: Placement and noise of each ECG.
        beats: Its rhythm.
        scene: The patients and visits that `recordings` points to, the device and the rate.
        n_samples: Per lead.
        rng: Source of randomness (which pieces of noise).
        out: Where to write: C-contiguous int16 of shape (n, 8, n_samples), leads in the order of `INDEPENDENT_LEADS`,
            or (n, 12, n_samples), leads in the order of `LEADS`; by default a new array of eight leads.

    Returns:
        `out`, microvolts.

    Raises:
        ValueError: The rate is below 100 Hz, the bank of noise is shorter than an ECG, or `out` is not as said.
    """
    n, rate_hz, device = len(recordings.visit), float(scene.sampling_rate_hz), scene.device
    if rate_hz < 100.0:
        raise ValueError(f"expected a sampling rate of at least 100 Hz, got {rate_hz:g}")
    if out is None:
        out = np.empty((n, N_LEADS, n_samples), dtype=np.int16)
    _check_buffer(out, n, n_samples)
    strips = _strips(recordings, beats, scene, n_samples, rng)
    level_gain = np.float32(-math.expm1(-_TWO_PI * device.high_pass_hz / rate_hz))
    converter = (level_gain, min(n_samples, math.ceil(_SETTLED_S * rate_hz)), device.lsb_uv)
    for start in range(0, n, _BATCH):
        batch = slice(start, start + _BATCH)
        templates = _templates(Recordings._make(field[batch] for field in recordings), scene)
        strip = Strips._make(field[batch] for field in strips)
        render_batch(strip, templates, scene.noise, rate_hz, converter, out[batch])
    return out


def _check_buffer(out: Microvolts, n: int, n_samples: int) -> None:
    shapes = [(n, n_leads, n_samples) for n_leads in (N_LEADS, len(LEADS))]
    if out.shape not in shapes or out.dtype != np.int16 or not out.flags.c_contiguous:
        order = "C-contiguous" if out.flags.c_contiguous else "not C-contiguous"
        raise ValueError(
            f"expected a C-contiguous int16 buffer of shape {shapes[0]} or {shapes[1]}, "
            f"got {out.dtype} of shape {out.shape}, {order}"
        )


def _strips(recordings: Recordings, beats: Beats, scene: Scene, n_samples: int, rng: np.random.Generator) -> Strips:
    anatomy, visit, patient = scene.anatomy, recordings.visit, recordings.patient
    gain = scene.device.gain
    speed = anatomy.f_wave_hz[patient] / FIBRILLATION_HZ
    n_noise = len(scene.noise.wander)
    n_free = n_noise - 2 - math.ceil(n_samples * max(1.0, speed.max(initial=1.0)))
    if n_free <= 0:
        raise ValueError(f"the bank of noise has {n_noise} samples, too few for an ECG of {n_samples}")
    edge_hz = np.sqrt(np.log(2.0)) / (_TWO_PI * recordings.low_pass_s)
    breathing = np.sin(_TWO_PI * (anatomy.breathing_hz[patient][:, None] * beats.r_s + recordings.phase[:, None]))
    fibrillating = gain * scene.morphology.atrial_fibrillation[visit]
    passed = np.exp(-0.5 * np.log(2.0) * (recordings.mains_hz / edge_hz) ** 2)
    audible = gain * passed * (recordings.mains_hz < 0.45 * scene.sampling_rate_hz)
    signs = rng.choice(np.array([-1.0, 1.0]), recordings.noise_mv.shape)
    return Strips(
        r_s=beats.r_s,
        recovery_pace=beats.recovery_pace,
        beat_gain=1.0 + recordings.breathing_depth[:, None] * breathing,
        premature=beats.premature,
        noise_mv=(gain * signs * recordings.noise_mv).astype(np.float32),
        noise_start=rng.integers(0, n_free, recordings.noise_mv.shape),
        filter=np.abs(scene.noise.low_pass_hz / edge_hz[:, None] - 1.0).argmin(axis=1),
        fibrillation=np.column_stack([fibrillating * anatomy.f_wave_mv[patient], speed]),
        fibrillation_start=n_free * rng.random((len(visit), 2)),
        mains=np.column_stack([recordings.mains_mv * audible, recordings.mains_hz]),
        phase=recordings.phase,
    )


def _templates(recordings: Recordings, scene: Scene) -> _F32:
    """The normal and the premature beat at 1 kHz, shape (b, 2, 8, 1280) mV, with the device's low-pass applied.

    A Gaussian low-pass turns a Gaussian of width s into one of width sqrt(s^2 + d^2) and equal area. Where the rate is
    low, what is left above half of it is cut off sharply.
    """
    visit = recordings.visit
    low_pass_s = recordings.low_pass_s[:, None]
    width = scene.waves.width_s[visit]
    wide = np.sqrt(width**2 + low_pass_s**2)
    seen = recordings.seen_mv * (width / wide)[:, None, :]
    templates = np.zeros((len(visit), 2, N_LEADS, N_TEMPLATE), dtype=np.float32)
    templates[:, 0] = _draw(scene.waves.centre_s[visit], wide, seen, scene.sampling_rate_hz)

    rows = np.flatnonzero(scene.morphology.pvc[visit])
    dipoles = _premature_dipoles(scene.anatomy.pvc_direction[recordings.patient[rows]])
    seen = np.einsum("nij,nkj->nik", recordings.lead_field[rows], dipoles)
    shape = (len(rows), len(_PVC_CENTRE_S))
    centre, width = np.broadcast_to(_PVC_CENTRE_S, shape), np.broadcast_to(_PVC_WIDTH_S, shape)
    templates[rows, 1] = _draw(centre, width, seen, scene.sampling_rate_hz)
    return templates


def _draw(centre_s: _F64, width_s: _F64, seen_mv: _F64, sampling_rate_hz: float) -> _F32:
    """One beat of each ECG, shape (b, 8, 1280), free of what the rate cannot carry."""
    templates = np.zeros((len(centre_s), N_LEADS, N_TEMPLATE), dtype=np.float32)
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
    frequency = np.fft.rfftfreq(N_TEMPLATE, STEP_S)
    edge = np.clip((frequency / cutoff_hz - 0.8) / 0.2, 0.0, 1.0)
    response = (0.5 * (1.0 + np.cos(np.pi * edge))).astype(np.float32)
    filtered: _F32 = scipy.fft.irfft(scipy.fft.rfft(templates, axis=-1) * response, N_TEMPLATE, axis=-1)
    return filtered


@njit(cache=True, error_model="numpy")
def _add_gaussians(centre_s: _F64, width_s: _F64, seen_mv: _F64, templates: _F32) -> None:
    """Add K Gaussians per ECG to templates (b, 8, n), each within five widths of its centre."""
    shape = np.empty(templates.shape[2], dtype=np.float32)
    for ecg in range(templates.shape[0]):
        for wave in range(centre_s.shape[1]):
            centre = (centre_s[ecg, wave] - START_S) / STEP_S
            width = width_s[ecg, wave] / STEP_S
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
