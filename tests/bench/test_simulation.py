import pytest

from hemometric.bench import run_benchmarks, simulation
from hemometric.errors import HemometricError

pytestmark = pytest.mark.filterwarnings("ignore:scipy.misc is deprecated")  # neurokit2 imports it


@pytest.mark.parametrize("name", ["circulation", "rendering"])
def test_a_simulator_is_timed_with_one_thread_by_the_wall_clock_and_by_cpu_time(name):
    wall, cpu = run_benchmarks([name], repeats=1, quick=True)
    assert "wall clock" in wall["case"]
    assert "CPU time" in cpu["case"]
    assert wall["threads"] == cpu["threads"] == 1
    assert wall["ours"]["median"] <= 1.1 * cpu["ours"]["median"]  # one thread works no longer than the wall clock


def test_a_simulator_that_finds_nothing_is_not_timed(monkeypatch):
    monkeypatch.setattr(simulation, "_run_published_heart", lambda *_: [float("nan")])
    with pytest.raises(HemometricError, match="the peer found nothing"):
        run_benchmarks(["circulation"], quick=True)
