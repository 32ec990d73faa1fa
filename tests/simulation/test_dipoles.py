import numpy as np
import pytest

from hemometric.simulation import dipoles
from hemometric.simulation.dipoles import ADDED_WITH_QRS, N_ADDED, qrs_onset_s, shape_normal_beats
from hemometric.simulation.normal_beats import (
    DOWER,
    LEFT_ATRIUM,
    N_NORMAL,
    QRS,
    RIGHT_ATRIUM,
    P,
    T,
    draw_normal_beats,
    frontal_axis_deg,
    spatial_angle_deg,
)

V1, V2, V5, V6 = 2, 3, 6, 7


def build_waves(morphology):
    return dipoles.build_waves(morphology, np.ones(len(morphology.pr_ms)))


def _beats(n):
    return draw_normal_beats(
        np.full(n, 60.0),
        np.zeros(n, dtype=np.bool_),
        axis_deg=np.full(n, 40.0),
        qrs_t_angle_deg=np.full(n, 70.0),
        rng=np.random.default_rng(3),
    )


def _leads(morphology):
    """What the average chest sees of the normal and the added waves, shape (n, 8, K)."""
    dipole, rest = shape_normal_beats(_beats(len(morphology.pr_ms)), morphology)
    added = DOWER @ np.moveaxis(build_waves(morphology).added_mv, 1, 2)
    return np.concatenate([DOWER @ dipole + rest, added], axis=2)


def test_every_visit_has_all_waves(make_morphology):
    waves = build_waves(make_morphology(3))
    assert waves.centre_s.shape == waves.width_s.shape == (3, N_NORMAL + N_ADDED)
    assert waves.added_mv.shape == (3, N_ADDED, 3)
    assert (waves.width_s > 0).all()


def test_pr_moves_the_p_wave_and_nothing_else(make_morphology):
    short, long = build_waves(make_morphology(pr_ms=150.0)), build_waves(make_morphology(pr_ms=190.0))
    moved = (long.centre_s - short.centre_s)[0]
    np.testing.assert_allclose(moved[P], -0.040)
    np.testing.assert_allclose(np.delete(moved, np.arange(P.start, P.stop)), 0.0)


def test_a_loaded_left_atrium_is_deep_in_v1(make_morphology):
    usual, loaded = (_leads(make_morphology(20, p_terminal_force_mv_s=force)) for force in (0.025, 0.06))
    assert (loaded[:, V1, LEFT_ATRIUM] < usual[:, V1, LEFT_ATRIUM] - 0.03).all()
    np.testing.assert_allclose(loaded[:, :, RIGHT_ATRIUM], usual[:, :, RIGHT_ATRIUM])


def test_a_large_right_atrium_is_tall_in_ii(make_morphology):
    usual, large = (_leads(make_morphology(20, ra_amplitude_mv=size)) for size in (0.11, 0.25))
    assert large[:, 1, RIGHT_ATRIUM].mean() > 1.8 * usual[:, 1, RIGHT_ATRIUM].mean() > 0.0


def test_atrial_fibrillation_has_no_p_wave_and_no_gaps(make_morphology):
    seen = _leads(make_morphology(5, atrial_fibrillation=1.0))
    assert np.isfinite(seen).all()
    assert (seen[..., P] == 0).all()


def test_the_t_wave_peaks_before_the_end_of_qt(make_morphology):
    morphology = make_morphology(heart_rate_bpm=60.0, qtc_ms=400.0)
    end_of_t_s = qrs_onset_s(morphology)[0] + 0.400
    peak = build_waves(morphology).centre_s[0, T][4]
    assert end_of_t_s - 0.13 < peak < end_of_t_s - 0.08


@pytest.mark.parametrize("axis_deg", [-60.0, 0.0, 40.0, 90.0, 130.0])
def test_qrs_gets_the_axis_that_is_wanted(make_morphology, axis_deg):
    dipole, _ = shape_normal_beats(_beats(40), make_morphology(40, axis_deg=axis_deg))
    assert np.quantile(np.abs(frontal_axis_deg(dipole) - axis_deg), 0.95) < 2.0


