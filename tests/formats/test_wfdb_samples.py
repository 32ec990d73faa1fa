import shutil
from pathlib import Path

import numpy as np
import pytest
import wfdb

from hemometric.errors import ReadError
from hemometric.formats import wfdb_samples
from hemometric.formats.wfdb_header import read_header
from hemometric.formats.wfdb_samples import n_bytes

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")  # wfdb itself uses pandas so when it writes

WRITTEN_BY_WFDB = ["16", "24", "32", "80", "212", "508", "516", "524"]
READ_BY_WFDB = ["8", "16", "24", "32", "61", "80", "160", "212", "310", "311"]


def decode_signals(path, header, channels):
    """As if every unit were mV."""
    return wfdb_samples.decode_signals(path, header, channels, units_per_mv=[1.0] * len(channels))


def write_with_wfdb(folder, digital, storage, *, n_samples=100):
    """Write twelve signals in a storage format by wfdb itself, with a gain and a baseline of each signal's own."""
    bound = {"80": 100, "508": 100}.get(storage, 500)
    samples = np.clip(digital[:, :n_samples].T, -bound, bound).astype(np.int64)
    wfdb.wrsamp(
        "record",
        fs=500,
        units=["mV"] * 12,
        sig_name=[f"lead {place}" for place in range(12)],
        d_signal=samples,
        fmt=[storage] * 12,
        adc_gain=[200.0 + place for place in range(12)],
        baseline=[-place for place in range(12)],
        write_dir=str(folder),
    )
    return folder / "record.hea", samples


@pytest.mark.parametrize("storage", WRITTEN_BY_WFDB)
@pytest.mark.parametrize("n_samples", [99, 100])
def test_what_wfdb_writes_is_read_as_wfdb_reads_it(tmp_path, digital, storage, n_samples):
    header, samples = write_with_wfdb(tmp_path, digital, storage, n_samples=n_samples)
    physical, notes = decode_signals(header, read_header(header), range(12))
    golden = wfdb.rdrecord(str(header.with_suffix("")))
    assert np.array_equal(physical, golden.p_signal.T.astype(np.float32))
    assert np.allclose(physical[3] * 203 - 3, samples[:, 3], atol=1e-4)
    assert notes == ()


@pytest.mark.parametrize("storage", READ_BY_WFDB)
@pytest.mark.parametrize("n_samples", [98, 99, 100])
def test_random_bytes_are_the_same_samples_as_for_wfdb(tmp_path, storage, n_samples):
    header = tmp_path / "record.hea"
    lines = [f"record.dat {storage} {200 + place}({-place})/mV 16 0 {place} 0 0 s" for place in range(7)]
    header.write_text("\n".join([f"record 7 500 {n_samples}", *lines]) + "\n")
    content = np.random.default_rng([5, n_samples]).bytes(n_bytes(storage, 7 * n_samples) + 4)
    (tmp_path / "record.dat").write_bytes(content)
    physical, _ = decode_signals(header, read_header(header), range(7))
    golden = wfdb.rdrecord(str(tmp_path / "record"))
    assert np.array_equal(physical, golden.p_signal.T.astype(np.float32), equal_nan=True)


def test_some_signals_in_any_order(tmp_path, digital):
    header, _ = write_with_wfdb(tmp_path, digital, "212")
    parsed = read_header(header)
    everything, _ = decode_signals(header, parsed, range(12))
    some, _ = decode_signals(header, parsed, (7, 0, 11))
    assert np.array_equal(some, everything[[7, 0, 11]])


def test_format_16_does_not_need_wfdb(write_record, digital, monkeypatch):
    monkeypatch.setattr(wfdb_samples, "_decode_by_wfdb", None)
    header = write_record(digital)
    physical, _ = decode_signals(header, read_header(header), range(12))
    assert np.array_equal(physical, (digital / 1000).astype(np.float32))


def test_the_fast_path_equals_wfdb_on_the_same_file(write_record, digital):
    digital[4, 10:20] = -32768
    header = write_record(digital, gain="4.88(17)/uV")
    parsed = read_header(header)
    fast, _ = decode_signals(header, parsed, range(12))
    slow = wfdb_samples._decode_by_wfdb(header, list(parsed.signals), 100, 500.0)
    golden = wfdb.rdrecord(str(header.with_suffix(""))).p_signal.T
    assert np.array_equal(np.stack(slow), digital)
    assert np.array_equal(fast, golden.astype(np.float32), equal_nan=True)
    assert np.isnan(fast[4, 10:20]).all()
    assert np.isnan(fast).sum() == 10


def test_the_largest_samples_do_not_overflow(write_record, digital):
    digital[:, :2] = [-32767, 32767]
    header = write_record(digital, gain="1(70000)/uV")
    physical, _ = decode_signals(header, read_header(header), range(12))
    assert physical[0, :2].tolist() == [-102767.0, -37233.0]


def test_frames_of_several_samples_raise_the_rate_and_skew_shifts(tmp_path):
    samples = np.arange(24, dtype="<i2")
    samples.tofile(tmp_path / "record.dat")
    header = tmp_path / "record.hea"
    header.write_text("record 2 250 6\nrecord.dat 16x2 1 16 0 0 0 0 a\nrecord.dat 16x2:1 1 16 0 0 0 0 b\n")
    physical, _ = decode_signals(header, read_header(header), (0, 1))
    assert physical[0].tolist() == [0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21]
    assert np.array_equal(physical[1], [6, 7, 10, 11, 14, 15, 18, 19, 22, 23, np.nan, np.nan], equal_nan=True)


