import numpy as np
import pytest

from hemometric.simulation.morphology import IDIOSYNCRASY_SD, draw_morphology


def _correlation(cohort, field, coupling):
    patients, visits = cohort
    values = getattr(draw_morphology(patients, visits, coupling=coupling, rng=np.random.default_rng(4)), field)
    there = ~np.isnan(values)
    residual = values[there] - np.poly1d(np.polyfit(patients.age_years[visits.patient][there], values[there], 1))(
        patients.age_years[visits.patient][there]
    )
    return np.corrcoef(residual, visits.hemodynamics.mpcwp_mmhg[there])[0, 1]


@pytest.mark.parametrize(
    ("field", "low"),
    [("p_duration_ms", 0.3), ("p_terminal_force_mv_s", 0.3), ("qrs_t_angle_deg", 0.3), ("qtc_ms", 0.2), ("pr_ms", 0.1)],
)
def test_the_ecg_knows_the_wedge_pressure_only_by_the_coupling(cohort, field, low):
    assert low < _correlation(cohort, field, 1.0) < 0.55
    assert abs(_correlation(cohort, field, 0.0)) < 0.1


def test_coupling_changes_only_the_effect_of_the_state(cohort):
    patients, visits = cohort
    none, one, two = (
        draw_morphology(patients, visits, coupling=coupling, rng=np.random.default_rng(4))
        for coupling in (0.0, 1.0, 2.0)
    )
    np.testing.assert_allclose(two.pr_ms - one.pr_ms, one.pr_ms - none.pr_ms, atol=1e-9)


def test_atrial_fibrillation_has_no_p_wave(cohort):
    patients, visits = cohort
    found = draw_morphology(patients, visits, coupling=1.0, rng=np.random.default_rng(4))
    fibrillating = found.atrial_fibrillation > 0
    assert fibrillating.any()
    assert np.array_equal(np.isnan(found.pr_ms), fibrillating)
    assert np.exp(found.log_rr_variation[fibrillating & (found.paced == 0)]).min() > 0.12


def test_voltage_falls_as_a_patient_gains_volume(cohort):
    patients, visits = cohort
    found = draw_morphology(patients, visits, coupling=1.0, rng=np.random.default_rng(4))
    n = len(patients.age_years)

    def within(values):
        mean = np.bincount(visits.patient, values, minlength=n) / np.bincount(visits.patient, minlength=n)
        return values - mean[visits.patient]

    assert np.corrcoef(within(found.log_voltage), within(visits.volume_change))[0, 1] < -0.6


def test_a_patients_own_constant_stays_and_the_visits_noise_changes(cohort):
    patients, visits = cohort
    found = draw_morphology(patients, visits, coupling=0.0, rng=np.random.default_rng(4))
    same = np.diff(visits.patient) == 0
    _, visit_sd = IDIOSYNCRASY_SD["axis_deg"]
    changes = np.diff(found.axis_deg)[same]
    assert abs(changes.std() / np.sqrt(2.0) - visit_sd) < 0.08 * visit_sd


def test_left_bundle_branch_block_is_more_frequent_in_systolic_failure(cohort):
    patients, visits = cohort
    found = draw_morphology(patients, visits, coupling=1.0, rng=np.random.default_rng(4))
    weak = patients.baseline.lv_ejection_fraction[visits.patient] < 0.35
    assert found.lbbb[weak].mean() > 2.0 * found.lbbb[~weak].mean()
    assert (found.lbbb * found.rbbb == 0).all()


def test_a_paced_beat_is_wide_and_superior_and_regular_and_hides_blocks(cohort):
    patients, visits = cohort
    found = draw_morphology(patients, visits, coupling=1.0, rng=np.random.default_rng(4))
    paced = found.paced > 0
    assert paced.sum() > 20
    assert found.qrs_ms[paced].min() > 125.0
    assert np.median(found.axis_deg[paced]) < -60.0
    assert not found.lbbb[paced].any()
    assert not found.rbbb[paced].any()
    assert np.exp(found.log_rr_variation[paced & (found.atrial_fibrillation > 0)]).max() < 0.02


def test_amiodarone_lengthens_and_digoxin_shortens_the_qt_interval_and_a_beta_blocker_lengthens_pr(cohort):
    patients, visits = cohort
    nobody = np.zeros(len(patients.age_years), dtype=np.bool_)
    everybody = ~nobody
    clean = patients._replace(paced=nobody, beta_blocker=nobody, amiodarone=nobody, digoxin=nobody)

    def draw(**drugs):
        return draw_morphology(clean._replace(**drugs), visits, coupling=1.0, rng=np.random.default_rng(4))

    without = draw()
    np.testing.assert_allclose(draw(amiodarone=everybody).qtc_ms - without.qtc_ms, 25.0)
    np.testing.assert_allclose(draw(digoxin=everybody).qtc_ms - without.qtc_ms, -15.0)
    in_sinus = without.atrial_fibrillation == 0
    np.testing.assert_allclose((draw(beta_blocker=everybody).pr_ms - without.pr_ms)[in_sinus], 8.0)


def test_no_single_quantity_tells_the_wedge_pressure(cohort):
    patients, visits = cohort
    found = draw_morphology(patients, visits, coupling=1.0, rng=np.random.default_rng(4))
    for name, values in found._asdict().items():
        there = ~np.isnan(values)
        r = np.corrcoef(values[there], visits.hemodynamics.mpcwp_mmhg[there])[0, 1]
        assert abs(r) < 0.5, name