@pytest.mark.parametrize("angle_deg", [20.0, 70.0, 140.0])
def test_t_gets_the_angle_to_qrs_that_is_wanted(make_morphology, angle_deg):
    dipole, _ = shape_normal_beats(_beats(40), make_morphology(40, qrs_t_angle_deg=angle_deg))
    np.testing.assert_allclose(spatial_angle_deg(dipole), angle_deg, atol=1e-6)


def test_strain_inverts_the_t_wave_of_the_lateral_leads(make_morphology):
    none, marked = (
        _leads(make_morphology(40, strain=strain, qrs_t_angle_deg=angle))
        for strain, angle in ((0.0, 70.0), (1.0, 130.0))
    )
    t_waves = np.r_[np.arange(T.start, T.stop), np.flatnonzero(~ADDED_WITH_QRS)[:3] + N_NORMAL]
    for lead in (0, V5, V6):
        assert np.mean(none[:, lead][:, t_waves].sum(axis=1) > 0) > 0.9
        assert np.mean(marked[:, lead][:, t_waves].sum(axis=1) < 0) > 0.9


def test_right_strain_inverts_the_t_wave_of_v1_and_v2(make_morphology):
    seen = _leads(make_morphology(40, rv_strain=1.0, log_r_v1=0.3, axis_deg=110.0))
    t_waves = np.r_[np.arange(T.start, T.stop), np.flatnonzero(~ADDED_WITH_QRS)[:3] + N_NORMAL]
    for lead in (V1, V2):
        assert np.mean(seen[:, lead][:, t_waves].sum(axis=1) < 0) > 0.8


@pytest.mark.parametrize("changed", [{"lbbb": 1.0, "qrs_ms": 145.0}, {"paced": 1.0, "qrs_ms": 160.0}])
def test_what_is_not_conducted_normally_leaves_no_normal_qrs_and_a_discordant_t(make_morphology, changed):
    seen = _leads(make_morphology(10, **changed))
    assert (seen[..., QRS] == 0).all()
    assert (seen[..., T] == 0).all()
    qrs = seen[..., N_NORMAL:][..., :10].sum(axis=2)
    t = seen[..., N_NORMAL:][..., 10:13].sum(axis=2)
    clear = np.abs(qrs) > 0.5 * np.abs(qrs).max()
    assert (np.sign(qrs) == -np.sign(t))[clear].all()


def test_a_right_block_is_late_and_to_the_right(make_morphology):
    usual, blocked = _leads(make_morphology(10)), _leads(make_morphology(10, rbbb=1.0, qrs_ms=130.0))
    late = (blocked - usual)[..., N_NORMAL + 1]
    assert (late[:, V1] > 0.4).all()
    assert (late[:, [0, V6]] < -0.2).all()


def test_a_spike_stands_before_a_paced_beat_alone(make_morphology):
    paced, usual = build_waves(make_morphology(paced=1.0, qrs_ms=160.0)), build_waves(make_morphology())
    spike = np.flatnonzero(ADDED_WITH_QRS)[-1]
    assert np.linalg.norm(paced.added_mv[0, spike]) > 1.0
    assert np.linalg.norm(usual.added_mv[0, spike]) == 0.0
    onset_s = qrs_onset_s(make_morphology(paced=1.0, qrs_ms=160.0))[0]
    assert paced.centre_s[0, N_NORMAL + spike] < onset_s
    assert paced.width_s[0, N_NORMAL + spike] < 0.002


def test_digoxin_pulls_st_down_where_qrs_points_up(make_morphology):
    scoop = _leads(make_morphology(5, digoxin=1.0))[..., -1]
    assert (scoop[:, [0, 1, V5, V6]] < -0.03).all()
