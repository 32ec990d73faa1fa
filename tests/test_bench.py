import importlib
import json

import pytest

from hemometric import bench
from hemometric.bench import BENCHMARKS, results_text, run_benchmarks, write_results
from hemometric.errors import HemometricError, MissingExtraError, SettingsError

pytestmark = pytest.mark.filterwarnings("ignore:scipy.misc is deprecated")  # neurokit2 imports it


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_runs_and_says_what_it_measured(name, tmp_path):
    results = run_benchmarks([name], repeats=2, quick=True)
    assert results
    for result in results:
        assert result["name"] == name
        assert result["repeats"] == 2
        assert result["threads"] >= 1
        assert result["machine"]
        assert {"python", "numpy"} <= set(result["versions"])
        for side in (result["ours"], result["peer"]):
            assert 0 < side["min"] <= side["median"] <= side["max"]
    write_results(results, tmp_path / "bench.json")
    assert json.loads((tmp_path / "bench.json").read_text()) == results
    text = results_text(results)
    assert all(result["case"] in text for result in results)


@pytest.mark.parametrize(("metric", "ratio"), [("pairs/s", 0.5), ("ms", 2.0)])
def test_a_ratio_above_one_means_that_ours_is_faster(metric, ratio):
    result = bench._result("name", "case", metric, [[1.0, 2.0, 9.0], [4.0, 4.0, 4.0]], peer_name="peer")
    assert result["ratio"] == ratio
    assert result["ours"] == {"median": 2.0, "min": 1.0, "max": 9.0}


@pytest.mark.parametrize("name", ["circulation", "rendering"])
def test_a_simulator_is_timed_with_one_thread_by_the_wall_clock_and_by_cpu_time(name):
    wall, cpu = run_benchmarks([name], repeats=1, quick=True)
    assert "wall clock" in wall["case"]
    assert "CPU time" in cpu["case"]
    assert wall["threads"] == cpu["threads"] == 1
    assert wall["ours"]["median"] <= 1.1 * cpu["ours"]["median"]  # one thread works no longer than the wall clock


def test_a_simulator_that_finds_nothing_is_not_timed(monkeypatch):
    monkeypatch.setattr(bench, "_run_published_heart", lambda *_: [float("nan")])
    with pytest.raises(HemometricError, match="the peer found nothing"):
        run_benchmarks(["circulation"], quick=True)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(SettingsError, match="did you mean 'dtw'"):
        run_benchmarks(["dwt"])


def test_no_repeats_are_refused():
    with pytest.raises(ValueError, match="repeats"):
        run_benchmarks(["dtw"], repeats=0)


def test_a_missing_peer_is_named_with_its_extra(monkeypatch):
    real = importlib.import_module

    def without_peer(name, package=None):
        if name.startswith("dtaidistance"):
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(bench.importlib, "import_module", without_peer)
    with pytest.raises(MissingExtraError, match=r"dtaidistance.*hemometric\[dev\]"):
        run_benchmarks(["dtw"], quick=True)


def test_sides_that_disagree_are_not_timed(monkeypatch):
    monkeypatch.setattr(bench, "pairwise", lambda x, **_: x[:, 0, : len(x)])
    with pytest.raises(HemometricError, match="disagree"):
        run_benchmarks(["dtw"], quick=True)
