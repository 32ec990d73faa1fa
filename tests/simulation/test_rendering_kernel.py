import numpy as np
import scipy.signal

from hemometric.ecg import INDEPENDENT_ROWS
from hemometric.simulation.rendering_kernel import (
    N_TEMPLATE,
    START_S,
    STEP_S,
    _add_beat,
    _quantise,
    _remove_drift,
    _span,
)


def test_the_high_pass_is_the_recursive_filter_of_the_textbook():
    strip = np.random.default_rng(0).normal(0.3, 1.0, (8, 400)).astype(np.float32)
    share = 0.02
    level = strip[:, :100].astype(np.float64).mean(axis=1)
    expected, _ = scipy.signal.lfilter([1.0, -1.0], [1.0, share - 1.0], strip.astype(np.float64), zi=-level[:, None])
    _remove_drift(strip, np.float32(share), 100)
    np.testing.assert_allclose(strip, expected, atol=1e-5)


def test_rounding_is_to_the_nearest_step_within_the_range():
    strip = np.zeros((8, 6), dtype=np.float32)
    strip[0] = [0.0024, 0.0026, -0.0024, -0.0026, 99.0, -99.0]
    strip[1] = [0.0, 0.005, 0.0, 0.005, -99.0, 99.0]
    eight, twelve = np.empty((8, 6), dtype=np.int16), np.empty((12, 6), dtype=np.int16)
    _quantise(strip, 5, eight)
    _quantise(strip, 5, twelve)
    np.testing.assert_array_equal(eight[0], [0, 5, 0, -5, 16000, -16000])
    np.testing.assert_array_equal(twelve[list(INDEPENDENT_ROWS)], eight)
    np.testing.assert_array_equal(twelve[2], [0, 0, 0, 10, -32000, 32000])
    np.testing.assert_array_equal(twelve[4], [0, 3, 0, -7, 24000, -24000])


def test_the_span_of_a_template_holds_all_that_is_not_zero():
    template = np.zeros((8, 50), dtype=np.float32)
    assert _span(template) == (50, 0)
    template[3, 7], template[5, 30] = 1.0, -1.0
    assert _span(template) == (7, 31)


def test_a_beat_is_the_template_where_it_is_sampled_and_later_runs_at_its_pace():
    template = np.zeros((8, N_TEMPLATE), dtype=np.float32)
    t = START_S + STEP_S * np.arange(N_TEMPLATE)
    template[:] = np.exp(-0.5 * (t / 0.02) ** 2) + 0.3 * np.exp(-0.5 * ((t - 0.3) / 0.03) ** 2)
    strip = np.zeros((8, 500), dtype=np.float32)
    _add_beat(strip, template, (0, N_TEMPLATE), (0.2, 1.1, 2.0), 500.0)
    tau = np.arange(500) / 500.0 - 0.2
    before = tau < 0.03
    np.testing.assert_allclose(strip[4, before], 2.0 * np.interp(tau[before], t, template[4]), atol=1e-5)
    assert abs(tau[np.argmax(np.where(tau > 0.15, strip[4], 0.0))] - (0.08 + 0.22 / 1.1)) < 0.003
    cut = np.zeros_like(strip)
    template[:, :300] = 0.0
    strip[:] = 0.0
    _add_beat(strip, template, (0, N_TEMPLATE), (0.2, 1.1, 2.0), 500.0)
    _add_beat(cut, template, _span(template), (0.2, 1.1, 2.0), 500.0)
    np.testing.assert_array_equal(cut, strip)


def test_the_change_of_pace_bends_no_wave():
    slope_mv_per_s, dt_s = 10.0, 0.002
    template = np.tile((slope_mv_per_s * STEP_S * np.arange(N_TEMPLATE)).astype(np.float32), (8, 1))
    strip = np.zeros((8, 300), dtype=np.float32)
    _add_beat(strip, template, (0, N_TEMPLATE), (0.2, 1.3, 1.0), 500.0)
    bend = np.abs(np.diff(strip[0].astype(np.float64), n=2)).max()
    assert np.diff(strip[0, -10:]).mean() > 1.25 * slope_mv_per_s * dt_s
    assert bend < 0.1 * 0.3 * slope_mv_per_s * dt_s
