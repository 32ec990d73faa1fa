"""Hand-made inputs: axes, the terminal force of P in V1, and the typical beat."""

import numpy as np
import pytest

from hemometric.ecg import derive_leads
from hemometric.errors import RunError
from hemometric.evaluation.hand_made import (
    MEASURED,
    BeatAxes,
    fit_beat_axes,
    measure_hand_made,
    read_hand_made,
)
from hemometric.waveform import FEATURES, describe_batch, resample

RATE_HZ = 250.0


def ecg(*, axis_deg: float = 30.0, terminal_mv: float = 0.0, terminal_s: float = 0.03, seed: int = 0) -> np.ndarray:
    """Beats at 72 per minute whose QRS complex points to `axis_deg`; P in V1 may end with a negative half."""
    seconds = np.arange(round(10 * RATE_HZ)) / RATE_HZ
    in_beat = (seconds - 0.3) % (60 / 72)
    in_beat = np.where(in_beat > 0.5, in_beat - 60 / 72, in_beat)

    def wave(at_s, width_s):
        return np.exp(-0.5 * ((in_beat - at_s) / width_s) ** 2)

    qrs, t, p = wave(0, 0.012), 0.3 * wave(0.28, 0.05), 0.12 * wave(-0.17, 0.02)
    up_down = np.sin(np.radians(axis_deg)) * np.sqrt(3) / 2
    lead_i = np.cos(np.radians(axis_deg))
    lead_ii = up_down + lead_i / 2
    chest = np.array([-0.5, -0.3, 0.3, 0.8, 1.0, 0.8])
    eight = np.concatenate([np.array([lead_i, lead_ii]), chest])[:, None] * qrs + 0.5 * t + p
    eight[2] -= terminal_mv * wave(-0.17 + 0.04, terminal_s / 2.5)
    noise = 0.003 * np.random.default_rng(seed).normal(size=eight.shape)
    return derive_leads((eight + noise).astype(np.float32))


def measured(*ecgs: np.ndarray) -> dict[str, np.ndarray]:
    found = measure_hand_made(np.stack(ecgs), sampling_rate_hz=RATE_HZ).measured
    return dict(zip(MEASURED, found.T, strict=True))


@pytest.mark.parametrize("axis_deg", [-60.0, 0.0, 45.0, 100.0])
def test_the_qrs_axis_is_where_the_vector_points(axis_deg: float):
    found = measured(ecg(axis_deg=axis_deg))
    said = np.degrees(np.arctan2(found["qrs_axis_sin"], found["qrs_axis_cos"]))[0]
    assert said == pytest.approx(axis_deg, abs=8)


def test_the_terminal_force_grows_with_depth_and_duration_of_the_negative_end_of_p():
    found = measured(ecg(), ecg(terminal_mv=0.06), ecg(terminal_mv=0.12), ecg(terminal_mv=0.12, terminal_s=0.045))[
        "p_terminal_force_V1_mv_ms"
    ]
    assert found[0] < 0.5
    assert (np.diff(found) > 0.5).all()


def test_the_features_of_the_waveform_come_first_and_are_the_same():
    waveforms = np.stack([ecg(), ecg(axis_deg=90.0)])
    found = measure_hand_made(waveforms, sampling_rate_hz=RATE_HZ).measured
    np.testing.assert_array_equal(found[:, : len(FEATURES)], describe_batch(waveforms, sampling_rate_hz=RATE_HZ))


def test_a_typical_beat_is_the_same_at_another_sampling_rate():
    waveform = ecg()
    fast = measure_hand_made(waveform[None], sampling_rate_hz=RATE_HZ).beats
    slow = measure_hand_made(resample(waveform, from_hz=RATE_HZ, to_hz=125.0)[None], sampling_rate_hz=125.0).beats
    assert fast.shape == (1, 560)
    assert np.abs(fast - slow).mean() < 0.02


def test_an_ecg_without_beats_has_neither_measurements_nor_a_beat():
    silent = np.zeros((1, 12, 2500), dtype=np.float32)
    found = measure_hand_made(silent, sampling_rate_hz=RATE_HZ)
    assert np.isnan(found.beats).all()
    assert np.isnan(found.measured[0, MEASURED.index("qrs_axis_cos")])


def test_beat_axes_are_principal_components_and_keep_what_varies():
    rng = np.random.default_rng(0)
    shapes = np.linalg.qr(rng.normal(size=(560, 3)))[0].T
    beats = rng.normal(size=(200, 3)) * [5.0, 2.0, 1.0] @ shapes + 0.3
    beats[7] = np.nan
    axes = fit_beat_axes(beats, n_axes=3)
    scores = axes.scores(beats)
    assert np.isnan(scores[7]).all()
    known = np.delete(scores, 7, axis=0)
    assert known.std(axis=0) == pytest.approx([5.0, 2.0, 1.0], rel=0.15)
    assert np.abs(np.abs(np.array(axes.axes) @ shapes.T) - np.eye(3)).max() < 0.2
    assert axes.names == ("beat_axis_1_mv", "beat_axis_2_mv", "beat_axis_3_mv")
    assert BeatAxes.model_validate_json(axes.model_dump_json()) == axes


def test_too_few_beats_give_no_axes():
    axes = fit_beat_axes(np.full((5, 560), np.nan))
    assert axes.scores(np.zeros((2, 560))).shape == (2, 0)


def test_a_store_is_measured_row_by_row_in_order(store):
    rows = np.array([5, 3])
    found = read_hand_made(store, rows)
    expected = measure_hand_made(store.take(rows), sampling_rate_hz=100.0)
    np.testing.assert_array_equal(found.measured, expected.measured)
    np.testing.assert_array_equal(found.beats, expected.beats)
    assert read_hand_made(store, rows[:0]).measured.shape == (0, len(MEASURED))


def test_a_store_of_too_low_a_rate_is_refused(write_labelled_store, tmp_path):
    slow = write_labelled_store(tmp_path / "slow", n_patients=2, rate_hz=60.0)
    with pytest.raises(RunError, match="`features` needs 100"):
        read_hand_made(slow, np.array([0]))
