import importlib
import importlib.util
import math
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pytest

from hemometric.bench import distances, run_benchmarks
from hemometric.bench.distances import load_peers
from hemometric.distances.dtw import dtw
from hemometric.errors import HemometricError, MissingExtraError


def _compare_as_aeon_does(x, y=None, *, method, window, n_jobs):
    """aeon.distances.pairwise_distance, slowly: (n, channels, time), a window that is a share, squared distances."""
    assert method == "dtw"
    assert n_jobs >= 1
    others = x if y is None else y
    radius = math.floor(window * x.shape[2])
    return np.array([[_warp(a, b, radius) for b in others] for a in x])


def _warp(a, b, radius):
    n = a.shape[1]
    total = np.full((n + 1, n + 1), np.inf)
    total[0, 0] = 0.0
    for i in range(n):
        for j in range(max(0, i - radius), min(n, i + radius + 1)):
            before = min(total[i, j], total[i, j + 1], total[i + 1, j])
            total[i + 1, j + 1] = before + ((a[:, i] - b[:, j]) ** 2).sum()
    return total[n, n]


@pytest.fixture
def aeon(monkeypatch):
    """A package that follows aeon's conventions; what compares can be replaced."""
    package, room = ModuleType("aeon"), ModuleType("aeon.distances")
    package.__spec__ = ModuleSpec("aeon", None, is_package=True)
    room.pairwise_distance = _compare_as_aeon_does
    monkeypatch.setitem(sys.modules, "aeon", package)
    monkeypatch.setitem(sys.modules, "aeon.distances", room)
    return room


@pytest.fixture
def no_aeon(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "aeon" else real(name))


@pytest.mark.parametrize("n_anchors", [3, 7], ids=["a few against all", "all against all"])
def test_every_peer_has_our_distances_however_it_lays_out_ecgs(aeon, n_anchors):
    ecgs = np.random.default_rng(0).normal(size=(7, 12, 20)).astype(np.float32)
    ours = dtw(ecgs[:n_anchors], ecgs, radius=3)
    peers = load_peers()
    assert [peer.name for peer in peers] == ["dtaidistance", "tslearn", "aeon"]
    for peer in peers:
        for n_threads in (1, 2):
            theirs = peer.compare(peer.lay_out(ecgs), n_anchors, 3, n_threads)
            np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-4)


def test_a_band_as_wide_as_the_ecg_is_one_for_aeon_too(aeon):
    ecgs = np.random.default_rng(1).normal(size=(3, 12, 9)).astype(np.float32)
    (peer,) = [peer for peer in load_peers() if peer.name == "aeon"]
    np.testing.assert_allclose(
        peer.compare(peer.lay_out(ecgs), 3, 9, 1), dtw(ecgs, ecgs, radius=9), rtol=1e-4, atol=1e-4
    )


def test_each_case_has_a_result_for_each_peer(aeon):
    results = run_benchmarks(["dtw"], repeats=1, quick=True)
    cases = {result["case"] for result in results}
    assert len(cases) == 4
    for case in cases:
        of_case = [result for result in results if result["case"] == case]
        assert [result["peer_name"] for result in of_case] == ["dtaidistance", "tslearn", "aeon"]
        assert len({result["ours"]["median"] for result in of_case}) == 1  # all took turns with the same runs of ours


def test_aeon_is_left_out_aloud_where_it_is_not_installed(no_aeon, monkeypatch):
    said = []
    monkeypatch.setattr(distances, "say", said.append)
    assert [peer.name for peer in load_peers()] == ["dtaidistance", "tslearn"]
    assert len(said) == 1
    assert "aeon is not installed" in said[0]


def test_a_peer_that_warps_leads_is_not_timed(aeon):
    aeon.pairwise_distance = lambda x, y=None, **options: _compare_as_aeon_does(
        x.transpose(0, 2, 1), None if y is None else y.transpose(0, 2, 1), **options
    )
    with pytest.raises(HemometricError, match="ours and aeon disagree"):
        run_benchmarks(["dtw"], quick=True)


def test_ours_that_disagrees_is_not_timed(monkeypatch):
    monkeypatch.setattr(distances, "pairwise", lambda x, **_: x[:, 0, : len(x)])
    with pytest.raises(HemometricError, match="disagree"):
        run_benchmarks(["dtw"], quick=True)


@pytest.mark.parametrize("package", ["dtaidistance", "tslearn"])
@pytest.mark.parametrize("name", ["dtw", "neighbors"])
def test_a_missing_peer_is_named_with_its_extra(monkeypatch, package, name):
    real = importlib.import_module

    def without_peer(module, inside=None):
        if module.startswith(package):
            raise ImportError(module)
        return real(module, inside)

    monkeypatch.setattr(importlib, "import_module", without_peer)
    with pytest.raises(MissingExtraError, match=rf"{package}.*hemometric\[dev\]"):
        run_benchmarks([name], quick=True)
