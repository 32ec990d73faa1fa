import numpy as np
import pytest

from hemometric.bench import ingest, run_benchmarks
from hemometric.bench.ingest import measure_apart, write_records
from hemometric.errors import HemometricError
from hemometric.formats import read_ecg


def test_ingest_is_timed_with_a_worker_and_without_against_the_peer_and_our_own_reader():
    results = run_benchmarks(["ingest"], repeats=1, quick=True)
    assert [result["peer_name"] for result in results] == ["wfdb and scipy", "wfdb and scipy", "our reader alone"] * 4
    cases = [result["case"].rsplit(", ", 2)[1:] for result in results]
    assert cases == [
        [who, clock] for clock in ("wall clock", "CPU time") for who in ("one worker", "no worker") for _ in range(3)
    ]
    assert all(result["ours"]["median"] > 0 and result["peer"]["median"] > 0 for result in results)
    assert results[1]["ours"]["median"] < results[0]["ours"]["median"]  # to filter is added


def test_the_records_are_what_they_were_made_of(tmp_path):
    headers = write_records(tmp_path / "records", n_ecgs=2)
    assert [header.name for header in headers] == ["00000_hr.hea", "00001_hr.hea"]
    for header in headers:
        ecg = read_ecg(header)
        assert (ecg.sampling_rate_hz, ecg.n_samples, ecg.notes) == (500.0, 5000, ())
        samples = np.fromfile(header.with_suffix(".dat"), dtype="<i2").reshape(5000, 12)
        np.testing.assert_array_equal(np.rint(ecg.waveform.T * 1000), samples)


@pytest.mark.parametrize(("side", "what"), [("_resample_by_scipy", "samples"), ("_filter_by_scipy", "filtered")])
def test_a_peer_that_makes_something_else_is_not_timed(monkeypatch, side, what):
    real = getattr(ingest, side)
    monkeypatch.setattr(ingest, side, lambda wfdb, header: 1.1 * real(wfdb, header))
    monkeypatch.setattr(ingest, "take_turns_by_clock", None)
    with pytest.raises(HemometricError, match=f"the {what}.*disagree"):
        run_benchmarks(["ingest"], quick=True)


def test_a_filter_of_another_band_is_seen(monkeypatch):
    design = ingest._design_by_scipy()
    monkeypatch.setattr(ingest, "_HIGH_HZ", 25.0)
    monkeypatch.setattr(ingest, "_design_by_scipy", lambda: design)
    with pytest.raises(HemometricError, match="the filtered samples"):
        run_benchmarks(["ingest"], quick=True)


def test_what_is_apart_is_a_share_of_the_size_of_the_worst_lead():
    ecg = np.random.default_rng(0).normal(size=(2, 12, 2500))
    other = ecg.copy()
    other[1, 5] *= 1.25
    assert measure_apart(ecg, ecg) == 0.0
    assert measure_apart(other, ecg) == pytest.approx(0.25, rel=0.01)
    other = ecg.copy()
    other[:, :, :100] += 3.0  # the ends do not count
    assert measure_apart(other, ecg) == 0.0
