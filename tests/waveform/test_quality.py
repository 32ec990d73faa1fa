import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemometric.waveform import FLAG_CODES, REFUSE_CODES, assess
from hemometric.waveform.quality import Finding

BEATS_S = np.arange(0.4, 10.0, 0.8)


@pytest.fixture
def good(make_ecg):
    ecg = make_ecg(BEATS_S, sampling_rate_hz=500.0, noise_mv=0.01)
    return np.round(ecg, 3).astype(np.float32)


def codes(waveform, rate_hz=500.0):
    return [finding.code for finding in assess(waveform, sampling_rate_hz=rate_hz)]


def spoil(waveform, how):
    spoilt = waveform.copy()
    how(spoilt)
    return spoilt


def scale_lead(row, gain):
    def scale(waveform):
        waveform[row] *= gain

    return scale


def put(row, columns, value):
    def write(waveform):
        waveform[row, columns] = value

    return write


def clip_lead(row, limit_mv):
    def clip(waveform):
        waveform[row] = np.clip(waveform[row], -limit_mv, limit_mv)

    return clip


def swap_leads(one, other):
    def swap(waveform):
        waveform[[one, other]] = waveform[[other, one]]

    return swap


def one_burst(row):
    def write(waveform):
        waveform[row, 1000:1009] += 2.5

    return write


def test_a_good_ecg_has_no_findings(good):
    assert assess(good, sampling_rate_hz=500.0) == ()


@pytest.mark.parametrize("step_mv", [0.001, 0.00488, 0.01])
def test_the_rounding_of_the_source_breaks_no_lead_relation(make_ecg, step_mv):
    ecg = make_ecg(BEATS_S, sampling_rate_hz=500.0, noise_mv=0.01)
    assert codes((np.round(ecg / step_mv) * step_mv).astype(np.float32)) == []


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (put(7, slice(100, 130), np.nan), ["nan"]),
        (put(7, 5, np.inf), ["nan"]),
        (put(9, slice(None), 0.0), ["flat-lead"]),
        (put(9, slice(None), 1.25), ["flat-lead"]),
        (put(9, slice(0, 2600), 0.0), ["flat-lead"]),
        (put(9, slice(0, 1600), 0.0), ["brief-flat"]),
        (scale_lead(slice(None), 1000.0), ["implausible-amplitude", "high-amplitude"]),
        (scale_lead(slice(None), 0.001), ["flat-lead", "implausible-amplitude"]),
        (scale_lead(slice(None), 0.03), ["implausible-amplitude"]),
        (put(8, slice(2000, 2010), 11.0), ["high-amplitude"]),
        (put(8, slice(2000, 2010), 40.0), ["implausible-amplitude", "high-amplitude"]),
        (clip_lead(8, 0.4), ["saturation"]),
        (put(8, slice(2000, 2250), 2.5), ["saturation"]),
        (scale_lead(2, 2.0), ["einthoven"]),
        (scale_lead(2, 1.25), ["einthoven"]),
        (scale_lead(5, -1.0), ["goldberger"]),
        (scale_lead(0, 4.88), ["einthoven", "goldberger"]),
        (swap_leads(4, 5), ["goldberger"]),
        (swap_leads(0, 1), ["einthoven", "goldberger"]),
        (one_burst(3), ["brief-mismatch"]),
        (one_burst(2), ["brief-mismatch"]),
    ],
)
def test_each_fault_is_named(good, how, expected):
    findings = assess(spoil(good, how), sampling_rate_hz=500.0)
    assert [finding.code for finding in findings] == expected
    for finding in findings:
        assert finding.refuse == (finding.code in REFUSE_CODES)
        assert finding.refuse != (finding.code in FLAG_CODES)
        assert finding.detail


def test_clipped_peaks_are_flagged_before_they_are_refused(make_ecg):
    ecg = make_ecg(BEATS_S, sampling_rate_hz=500.0)
    ecg[8] = np.minimum(ecg[8], np.float32(0.75))
    assert codes(ecg) == ["brief-saturation"]


def test_the_lead_at_fault_is_named_in_the_detail(good):
    (finding,) = assess(spoil(good, put(9, slice(None), 0.0)), sampling_rate_hz=500.0)
    assert finding == Finding("flat-lead", finding.detail, refuse=True)
    assert "V4" in finding.detail


def test_too_few_seconds_are_refused(good):
    assert codes(good[:, :999]) == ["too-short"]
    assert codes(good[:, :1000]) == []


@settings(max_examples=25, deadline=None)
@given(rate_hz=st.sampled_from([100.0, 250.0, 500.0, 1000.0]), offset_mv=st.floats(-4, 4), rate=st.integers(35, 180))
def test_offsets_and_rates_raise_no_finding(rate_hz, offset_mv, rate):
    from hemometric.ecg import derive_leads

    times_s = np.arange(round(10 * rate_hz)) / rate_hz
    phase = np.mod(times_s, 60.0 / rate) - 0.15
    beat = np.exp(-0.5 * (phase / 0.012) ** 2)
    sizes = np.array([0.6, 1.0, -0.8, 0.5, 0.9, 1.5, 1.2, 0.9])
    # A precordial offset stays within what the leads themselves can be stored with.
    offsets = np.array([0, 0, 1, 1, 1, 1, 1, 1]) * offset_mv
    ecg = derive_leads((sizes[:, None] * beat + offsets[:, None]).astype(np.float32))
    assert not {finding.code for finding in assess(ecg, sampling_rate_hz=rate_hz)} & {*REFUSE_CODES, "high-amplitude"}


@pytest.mark.parametrize(("shape", "rate_hz"), [((11, 5000), 500), ((12,), 500), ((12, 5000), 0)])
def test_a_wrong_call_is_refused(shape, rate_hz):
    with pytest.raises(ValueError, match=r"expected shape|must be positive"):
        assess(np.zeros(shape, dtype=np.float32), sampling_rate_hz=rate_hz)


def test_codes_are_distinct_words_for_tables():
    every = REFUSE_CODES + FLAG_CODES
    assert len(set(every)) == len(every)
    assert all(code == code.lower() and " " not in code for code in every)
