import numpy as np
import pytest

from hemometric.simulation.anatomy import Sources, draw_anatomy, draw_recordings
from hemometric.simulation.dipoles import N_ADDED, build_waves
from hemometric.simulation.normal_beats import N_NORMAL, QRS, T
from hemometric.simulation.settings import DeviceSettings


@pytest.fixture
def record(make_morphology):
    """Return a function that draws recordings of visits of patients, with a device and a morphology of one's own."""

    def draw(visit, patient, *, device=None, seed=0, **changed):
        rng = np.random.default_rng(0)
        n = int(np.max(patient)) + 1
        morphology = make_morphology(int(np.max(visit)) + 1, **changed)
        anatomy = draw_anatomy(
            np.full(n, 60.0),
            np.zeros(n, dtype=np.bool_),
            axis_deg=np.full(n, 40.0),
            qrs_t_angle_deg=np.full(n, 70.0),
            rng=rng,
        )
        sources = Sources(
            np.array(visit),
            np.array(patient),
            morphology,
            build_waves(morphology, np.ones(len(morphology.pr_ms))),
            anatomy,
        )
        return draw_recordings(sources, device=device or DeviceSettings(), rng=np.random.default_rng(seed))

    return draw


def test_a_patients_beat_stays_from_visit_to_visit_and_is_not_anothers(record):
    found = record([0, 0, 1, 1], [0, 0, 0, 1]).seen_mv
    assert found.shape == (4, 8, N_NORMAL + N_ADDED)

    def alike(a, b):
        return np.corrcoef(found[a].ravel(), found[b].ravel())[0, 1]

    assert min(alike(0, 1), alike(0, 2)) > 0.98
    assert alike(2, 3) < 0.97


def test_two_ecgs_of_a_visit_differ_in_placement_and_noise(record):
    found = record([0, 0], [0, 0])
    relative = np.abs(found.seen_mv[0] - found.seen_mv[1]).max() / np.abs(found.seen_mv[0]).max()
    assert 0.001 < relative < 0.3
    assert not np.array_equal(found.noise_mv[0], found.noise_mv[1])


def test_electrodes_that_are_never_displaced_see_the_same(record):
    found = record([0, 0], [0, 0], device=DeviceSettings(placement=0.0))
    np.testing.assert_allclose(found.seen_mv[0], found.seen_mv[1])


def test_low_voltage_lowers_limb_leads_more_than_chest_leads_and_qrs_more_than_t(record):
    usual, low = (record([0], [0], log_voltage=log).seen_mv[0] for log in (0.0, -0.5))
    largest = np.argmax(np.abs(usual[:, QRS]), axis=1)
    gain = np.take_along_axis(low[:, QRS] / usual[:, QRS], largest[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(gain[:2], np.exp(-0.5))
    np.testing.assert_allclose(gain[2:], np.exp(-0.5 * 0.75))
    np.testing.assert_allclose(low[0, T] / usual[0, T], np.exp(-0.5 * 0.8))


def test_the_device_decides_on_filter_hum_gain_and_noise(record):
    device = DeviceSettings(low_pass_hz=(100.0,), mains_hz=60.0, mains=1.0, gain=1.2, noise=0.0)
    visit = [0] * 30
    found, usual = record(visit, visit, device=device), record(visit, visit)
    assert set(found.mains_hz) == {60.0}
    assert (found.mains_mv > 0).all()
    assert 0.02 < np.mean(usual.mains_mv > 0) < 0.4
    assert (found.noise_mv == 0).all()
    np.testing.assert_allclose(found.seen_mv, 1.2 * usual.seen_mv)
    # A Gaussian of this width in time lets half of the power through at the edge.
    np.testing.assert_allclose(np.exp(-2.0 * (np.pi * found.low_pass_s * 100.0) ** 2), np.sqrt(0.5))
    assert len(set(usual.low_pass_s)) == 3
