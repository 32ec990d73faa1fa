import numpy as np

from hemometric.simulation.anatomy import draw_anatomy, draw_recordings
from hemometric.simulation.dipoles import N_WAVES


def test_rotations_keep_the_length_of_a_dipole(make_morphology):
    rng = np.random.default_rng(0)
    still = draw_anatomy(4, rng)
    still = still._replace(lead_field_error=0 * still.lead_field_error, log_lead_gain=-50 + 0 * still.log_lead_gain)
    visit = np.zeros(4, dtype=np.int64)
    found = draw_recordings(visit, np.arange(4), anatomy=still, morphology=make_morphology(), rng=rng)
    unscaled = found.lead_field / np.linalg.norm(found.lead_field, axis=2, keepdims=True)
    dower_i = np.array([0.632, -0.235, 0.059])
    dower_ii = np.array([0.235, 1.066, -0.132])
    cosine = dower_i @ dower_ii / np.linalg.norm(dower_i) / np.linalg.norm(dower_ii)
    np.testing.assert_allclose(np.sum(unscaled[:, 0] * unscaled[:, 1], axis=1), cosine, atol=1e-9)


def test_what_no_dipole_explains_stays_with_the_patient(make_morphology):
    rng = np.random.default_rng(0)
    anatomy = draw_anatomy(2, rng)
    visit, patient = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1])
    found = draw_recordings(visit, patient, anatomy=anatomy, morphology=make_morphology(2), rng=rng)
    assert found.wave_gain.shape == (4, 8, N_WAVES)
    np.testing.assert_array_equal(found.wave_gain[0], found.wave_gain[2])
    assert not np.array_equal(found.wave_gain[0], found.wave_gain[3])


def test_two_ecgs_of_a_visit_differ_in_placement_and_noise(make_morphology):
    rng = np.random.default_rng(0)
    anatomy = draw_anatomy(1, rng)
    same = np.zeros(2, dtype=np.int64)
    found = draw_recordings(same, same, anatomy=anatomy, morphology=make_morphology(), rng=rng)
    relative = np.abs(found.lead_field[0] - found.lead_field[1]).max() / np.abs(found.lead_field[0]).max()
    assert 0.001 < relative < 0.5
    assert not np.array_equal(found.noise_mv[0], found.noise_mv[1])


def test_low_voltage_lowers_limb_leads_more_than_chest_leads_and_qrs_more_than_t(make_morphology):
    rng = np.random.default_rng(0)
    anatomy = draw_anatomy(1, rng)._replace(nondipolar=np.ones((1, 8, N_WAVES)))
    one = np.zeros(1, dtype=np.int64)
    gain = draw_recordings(one, one, anatomy=anatomy, morphology=make_morphology(log_voltage=-0.5), rng=rng).wave_gain[
        0
    ]
    assert gain[0, 5] < gain[4, 5] < 1.0
    assert gain[0, 5] < gain[0, -1] < 1.0
