import csv

import numpy as np
import pytest
from validation.gallery import render_plates
from validation.near_distances import CHANGES, company, costs, nearest, overlooked, to_everybody
from validation.near_drawing import Found, draw_neighbours, draw_warps, warped
from validation.near_ecgs import QUERIES, Collection, heart_rates, read_statements, simulated

from hemometric.distances import DISTANCES, dtw_path, pairwise
from hemometric.simulation import CohortSettings, simulate
from hemometric.store import Store
from hemometric.waveform import resample

RATE_HZ = 500.0


@pytest.fixture(scope="module")
def plates():
    """Return ten simulated ECGs of as many patients, but that the second and third are one patient's."""
    ecgs = render_plates()
    names = [ecg.ecg_id for ecg in ecgs]
    return Collection(
        waveforms=np.stack([ecg.waveform for ecg in ecgs]),
        sampling_rate_hz=RATE_HZ,
        simulated=True,
        patients=np.array(["a", "b", "b", *"cdefghi"][: len(ecgs)]),
        labels=names,
        kinds=np.array(names),
        values=np.arange(len(ecgs), dtype=np.float64),
        queries=dict(zip(QUERIES, (0, 2, 1), strict=True)),
    )


def test_nobody_is_near_himself(plates):
    rows = np.array([1, 4])
    distances = to_everybody(plates, rows, distance="beat-dtw")
    assert np.isinf(distances).sum(axis=1).tolist() == [2, 1]
    expected = pairwise(plates.waveforms, distance="beat-dtw", sampling_rate_hz=RATE_HZ)[rows]
    np.testing.assert_allclose(distances[np.isfinite(distances)], expected[np.isfinite(distances)], atol=1e-5)
    near = nearest(distances)
    assert near.shape == (2, 5)
    assert not {1, 2} & set(near[0].tolist())
    assert (np.diff(np.take_along_axis(distances, near, axis=1), axis=1) >= 0).all()


def test_a_later_start_is_seen_by_the_euclidean_distance_and_not_by_those_of_beats(plates):
    regular = Collection(
        plates.waveforms[[0, 2, 3, 4, 5]],
        RATE_HZ,
        simulated=True,
        patients=np.array(list("abcde")),
        labels=[""] * 5,
        kinds=np.array([""] * 5),
        values=np.zeros(5),
        queries={},
    )
    found = overlooked(regular, every=1)
    later, larger = CHANGES.index("begins 0.3 s later"), CHANGES.index("20 % larger")
    assert found["euclidean"][later] > 0.5
    assert max(found["beat-euclidean"][later], found["beat-dtw"][later]) < 0.1
    assert all(0.05 < row[larger] < 0.6 for row in found.values())


def test_the_company_of_an_ecg_is_counted(plates):
    found = company(plates, n_ecgs=len(plates.labels))
    assert set(found) == {*DISTANCES, "chance"}
    others = [
        np.abs(plates.values[plates.patients != patient] - value).mean()
        for patient, value in zip(plates.patients, plates.values, strict=True)
    ]
    assert found["chance"].value_apart == pytest.approx(np.mean(others))
    assert found["chance"].same_kind == 0.0
    rates = heart_rates(plates)
    assert rates[0] == pytest.approx(68.0, rel=0.05)


def test_every_distance_has_a_cost(plates):
    found = costs(plates, n_ecgs=4)
    assert set(found) == set(DISTANCES)
    assert all(cost.prepared_per_s > 0 and cost.pairs_per_s > 0 for cost in found.values())


def test_warping_lays_a_shifted_copy_over_the_ecg():
    ecg = resample(render_plates()[0].waveform, from_hz=RATE_HZ, to_hz=50.0)
    one, other = ecg[:, 10:210], ecg[:, :200]
    after = warped(other, dtw_path(one, other, sampling_rate_hz=50.0))
    inside = slice(20, 180)
    assert np.abs(after - one)[:, inside].max() < 0.1 * np.abs(other - one)[:, inside].max()


def test_the_pictures_are_small_files(plates, tmp_path):
    found = {}
    for name in DISTANCES:
        distances = to_everybody(plates, np.array([0]), distance=name)
        near = nearest(distances)[0]
        found[name] = Found(near, distances[0, near])
    draw_neighbours(plates, "normal", found, tmp_path / "near.png")
    draw_warps(plates, {"normal": found["beat-dtw"]}, tmp_path / "warp.png", beats=True)
    assert 20_000 < (tmp_path / "near.png").stat().st_size < 250_000
    assert 5_000 < (tmp_path / "warp.png").stat().st_size < 250_000


def test_a_simulated_collection_has_one_ecg_of_each_patient_with_its_true_pressure(tmp_path):
    simulate(tmp_path / "store", settings=CohortSettings(n_patients=64, seed=5, sampling_rate_hz=100.0))
    found = simulated(tmp_path / "store")
    assert found.waveforms.shape == (64, 12, 1000)
    assert len(set(found.patients)) == 64
    store = Store.open(tmp_path / "store")
    truth = {
        (row["patient_id"], row["visit_at"]): row["value"]
        for row in store.truth().to_pylist()
        if row["target"] == "mpcwp"
    }
    at = {}
    for row in store.ecgs.to_pylist():
        at.setdefault(row["patient_id"], row["acquired_at"])
    assert found.values.tolist() == [truth[patient, at[patient]] for patient in found.patients.tolist()]
    for label, value in zip(found.labels, found.values, strict=True):
        assert label.startswith(f"mPCWP {value:.0f} mmHg")
    assert found.labels[found.queries["lbbb"]].endswith("LBBB")
    assert found.labels[found.queries["fibrillation"]].endswith("AF")
    assert found.kinds[found.queries["normal"]] == "other"


def test_a_store_of_other_settings_is_refused(tmp_path):
    settings = CohortSettings(n_patients=2, seed=5, sampling_rate_hz=100.0, coupling=0.0)
    simulate(tmp_path / "store", settings=settings)
    with pytest.raises(ValueError, match="another coupling"):
        simulated(tmp_path / "store")


def test_statements_are_read_of_the_records_that_are_there(tmp_path):
    root = tmp_path / "ptbxl"
    root.mkdir()
    columns = ("ecg_id", "patient_id", "age", "scp_codes", "filename_hr")
    rows = [
        ("7", "15709.0", "300.0", "{'NORM': 100.0, 'SR': 0.0}", "a_hr"),
        ("8", "15710.0", "", "{'PACE': 100.0}", "b_hr"),
        ("9", "15711.0", "56.0", "{}", "missing_hr"),
    ]
    with (root / "ptbxl_database.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([columns, *rows])
    for name in ("a_hr.hea", "b_hr.hea"):
        (root / name).touch()
    found = read_statements(tmp_path)
    np.testing.assert_array_equal([row.age_years for row in found.values()], [90.0, np.nan])
    assert found[7].patient_id == "15709"
    assert found[8].codes == {"PACE": 100.0}
