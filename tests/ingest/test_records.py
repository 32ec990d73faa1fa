import numpy as np
import pytest

from hemometric.ecg import INDEPENDENT_ROWS
from hemometric.ingest.archive import Record
from hemometric.ingest.records import Cut, read_record
from hemometric.store import content_hashes
from hemometric.waveform import FLAG_CODES

CUT = Cut(sampling_rate_hz=500.0, duration_s=10.0, n_samples=5000, n_leads=8, pad=False)


@pytest.fixture
def read(tmp_path, write):
    """Return a function that writes microvolts as a record and reads it as ingest does."""

    def run(microvolts, cut=CUT, **options):
        write(tmp_path / "r", microvolts, **options)
        return read_record(Record(path=tmp_path / "r.hea", source="a/r", original="a/r"), cut)

    return run


def test_a_good_record_becomes_its_windows(read, microvolts_of):
    microvolts = microvolts_of(0, seconds=23)
    reading = read(microvolts, comments=["Age: 63"])
    assert (reading.numbers, reading.rejects) == ((0, 1), ())
    assert (reading.n_samples, reading.sampling_rate_hz, reading.header.age_years) == (11_500, 500.0, 63.0)
    windows = np.stack([microvolts[:, :5000], microvolts[:, 5000:10_000]])[:, INDEPENDENT_ROWS]
    np.testing.assert_array_equal(reading.microvolts, windows)
    assert reading.content_hashes == tuple(content_hashes(windows))
    assert not reading.flags.any()
    assert reading.flags.shape == (2, len(FLAG_CODES))


@pytest.mark.parametrize("rate_hz", [100, 257, 360, 400, 999, 1000])
def test_any_original_rate_gives_windows_of_one_length(read, microvolts_of, rate_hz):
    cut = Cut(sampling_rate_hz=250.0, duration_s=10.0, n_samples=2500, n_leads=12, pad=False)
    reading = read(microvolts_of(0, rate_hz=rate_hz), cut, rate_hz=rate_hz)
    assert reading.rejects == ()
    assert reading.microvolts.shape == (1, 12, 2500)


def test_a_flag_is_kept_with_the_window_that_has_it(read, microvolts_of):
    microvolts = microvolts_of(0, seconds=20)
    microvolts[6, 7000:8000] = microvolts[6, 7000]
    reading = read(microvolts)
    assert reading.numbers == (0, 1)
    flagged = {FLAG_CODES[column] for column in np.flatnonzero(reading.flags[1])}
    assert "brief-flat" in flagged
    assert not reading.flags[0].any()


def test_all_reasons_of_a_refused_window_are_told_under_the_first_code(read, microvolts_of):
    microvolts = microvolts_of(0)
    microvolts[6] = 0
    microvolts[2] = -microvolts[2]
    reading = read(microvolts)
    (reject,) = reading.rejects
    assert (reject.source, reject.reason_code) == ("a/r", "flat-lead")
    assert "; " in reject.detail
    assert reading.microvolts.shape[0] == len(reading.numbers) == 0


def test_the_path_is_not_in_the_reason_so_that_the_store_does_not_depend_on_the_place(read, microvolts_of, tmp_path):
    (reject,) = read(
        microvolts_of(0)[:11], leads=("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5")
    ).rejects
    assert reject.reason_code == "wrong-leads"
    assert str(tmp_path) not in reject.detail


def test_a_rate_that_cannot_be_brought_to_the_stores_is_a_reason(read, microvolts_of):
    cut = Cut(sampling_rate_hz=99_991.0, duration_s=10.0, n_samples=999_910, n_leads=8, pad=False)
    (reject,) = read(microvolts_of(0), cut).rejects
    assert reject.reason_code == "sampling-rate"