def test_a_skew_beyond_the_end_leaves_nothing(tmp_path):
    np.arange(6, dtype="<i2").tofile(tmp_path / "record.dat")
    header = tmp_path / "record.hea"
    header.write_text("record 2 250 3\nrecord.dat 16 1 16\nrecord.dat 16:9 1 16\n")
    physical, _ = decode_signals(header, read_header(header), (0, 1))
    assert physical[0].tolist() == [0, 2, 4]
    assert np.isnan(physical[1]).all()


def test_signals_in_files_of_their_own(tmp_path):
    np.arange(10, dtype="<i2").tofile(tmp_path / "a.dat")
    np.arange(20, dtype="<i2").tofile(tmp_path / "b.dat")
    header = tmp_path / "record.hea"
    header.write_text("record 3 250 10\nb.dat 16 1 16\na.dat 16 1 16\nb.dat 16 1 16\n")
    physical, _ = decode_signals(header, read_header(header), (2, 1))
    assert physical.tolist() == [list(range(1, 20, 2)), list(range(10))]


def test_an_absent_length_is_taken_from_the_file_and_noted(write_record, digital):
    header = write_record(digital, record_line="record 12 500")
    physical, notes = decode_signals(header, read_header(header), range(12))
    assert physical.shape == (12, 100)
    assert "100 from the size of record.dat" in notes[0]


def test_a_link_that_the_system_refuses_becomes_a_copy(tmp_path, digital, monkeypatch):
    header, _ = write_with_wfdb(tmp_path, digital, "212")
    linked, _ = decode_signals(header, read_header(header), range(12))
    copied = []

    def refuse(*_):
        raise OSError("links are not allowed")

    monkeypatch.setattr("pathlib.Path.symlink_to", refuse)
    copyfile = shutil.copyfile
    monkeypatch.setattr("shutil.copyfile", lambda *files: copied.append(copyfile(*files)))
    again, _ = decode_signals(header, read_header(header), range(12))
    assert np.array_equal(linked, again)
    assert len(copied) == 1


@pytest.mark.parametrize(
    ("storage", "n_samples", "size"),
    [
        ("16", 5, 10),
        ("212", 5, 8),
        ("212", 4, 6),
        ("310", 3, 4),
        ("310", 5, 8),
        ("310", 4, 6),
        ("311", 5, 7),
        ("24", 5, 15),
    ],
)
def test_sizes_of_storage_formats(storage, n_samples, size):
    assert n_bytes(storage, n_samples) == size


@pytest.mark.parametrize(
    ("lines", "code", "message"),
    [
        ("x 1 500 100\nabsent.dat 16 1 16 0 0 0 0 I", "missing", "signal file absent.dat, which holds signal I"),
        ("x 1 500 100\n- 16 1 16 0 0 0 0 I", "missing", "signal file -"),
        ("x 1 500 1000\nten.dat 16 1 16", "truncated", r"20 bytes \(10 samples a lead\).*announces 2,000 \(1,000\)"),
        ("x 1 500 1000\nten.dat 212 1 12", "truncated", r"20 bytes \(13 samples a lead\).*announces 1,500"),
        ("x 1 500\nten.dat 16+20 1 16", "truncated", "holds no samples"),
        ("x 1 500 10\nten.dat 999 1 16", "unknown-format", "signal format 999"),
        ("x 1 500 10\nten.dat 516 1 16", "corrupt", "cannot be decoded as format 516"),
        ("x 1 500\nten.dat 516 1 16", "corrupt", "does not say how many samples"),
        ("x 2 500 5\nten.dat 16 1 16\nten.dat 32 1 16", "corrupt", "two formats or two offsets"),
        ("x 2 500 3\nten.dat 16x2 1 16\nten.dat 16 1 16", "mixed-rates", "different sampling rates"),
    ],
)
def test_files_that_do_not_fit_their_header_are_refused(tmp_path, lines, code, message):
    np.arange(10, dtype="<i2").tofile(tmp_path / "ten.dat")
    header = tmp_path / "x.hea"
    header.write_text(lines + "\n")
    parsed = read_header(header)
    with pytest.raises(ReadError, match=message) as caught:
        decode_signals(header, parsed, range(len(parsed.signals)))
    assert caught.value.code == code


def test_what_a_kill_would_leave_aside_does_not_name_the_file(tmp_path, digital, monkeypatch):
    header, _ = write_with_wfdb(tmp_path, digital, "212")
    header.write_text(header.read_text().replace("record.dat", "Oosterhuisen.dat"))
    (tmp_path / "record.dat").rename(tmp_path / "Oosterhuisen.dat")
    seen = []

    class Looking:
        def __getattr__(self, name):
            return getattr(wfdb, name)

        def rdrecord(self, stem, **options):
            for path in Path(stem).parent.iterdir():
                seen.append(str(path.readlink()) if path.is_symlink() else path.read_text())
            return wfdb.rdrecord(stem, **options)

    monkeypatch.setattr(wfdb_samples, "load_wfdb", Looking)
    decode_signals(header, read_header(header), range(12))
    assert len(seen) == 2
    assert "Oosterhuisen" not in " ".join(seen)
