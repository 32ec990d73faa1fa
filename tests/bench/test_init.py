import json

import pytest

from hemometric import bench
from hemometric.bench import BENCHMARKS, ONLY_BY_NAME, results_text, run_benchmarks, write_results
from hemometric.errors import SettingsError

pytestmark = pytest.mark.filterwarnings("ignore:scipy.misc is deprecated")  # neurokit2 imports it


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_runs_and_says_what_it_measured(name, tmp_path):
    results = run_benchmarks([name], repeats=2, quick=True)
    assert results
    for result in results:
        assert result["name"] == name
        assert result["repeats"] == (1 if name.startswith("neighbors") else 2)
        assert result["threads"] >= 1
        assert result["machine"]
        assert {"python", "numpy"} <= set(result["versions"])
        for side in (result["ours"], result["peer"]):
            assert 0 < side["min"] <= side["median"] <= side["max"]
    write_results(results, tmp_path / "bench.json")
    assert json.loads((tmp_path / "bench.json").read_text()) == results
    text = results_text(results)
    assert all(result["case"] in text and result["peer_name"] in text for result in results)


def test_without_names_all_are_run_but_those_that_must_be_named(monkeypatch):
    ran = []
    stand_ins = {
        name: lambda repeats, quick, name=name: ran.append((name, repeats, quick)) or [] for name in BENCHMARKS
    }
    monkeypatch.setattr(bench, "BENCHMARKS", stand_ins)
    assert run_benchmarks(repeats=3) == []
    assert ran == [(name, 3, False) for name in BENCHMARKS if name != "neighbors-100k"]
    assert {"neighbors-100k"} == ONLY_BY_NAME
    run_benchmarks(["neighbors-100k"])
    assert ran[-1][0] == "neighbors-100k"


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(SettingsError, match="did you mean 'dtw'"):
        run_benchmarks(["dwt"])


def test_no_repeats_are_refused():
    with pytest.raises(ValueError, match="repeats"):
        run_benchmarks(["dtw"], repeats=0)


def test_every_public_name_is_there():
    assert all(hasattr(bench, name) for name in bench.__all__)
