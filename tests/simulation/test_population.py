from datetime import datetime

import numpy as np
import pytest

from hemometric.ecg import INDEPENDENT_ROWS
from hemometric.simulation.population import draw_people, labels_table, render_people, truth_table
from hemometric.simulation.settings import CohortSettings
from hemometric.store import ECGS_SCHEMA, LABELS_SCHEMA, TRUTH_SCHEMA
from hemometric.targets import TARGETS

SETTINGS = CohortSettings(n_patients=1280, seed=4, sampling_rate_hz=100.0)


@pytest.fixture(scope="module")
def people():
    return [draw_people(SETTINGS, chunk) for chunk in range(SETTINGS.n_chunks)]


def _residuals(people, target):
    column = list(TARGETS).index(target)
    truth = np.concatenate([truth_table(chunk)["value"].to_numpy().reshape(-1, 4)[:, column] for chunk in people])
    measured = np.concatenate([chunk.measured[:, column] for chunk in people])
    return truth, measured - truth


@pytest.mark.parametrize("target", ["mpcwp", "mpap"])
def test_pressures_are_measured_with_an_sd_of_two_and_a_half_mmhg(people, target):
    _, noise = _residuals(people, target)
    assert abs(noise.std() - 2.5) < 0.15
    assert abs(noise.mean()) < 0.15


def test_cardiac_output_is_measured_with_ten_percent(people):
    truth, noise = _residuals(people, "co")
    assert abs((noise / truth).std() - 0.10) < 0.006


def test_what_is_measured_stays_plausible(people):
    for column, target in enumerate(TARGETS.values()):
        measured = np.concatenate([chunk.measured[:, column] for chunk in people])
        assert target.low <= measured.min()
        assert measured.max() <= target.high


def test_about_one_visit_in_ten_is_catheterised_and_those_are_the_sicker(people):
    labelled = np.concatenate([chunk.labelled for chunk in people])
    wedge = np.concatenate([chunk.visits.hemodynamics.mpcwp_mmhg for chunk in people])
    assert 0.08 < labelled.mean() < 0.12
    assert wedge[labelled].mean() > wedge[~labelled].mean() + 1.0


def test_tables_have_the_schemas_of_the_store(people):
    _, ecgs = render_people(SETTINGS, people[0])
    assert ecgs.schema.equals(ECGS_SCHEMA)
    assert truth_table(people[0]).schema.equals(TRUTH_SCHEMA)
    assert labels_table(SETTINGS, people[0]).schema.equals(LABELS_SCHEMA)


def test_labels_are_the_measurements_of_the_truth_within_hours(people):
    n_checked = 0
    for chunk in people:
        measured = {
            (row["patient_id"], row["target"], row["measured"]): row["visit_at"]
            for row in truth_table(chunk).to_pylist()
        }
        for row in labels_table(SETTINGS, chunk).to_pylist():
            visit_at = measured[row["patient_id"], row["target"], row["value"]]
            gap = datetime.fromisoformat(row["measured_at"]) - datetime.fromisoformat(visit_at)
            assert abs(gap.total_seconds()) <= 4 * 3600
            n_checked += 1
    assert n_checked == 4 * sum(chunk.labelled.sum() for chunk in people)


def test_ecgs_point_to_their_visit_and_age_with_the_patient(people):
    chunk = people[1]
    microvolts, ecgs = render_people(SETTINGS, chunk)
    rows = ecgs.to_pylist()
    assert len(rows) == len(microvolts)
    visits = {(row["patient_id"], row["visit_at"]) for row in truth_table(chunk).to_pylist()}
    assert {(row["patient_id"], row["acquired_at"]) for row in rows} == visits
    assert rows[0]["ecg_id"] == rows[0]["source"] == "simulated/sim-000064/visit-0/ecg-0#0"
    assert len({row["ecg_id"] for row in rows}) == len(rows)
    assert len({row["content_hash"] for row in rows}) == len(rows)
    for patient in {row["patient_id"] for row in rows}:
        mine = [row for row in rows if row["patient_id"] == patient]
        assert len({row["sex"] for row in mine}) == 1
        years = [datetime.fromisoformat(row["acquired_at"]).timestamp() / 31557600 - row["age_years"] for row in mine]
        assert np.ptp(years) < 0.15


def test_the_first_patients_of_a_larger_cohort_are_those_of_a_smaller_one(people):
    small = CohortSettings(n_patients=70, seed=4, sampling_rate_hz=100.0)
    last = draw_people(small, 1)
    n = len(last.visits.patient)
    assert last.visits.patient.max() == 5
    np.testing.assert_array_equal(last.measured, people[1].measured[:n])


def test_neither_coupling_nor_rate_changes_the_hemodynamics(people):
    other = CohortSettings(n_patients=1280, seed=4, sampling_rate_hz=500.0, coupling=0.0)
    np.testing.assert_array_equal(draw_people(other, 0).measured, people[0].measured)


def test_another_seed_gives_other_patients(people):
    other = CohortSettings(n_patients=64, seed=5)
    assert draw_people(other, 0).measured[0, 0] != people[0].measured[0, 0]


def test_chunks_differ(people):
    assert people[0].measured[0, 0] != people[1].measured[0, 0]


@pytest.mark.parametrize("n_leads", [8, 12])
def test_ecgs_are_written_into_the_callers_buffer(people, n_leads):
    usual, table = render_people(SETTINGS, people[1])
    buffer = np.full((len(usual) + 3, n_leads, SETTINGS.n_samples), 77, dtype=np.int16)
    written, same_table = render_people(SETTINGS, people[1], out=buffer)
    assert np.shares_memory(written, buffer)
    assert (buffer[len(usual) :] == 77).all()
    rows = slice(None) if n_leads == 8 else list(INDEPENDENT_ROWS)
    np.testing.assert_array_equal(written[:, rows], usual)
    assert same_table.drop_columns("content_hash").equals(table.drop_columns("content_hash"))


def test_a_buffer_that_is_too_small_is_refused(people):
    with pytest.raises(ValueError, match="expected a C-contiguous int16 buffer"):
        render_people(SETTINGS, people[0], out=np.empty((2, 8, SETTINGS.n_samples), dtype=np.int16))
