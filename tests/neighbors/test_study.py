import numpy as np
import pytest

from hemometric.errors import SettingsError
from hemometric.neighbors.study import _know, plot_study, study_distances, study_text


def know(matrix, values, patients):
    return _know("beat-dtw", matrix, values, patients, np.random.default_rng(0))


def test_a_distance_that_is_the_difference_of_the_target_knows_everything():
    rng = np.random.default_rng(1)
    values, patients = rng.normal(15.0, 8.0, 300), np.repeat(np.arange(100), 3)
    found = know(np.abs(values[:, None] - values), values, patients)
    assert found.spearman > 0.999
    assert found.r2_low < found.r2 < found.r2_high
    assert found.r2 > 0.95


def test_a_distance_of_noise_knows_nothing():
    rng = np.random.default_rng(1)
    noise = rng.random((300, 300))
    found = know(noise + noise.T, rng.normal(15.0, 8.0, 300), np.repeat(np.arange(100), 3))
    assert abs(found.spearman) < 0.05
    assert found.r2 < 0.05
    assert found.same_patient < 0.05


def test_a_distance_that_only_knows_patients_is_seen_by_the_share_of_same_patients():
    patients = np.repeat(np.arange(100), 3)
    rng = np.random.default_rng(2)
    matrix = (patients[:, None] != patients) + 0.1 * rng.random((300, 300))
    assert know(matrix, rng.normal(size=300), patients).same_patient == 1.0


def test_the_study_reads_a_store_and_writes_a_table_and_a_figure(small_store, tmp_path):
    known = study_distances(small_store, labels="truth", distances=("dtw", "beat-euclidean", "features"), n_ecgs=80)
    assert [one.distance for one in known] == ["dtw", "beat-euclidean", "features"]
    assert known[1].same_patient > 0.5
    text = study_text(known, target="mpcwp")
    assert text.count("\n") == 4
    plot_study(known, tmp_path / "figure.png", target="mpcwp", simulated=True)
    assert (tmp_path / "figure.png").stat().st_size > 5000


def test_what_cannot_be_studied_is_named(small_store):
    with pytest.raises(SettingsError, match="unknown distance 'dwt'"):
        study_distances(small_store, labels="truth", distances=("dwt",))
    with pytest.raises(SettingsError, match="the study needs 50 or more"):
        study_distances(small_store, labels="truth", n_ecgs=20)
