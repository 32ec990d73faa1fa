import numpy as np
import pytest

from hemometric.bench import beats, run_benchmarks
from hemometric.errors import HemometricError

pytestmark = pytest.mark.filterwarnings("ignore:scipy.misc is deprecated")  # neurokit2 imports it


def test_peaks_alone_and_with_the_median_beat_are_timed_with_one_thread_by_both_clocks():
    results = run_benchmarks(["beats"], repeats=1, quick=True)
    assert [result["case"].rsplit(", ", 1)[1] for result in results] == ["wall clock", "CPU time"] * 2
    assert {result["threads"] for result in results} == {1}
    assert all("simulated" in result["case"] for result in results)


def test_peaks_that_lie_elsewhere_are_not_timed(monkeypatch):
    real = beats._find_ours
    monkeypatch.setattr(beats, "_find_ours", lambda ecg: real(ecg) + 25)
    with pytest.raises(HemometricError, match="disagree"):
        run_benchmarks(["beats"], quick=True)


def test_beats_within_75_ms_agree_and_those_near_the_ends_do_not_count():
    ours = np.array([10, 500, 1000, 1500, 2490])
    theirs = np.array([518, 1019, 1500])
    assert beats._share_found([(ours, theirs)], n_samples=2500) == pytest.approx(2 / 3)
    assert beats._share_found([(theirs, ours)], n_samples=2500) == pytest.approx(2 / 3)


def test_a_side_without_beats_agrees_with_nothing():
    none, some = np.array([], dtype=int), np.array([500, 1000])
    assert beats._share_found([(some, none)], n_samples=2500) == 0.0
    assert beats._share_found([(none, some)], n_samples=2500) == 0.0
    with pytest.raises(HemometricError, match="disagree"):
        beats._check_agree([none], [some], n_samples=2500)


def test_both_sides_describe_the_same_beat():
    (ecg, *_) = beats._simulate_ecgs(n_patients=1)
    peaks, ours = beats._describe_ours(ecg)
    _, theirs = beats._describe_theirs(beats._find_ours, ecg)
    assert ours.shape == theirs.shape
    centred = theirs - theirs.mean(axis=1, keepdims=True)
    assert np.corrcoef(ours.ravel(), centred.ravel())[0, 1] > 0.95
    assert len(peaks) > 4


def test_an_ecg_without_beats_is_described_by_neither_side():
    flat = np.zeros((12, 2500), dtype=np.float32)
    assert beats._describe_ours(flat)[1] is None
    assert beats._describe_theirs(beats._find_ours, flat)[1] is None
