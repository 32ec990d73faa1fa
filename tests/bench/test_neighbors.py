import re

import numpy as np
import pytest

from hemometric.bench import BENCHMARKS, neighbors, run_benchmarks
from hemometric.errors import HemometricError


def test_the_case_says_how_many_ecgs_how_long_and_how_well(monkeypatch):
    mined = []
    real = neighbors._mine
    monkeypatch.setattr(neighbors, "_mine", lambda archive: mined.append(real(archive)) or mined[-1])
    results = run_benchmarks(["neighbors"], repeats=3, quick=True)
    found = mined[-1]
    for result in results:
        assert re.search(
            rf"^{found.n_ecgs} simulated ECGs: ours all, 16 neighbours each in \d+\.\d min", result["case"]
        )
        assert f"recall {found.recall:.3f}, among other patients {found.recall_others:.3f}" in result["case"]
        assert "peer 2 of them, twice, exact" in result["case"]
        assert result["repeats"] == 1
        assert result["ours"]["min"] == result["ours"]["median"] == result["ours"]["max"]


def test_all_ecgs_are_compared_with_the_anchors_which_come_from_all_over_the_archive():
    beats = np.arange(10, dtype=np.float32)[:, None, None]
    ordered = neighbors._anchors_first(beats, 4)
    assert ordered[:4].ravel().tolist() == [0.0, 3.0, 6.0, 9.0]
    assert sorted(ordered.ravel().tolist()) == list(range(10))


def test_a_peer_that_disagrees_is_not_timed(monkeypatch):
    monkeypatch.setattr(neighbors, "dtw", lambda x, y, radius: np.ones((len(x), len(y))))
    monkeypatch.setattr(neighbors, "_seconds", lambda _: pytest.fail("was timed"))
    with pytest.raises(HemometricError, match="benchmark neighbors: ours and dtaidistance disagree"):
        run_benchmarks(["neighbors"], quick=True)


@pytest.mark.parametrize(("name", "size"), [("neighbors", 20_000), ("neighbors-100k", 100_000)])
def test_the_archive_is_as_large_as_the_name_says(monkeypatch, name, size):
    asked = []

    def simulate(_, *, n_ecgs):
        asked.append(n_ecgs)
        if len(asked) == 2:
            raise InterruptedError

    monkeypatch.setattr(neighbors, "_simulate", simulate)
    monkeypatch.setattr(neighbors, "_mine", lambda _: None)
    with pytest.raises(InterruptedError):
        BENCHMARKS[name](1, False)
    assert asked[1] == size


def test_a_recall_that_was_not_measured_is_not_shown_as_a_number():
    assert neighbors._share_text(None) == "not measured"
    assert neighbors._share_text(0.97849) == "0.978"
