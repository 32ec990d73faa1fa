import numpy as np

from hemometric.simulation.dipoles import N_WAVES, build_waves, qrs_onset_s


def test_every_visit_has_all_waves(make_morphology):
    waves = build_waves(make_morphology(3))
    assert waves.centre_s.shape == waves.width_s.shape == (3, N_WAVES)
    assert waves.dipole_mv.shape == (3, N_WAVES, 3)
    assert (waves.width_s > 0).all()


def test_pr_moves_the_p_wave_and_nothing_else(make_morphology):
    short, long = build_waves(make_morphology(pr_ms=150.0)), build_waves(make_morphology(pr_ms=190.0))
    moved = long.centre_s - short.centre_s
    np.testing.assert_allclose(moved[0, :2], -0.040)
    np.testing.assert_allclose(moved[0, 2:], 0.0)


def test_a_loaded_left_atrium_points_back_and_lasts(make_morphology):
    usual, loaded = (
        build_waves(make_morphology()),
        build_waves(make_morphology(p_terminal_force_mv_s=0.06, p_duration_ms=140.0)),
    )
    assert loaded.dipole_mv[0, 1, 2] > 2.0 * usual.dipole_mv[0, 1, 2]
    assert loaded.width_s[0, 1] > usual.width_s[0, 1]


def test_atrial_fibrillation_has_no_p_wave_and_no_gaps(make_morphology):
    waves = build_waves(make_morphology(atrial_fibrillation=1.0))
    assert all(np.isfinite(part).all() for part in waves)
    assert (waves.dipole_mv[0, :2] == 0).all()


def test_the_t_wave_peaks_before_the_end_of_qt(make_morphology):
    morphology = make_morphology(heart_rate_bpm=60.0, qtc_ms=400.0)
    end_of_t_s = qrs_onset_s(morphology)[0] + 0.400
    peaks = build_waves(morphology).centre_s[0, -2:]
    assert (peaks < end_of_t_s - 0.05).all()
    assert (peaks > end_of_t_s - 0.15).all()


def test_strain_turns_the_t_wave_away_from_the_left(make_morphology):
    t_to_the_left = [
        build_waves(make_morphology(strain=strain, qrs_t_angle_deg=45.0)).dipole_mv[0, -2, 0]
        for strain in (0.0, 0.5, 1.0)
    ]
    assert t_to_the_left[0] > t_to_the_left[1] > 0 > t_to_the_left[2]


def test_a_higher_axis_turns_the_main_vector_down(make_morphology):
    def angle(axis_deg):
        x, y, _ = build_waves(make_morphology(axis_deg=axis_deg)).dipole_mv[0, 2:12].sum(axis=0)
        return np.rad2deg(np.arctan2(y, x))

    assert abs(angle(90.0) - angle(30.0) - 42.0) < 1e-6
