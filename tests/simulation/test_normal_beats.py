import numpy as np
import pytest

from hemometric.simulation.normal_beats import (
    DOWER,
    FROM_LEADS,
    LEFT_ATRIUM,
    N_NORMAL,
    QRS,
    QRS_MEASURED_S,
    RIGHT_ATRIUM,
    P,
    T,
    draw_normal_beats,
    frontal_axis_deg,
    load_normal_beats,
    measure_qrs_s,
    place_normal_waves,
    spatial_angle_deg,
    wrap_deg,
)

V1, V2, V5, V6 = 2, 3, 6, 7


def _draw(n, *, axis_deg=40.0, angle_deg=72.0, seed=0):
    ages, women = np.full(n, 50.0), np.arange(n) % 2 == 0
    return draw_normal_beats(
        ages,
        women,
        axis_deg=np.full(n, axis_deg),
        qrs_t_angle_deg=np.full(n, angle_deg),
        rng=np.random.default_rng(seed),
    )


def test_the_average_normal_beat_is_what_every_textbook_shows():
    mean = load_normal_beats().mean
    area = {name: mean[:, wave].sum(axis=1) for name, wave in {"qrs": QRS, "t": T, "p": P}.items()}
    assert area["qrs"][[0, 1, V5, V6]].min() > 0 > area["qrs"][V1]
    assert area["t"][[0, 1, V2, V5, V6]].min() > 0
    assert area["p"][[0, 1]].min() > 0
    assert 10.0 < frontal_axis_deg(FROM_LEADS @ mean) < 60.0


def test_no_factor_gives_back_a_person():
    fitted = load_normal_beats()
    n_people = 138
    assert len(fitted.factors) < n_people / 3
    together = fitted.factors.reshape(len(fitted.factors), -1)
    overlaps = together @ together.T
    assert np.abs(overlaps - np.diag(np.diag(overlaps))).max() < 1e-4 * overlaps.max()


def test_the_axis_and_the_angle_of_the_chosen_beat_are_near_those_of_the_patient():
    rightward, leftward = _draw(100, axis_deg=80.0), _draw(100, axis_deg=0.0)
    found = [np.median(frontal_axis_deg(FROM_LEADS @ beats)) for beats in (rightward, leftward)]
    assert found[0] > 60.0
    assert found[1] < 20.0
    wide = np.median(spatial_angle_deg(FROM_LEADS @ _draw(100, angle_deg=110.0)))
    assert wide > np.median(spatial_angle_deg(FROM_LEADS @ _draw(100, angle_deg=40.0))) + 25.0


def test_every_wave_has_its_usual_size_and_no_two_patients_are_alike():
    beats = _draw(50)
    sizes = np.sqrt([np.mean(beats[..., wave] ** 2, axis=(1, 2)) for wave in (QRS, T, P)])
    np.testing.assert_allclose(sizes, np.repeat(load_normal_beats().sizes[:, None], 50, axis=1))
    assert np.corrcoef(beats[0].ravel(), beats[2].ravel())[0, 1] < 0.999


def test_a_dipole_explains_most_of_a_normal_qrs_but_not_all():
    beats = _draw(200)[..., QRS]
    rest = beats - DOWER @ (FROM_LEADS @ beats)
    share = np.sum(rest**2) / np.sum(beats**2)
    assert 0.04 < share < 0.2


def _place(**changed):
    usual = {"qrs_stretch": 1.0, "t_peak_s": 0.25, "p_centre_s": -0.15, "p_duration_s": 0.108}
    return place_normal_waves(**{name: np.array([value]) for name, value in (usual | changed).items()})


def test_a_longer_p_wave_parts_into_two_atria():
    centre, width = _place()
    longer, wider = _place(p_duration_s=0.150)
    atria = [RIGHT_ATRIUM, LEFT_ATRIUM]
    # Two equal Gaussians show a notch where they are two widths apart.
    assert np.diff(longer[0, atria]) / wider[0, LEFT_ATRIUM] > 2.0 > np.diff(centre[0, atria]) / width[0, LEFT_ATRIUM]


@pytest.mark.parametrize(
    ("changed", "wave"),
    [({"qrs_stretch": 1.3}, QRS), ({"t_peak_s": 0.30}, T), ({"p_centre_s": -0.18}, P), ({"p_duration_s": 0.13}, P)],
)
def test_each_interval_moves_its_wave_alone(changed, wave):
    moved = np.abs(_place(**changed)[0] - _place()[0])[0] > 1e-9
    others = np.ones(N_NORMAL, dtype=np.bool_)
    others[wave] = False
    assert moved[wave].sum() >= (wave.stop - wave.start) - 1
    assert not moved[others].any()


def test_the_length_of_a_qrs_is_measured_as_it_was_in_the_fit():
    durations = measure_qrs_s(_draw(300))
    assert abs(np.median(durations) - QRS_MEASURED_S) < 0.008
    assert 0.003 < durations.std() < 0.02


def test_an_angle_is_wrapped_to_the_half_circle():
    np.testing.assert_allclose(wrap_deg(np.array([190.0, -190.0, 30.0])), [-170.0, 170.0, 30.0])
