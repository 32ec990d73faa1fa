import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from hemometric.errors import ReadError
from hemometric.formats import find_records, list_parts, read_ecg
from hemometric.formats.hdf5 import close_hdf5

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
EXAMS = (1169160, 2873686, 17)


@pytest.fixture
def tracings() -> np.ndarray:
    """Three exams as in CODE-15, mV, shape (3, 4096, 12): of 4,000 samples, of 2,800, and of 4,096."""
    values = np.random.default_rng([3, 15]).normal(size=(3, 4096, 12)).astype(np.float32)
    values[0, :48] = values[0, 4048:] = 0
    values[1, :648] = values[1, 3448:] = 0
    values[:, 1000, 0] = 0  # one lead at zero is no padding
    return values


@pytest.fixture
def write_code15(tmp_path, tracings):
    """Write a file as CODE-15 does, with its last row, which holds no exam."""

    def write(name="exams_part3.hdf5", *, ids=EXAMS, dummy=True, exams=None, **options):
        values = tracings[: len(ids)] if exams is None else exams
        with h5py.File(tmp_path / name, "w") as file:
            last = np.zeros((1, *values.shape[1:]), dtype=values.dtype)
            file.create_dataset("exam_id", data=np.array([*ids, *[0] * dummy]))
            file.create_dataset("tracings", data=np.concatenate([values, last]) if dummy else values, **options)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("row", "start", "stop"), [(0, 48, 4048), (1, 648, 3448), (2, 0, 4096)], ids=["10 s", "7 s", "full"]
)
@pytest.mark.parametrize("options", [{}, {"chunks": True, "compression": "gzip"}], ids=["plain", "compressed"])
def test_an_exam_of_code_15_is_what_stands_between_the_zeros(write_code15, tracings, row, start, stop, options):
    ecg = read_ecg(write_code15(**options), part=str(EXAMS[row]))
    assert np.array_equal(ecg.waveform, tracings[row, start:stop].T)
    assert (ecg.sampling_rate_hz, ecg.ecg_id) == (400, str(EXAMS[row]))
    assert ecg.notes[0] == "unit absent: mV as the documentation of CODE-15 says"
    assert any(f"{start} samples before, {4096 - stop} after" in note for note in ecg.notes) == (row < 2)


def test_the_parts_of_code_15_are_its_exams_without_the_last_row(write_code15):
    assert list_parts(write_code15()) == tuple(map(str, EXAMS))
    assert list_parts(write_code15("own.h5", ids=EXAMS[:2], dummy=False)) == tuple(map(str, EXAMS[:2]))


def test_an_exam_of_id_zero_elsewhere_is_not_left_out_in_silence(write_code15):
    assert list_parts(write_code15(ids=(0, 5, 6)))[0] == "0"


def test_missing_samples_of_code_15_stay_missing(write_code15, tracings):
    tracings[0, 0, 3] = np.nan
    ecg = read_ecg(write_code15(), part=str(EXAMS[0]))
    assert ecg.n_samples == 4048  # NaN is no padding
    assert np.isnan(ecg.waveform[3, 0])


def test_exams_csv_beside_code_15_says_who_the_patients_are(write_code15):
    file = write_code15()
    table = file.with_name("exams.csv")
    table.write_text(
        "exam_id,age,is_male,nn_predicted_age,patient_id,trace_file\n"
        f"{EXAMS[1]},38,True,40.16,523632,exams_part3.hdf5\n{EXAMS[0]},73,False,67.1,1724173,exams_part3.hdf5\n"
    )
    first, second, third = (read_ecg(file, part=str(exam)) for exam in EXAMS)
    assert (first.patient_id, first.age_years, first.sex) == ("code-15:1724173", 73, "female")
    assert (second.patient_id, second.age_years, second.sex) == ("code-15:523632", 38, "male")
    assert (third.patient_id, third.age_years, third.sex) == (None, None, None)
    table.write_text("exam_id,score\n1,2\n")
    with pytest.raises(ReadError, match="not the table of CODE-15") as caught:
        read_ecg(file, part=str(EXAMS[0]))
    assert caught.value.code == "metadata"


def test_a_file_that_changes_is_read_anew_and_may_be_written_meanwhile(write_code15, tracings):
    file = write_code15()
    before = read_ecg(file, part=str(EXAMS[2])).waveform
    with h5py.File(file, "r+") as opened:
        opened["tracings"][2] = 2 * tracings[2]
    os.utime(file, ns=(1, 1))
    assert np.array_equal(read_ecg(file, part=str(EXAMS[2])).waveform, 2 * before)


def test_a_file_under_another_name_is_of_another_patient(tmp_path):
    write_patient(tmp_path / "17.hd5")
    os.link(tmp_path / "17.hd5", tmp_path / "18.hd5")
    assert [read_ecg(tmp_path / name).patient_id for name in ("17.hd5", "18.hd5")] == ["17", "18"]


def write_patient(path, *, dates=("2001-02-03T04:05:06",), group="ecg", leads=LEADS, text=None, edit=None):
    """Write a patient as the descendants of ML4H do: plain datasets, int16 microvolts."""
    text = {"voltageunits": "MICROVOLTS", "waveform_samplebase": "500"} if text is None else text
    rng = np.random.default_rng([4, len(dates)])
    with h5py.File(path, "w") as file:
        for date in dates:
            ecg = file.create_group(f"{group}/{date}")
            for lead in leads:
                ecg.create_dataset(lead, data=rng.integers(-900, 900, size=2500).astype(np.int16), compression="gzip")
            for name, value in text.items():
                ecg.create_dataset(name, data=value)
            if edit is not None:
                edit(ecg)
    return path


@pytest.fixture
def zstd():
    """Return a function that stores a dataset as ML4H does: `np.void(zstd(...))`, described by attributes."""
    pyarrow = pytest.importorskip("pyarrow")

    def store(group, name, data, kind):
        content = data.encode() if kind == "str" else data.tobytes()
        packed = pyarrow.compress(content, codec="zstd", asbytes=True)
        dataset = group.create_dataset(name, data=np.void(packed))
        attributes = {"method": "zstd", "compression_level": 19, "len": len(data), "dtype": kind}
        for key, value in {**attributes, "uncompressed_length": len(content)}.items():
            dataset.attrs[key] = value

    return store


def test_a_patient_has_one_part_for_each_date(tmp_path):
    file = write_patient(tmp_path / "4711.hd5", dates=("2012-01-05T10:00:00", "2001-02-03T04:05:06"))
    assert list_parts(file) == ("2001-02-03T04:05:06", "2012-01-05T10:00:00")
    ecg = read_ecg(file, part="2012-01-05T10:00:00")
    with h5py.File(file) as opened:
        stored = np.stack([opened["ecg/2012-01-05T10:00:00"][lead][()] for lead in LEADS])
    assert np.array_equal(ecg.waveform, (stored / 1000).astype(np.float32))
    assert (ecg.patient_id, ecg.ecg_id) == ("4711", "4711/2012-01-05T10:00:00")
    assert (ecg.acquired_at, ecg.sampling_rate_hz) == ("2012-01-05T10:00:00", 500)


def test_the_blocks_that_ml4h_compresses_are_unpacked(tmp_path, zstd):
    values = np.random.default_rng(8).integers(-900, 900, size=(12, 5000)).astype(np.int16)
    text = {"voltageunits": "MICROVOLTS", "waveform_samplebase": "500", "waveform_sampleexponent": "0"}
    text |= {"gender": "FEMALE", "dateofbirth": "02-03-1950", "patientid_clean": "99", "patientage": "51"}
    with h5py.File(tmp_path / "99.hd5", "w") as file:
        ecg = file.create_group("partners_ecg_rest/2001-02-03T04:05:06")
        for lead, samples in zip(LEADS, values, strict=True):
            zstd(ecg, lead, samples, "int16")
        for name, value in text.items():
            zstd(ecg, name, value, "str")
    ecg = read_ecg(tmp_path / "99.hd5")
    assert np.array_equal(ecg.waveform, (values / 1000).astype(np.float32))
    assert (ecg.sampling_rate_hz, ecg.sex, ecg.age_years, ecg.notes) == (500, "female", 51.0, ())


def test_eight_leads_become_twelve(tmp_path):
    ecg = read_ecg(write_patient(tmp_path / "1.h5", leads=("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")))
    assert np.allclose(ecg.waveform[2], ecg.waveform[1] - ecg.waveform[0], atol=1e-6)
    assert ecg.notes == ("III, aVR, aVL and aVF derived from I and II",)


@pytest.mark.parametrize("unit", ["mV", "uV"])
def test_attributes_state_unit_and_rate_as_well(tmp_path, unit):
    def state(ecg):
        ecg.attrs["sampling_rate_hz"] = 250.0
        for lead in LEADS:
            ecg[lead].attrs["unit"] = unit

    file = write_patient(tmp_path / "1.h5", text={}, edit=state)
    ecg = read_ecg(file)
    assert ecg.sampling_rate_hz == 250
    with h5py.File(file) as opened:
        stored = opened["ecg/2001-02-03T04:05:06/V6"][()]
    assert np.allclose(ecg.waveform[-1], stored / {"mV": 1, "uV": 1000}[unit], rtol=1e-6)


def test_the_rate_of_the_measurements_is_taken_where_the_waveform_states_none(tmp_path):
    text = {"voltageunits": "MICROVOLTS", "ecgsamplebase_md": "25", "ecgsampleexponent_md": "1"}
    assert read_ecg(write_patient(tmp_path / "1.h5", text=text)).sampling_rate_hz == 250
    with pytest.raises(ReadError, match="states 250 Hz and 500 Hz, expected one") as caught:
        read_ecg(write_patient(tmp_path / "2.h5", text=text | {"ecgsamplebase_pc": "500"}))
    assert caught.value.code == "mixed-rates"


def test_a_name_that_stands_for_many_patients_is_no_patient(tmp_path):
    ecg = read_ecg(write_patient(tmp_path / "bad_mrn.hd5"))
    assert ecg.patient_id is None
    assert ecg.notes == ("patient unknown: the file is named bad_mrn",)


def test_another_patient_in_the_ecg_than_in_the_name_is_noted(tmp_path):
    ecg = read_ecg(write_patient(tmp_path / "5.hd5", edit=lambda ecg: ecg.create_dataset("patientid_clean", data="6")))
    assert (ecg.patient_id, len(ecg.notes)) == ("5", 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2001-02-03", "2001-02-03"),
        ("2001-02-03T04:05:06+01:00", "2001-02-03T04:05:06"),
        ("2001-02-33", None),
        ("visit-1", None),
    ],
)
def test_the_name_of_an_ecg_is_its_time_where_it_is_a_date(tmp_path, name, expected):
    assert read_ecg(write_patient(tmp_path / "1.h5", dates=(name,))).acquired_at == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ({"dateofbirth": "02-03-1950"}, 51.0),
        ({"dateofbirth": "13-03-1950"}, None),
        ({"dateofbirth": "02-03-2050"}, None),
        ({"patientage": "63", "ageunits": "YEARS"}, 63.0),
        ({"patientage": "63"}, None),
        ({"patientage": "6", "ageunits": "MONTHS"}, None),
    ],
)
def test_an_age_is_known_by_birth_or_in_years_else_not(tmp_path, text, expected):
    text |= {"voltageunits": "MICROVOLTS", "waveform_samplebase": "500"}
    assert read_ecg(write_patient(tmp_path / "1.h5", text=text)).age_years == expected


def test_hdf5_files_are_found_by_any_of_their_suffixes_and_by_content(tmp_path):
    for name in ("a.hd5", "b.h5", "c.HDF5"):
        write_patient(tmp_path / name)
    assert [file.name for file in find_records(tmp_path)] == ["a.hd5", "b.h5", "c.HDF5"]
    assert read_ecg((tmp_path / "a.hd5").rename(tmp_path / "a.bin")).patient_id == "a"


def test_a_block_of_the_user_may_stand_before_the_file(tmp_path):
    with h5py.File(tmp_path / "1.h5", "w", userblock_size=512) as file:
        file.create_dataset("exam_id", data=[7])
        file.create_dataset("tracings", data=np.ones((1, 4096, 12)))
    assert read_ecg(tmp_path / "1.h5").ecg_id == "7"


def with_v6(write):
    """Return an edit that writes another V6."""

    def edit(ecg):
        del ecg["V6"]
        write(ecg)

    return edit


def values(content):
    return with_v6(lambda ecg: ecg.create_dataset("V6", data=content))


def link(ecg):
    ecg["V6"] = h5py.ExternalLink("linked.hd5", "/ecg/2001-02-03T04:05:06/V6")


def alias(ecg):
    ecg["V6"] = h5py.SoftLink(f"{ecg.name}/V5")


def virtual(ecg):
    layout = h5py.VirtualLayout(shape=(2500,), dtype="i2")
    layout[:] = h5py.VirtualSource("other.hd5", "ecg/2001-02-03T04:05:06/V6", shape=(2500,))
    ecg.create_virtual_dataset("V6", layout)


def many(ecg):
    ecg.create_dataset("V6", shape=(2**40,), dtype="i2", chunks=(1000,))


def coarse(ecg):
    ecg.create_dataset("V6", shape=(2500,), maxshape=(None,), dtype="i2", chunks=(2**28,))


def bad_files(folder, write_code15, tracings, zstd):
    """File, part, code, part of the message."""

    def patient(name, **options):
        return write_patient(folder / f"{name}.hd5", **options)

    def pack(kind, **attributes):
        def write(ecg):
            zstd(ecg, "V6", np.zeros(2500, dtype=np.int16), kind)
            ecg["V6"].attrs.update(attributes)

        return with_v6(write)

    samples = np.zeros(2500, dtype=np.int16)
    rate = {"waveform_samplebase": "500"}
    date = "2001-02-03T04:05:06"
    other = folder / "other.h5"
    with h5py.File(other, "w") as file:
        file.create_dataset("waveform", data=np.zeros((2, 3)))
        file.create_group("labels/x")
    sibling, ikem = folder / "ecg_tracings.hdf5", folder / "ikem.hdf5"
    with h5py.File(sibling, "w") as file:
        file.create_dataset("tracings", data=tracings)
    with h5py.File(ikem, "w") as file:
        file.create_dataset("tracings", data=np.zeros((2, 4096, 8), dtype=np.int16))
        file.create_dataset("exam_id", data=[1, 2])
    (folder / "cut.h5").write_bytes(write_code15("whole.h5").read_bytes()[:2000])
    patient("linked")  # the link leads somewhere, and is not followed all the same
    several = patient("several", dates=(date, "2002-02-03T04:05:06"))
    twice = write_code15("twice.hdf5", ids=(5, 6, 5))
    return [
        (write_code15(), None, "several-ecgs", "holds 3 ECGs: 1169160, 2873686, 17; name one with part=..."),
        (write_code15(), "1169161", "no-such-part", "holds no ECG '1169161'; did you mean '1169160'?"),
        (write_code15("none.h5", ids=()), None, "empty", "holds 0 ECGs"),
        (twice, "6", "duplicate-name", "exam_id 5 stands in several rows"),
        (write_code15("zero.h5", exams=0 * tracings), "17", "empty", "all samples of exam 17 are zero"),
        (several, None, "several-ecgs", "holds 2 ECGs"),
        (several, "x", "no-such-part", "the first of its 2 ECGs is '2001-02-03T04:05:06'"),
        (other, None, "unsupported-format", "found /labels (a group of 1), /waveform (float64 (2, 3))"),
        (sibling, None, "unsupported-format", "differs between CODE-test and SaMi-Trop"),
        (ikem, None, "unsupported-format", "as in IKEM, whose leads, rate and unit differ"),
        (folder / "cut.h5", None, "corrupt", "damaged HDF5 file"),
        (patient("unit", text=rate), None, "no-unit", "does not say in which unit lead I is"),
        (patient("mmhg", text=rate | {"voltageunits": "mmHg"}), None, "unknown-unit", "lead I is in 'mmHg'"),
        (patient("rate", text={"voltageunits": "uV"}), None, "no-rate", "does not say its sampling rate"),
        (patient("nan", text={"voltageunits": "uV", "fs": "fast"}), None, "corrupt", "a sampling rate of nan Hz"),
        (patient("eleven", leads=LEADS[:11]), None, "wrong-leads", "missing V6"),
        (patient("twice", leads=(*LEADS, "v6")), None, "duplicate-leads", "lead V6 occurs more than once"),
        (patient("long", edit=values(samples[1:])), None, "truncated", "lead V6 has 2,499 samples"),
        (patient("none", edit=values(samples[:0])), None, "truncated", "lead V6 has 0 samples"),
        (patient("text", edit=values("word")), None, "unsupported-format", "expected the samples of one lead"),
        (patient("flat", edit=values(samples[None])), None, "unsupported-format", "int16 (1, 2500)"),
        (patient("link", edit=with_v6(link)), None, "wrong-leads", "missing V6"),
        (patient("alias", edit=with_v6(alias)), None, "wrong-leads", "missing V6"),
        (patient("virtual", edit=with_v6(virtual)), None, "unsupported-format", "takes its values from another file"),
        (patient("many", edit=with_v6(many)), None, "too-long", "announces 1,099,511,627,776 samples"),
        (patient("coarse", edit=with_v6(coarse)), None, "unsupported-format", "of which one does not fit 256 MiB"),
        (patient("plain", edit=values(np.void(b"BZh9"))), None, "unsupported-format", "not compressed by zstd"),
        (patient("kind", edit=pack("float", len=625)), None, "unsupported-format", "5,000 bytes for 625 samples"),
        (
            patient("short", edit=pack("int16", uncompressed_length=4999)),
            None,
            "truncated",
            "does not unpack to the 4,999 bytes",
        ),
        (
            patient("bomb", edit=pack("int16", uncompressed_length=2**40)),
            None,
            "too-long",
            "announces 1,099,511,627,776 bytes",
        ),
    ]


def test_bad_files_are_refused_in_one_line_that_names_the_file(tmp_path, write_code15, tracings, zstd):
    for file, part, code, message in bad_files(tmp_path, write_code15, tracings, zstd):
        with pytest.raises(ReadError) as caught:
            read_ecg(file, part=part)
        assert (file.name, caught.value.code) == (file.name, code), str(caught.value)
        assert message in str(caught.value)
        assert str(caught.value).startswith(str(file))
        assert "\n" not in str(caught.value)


def test_nothing_is_kept_open_after_closing(write_code15):
    file = write_code15()
    read_ecg(file, part="17")
    close_hdf5()
    close_hdf5()
    opened = Path("/proc/self/fd")
    if opened.is_dir():
        assert file not in [entry.readlink() for entry in opened.iterdir() if entry.is_symlink()]


def change_bytes(path, mark, at, content):
    """Overwrite bytes `at` behind a mark that stands in the file."""
    whole = bytearray(path.read_bytes())
    place = whole.index(mark) + at
    whole[place : place + len(content)] = content
    path.write_bytes(whole)


def test_a_heap_of_texts_that_hdf5_would_never_leave_is_refused(tmp_path):
    file = write_patient(tmp_path / "1.h5")
    first_object = 16
    change_bytes(file, b"GCOL", first_object, bytes(16))  # free space of no size, of which HDF5 never gets out
    with pytest.raises(ReadError, match="the heap of its texts has an object of no size") as caught:
        read_ecg(file)
    assert caught.value.code == "corrupt"


def test_a_text_of_a_damaged_length_is_refused_before_it_takes_memory(tmp_path):
    file = write_patient(tmp_path / "1.h5")
    with h5py.File(file) as opened:
        offset = opened["ecg/2001-02-03T04:05:06/voltageunits"].id.get_offset()
    change_bytes(file, b"\x89HDF", offset, (2**31).to_bytes(4, "little"))
    with pytest.raises(ReadError, match="announces a text of 2,147,483,648 bytes") as caught:
        read_ecg(file)
    assert caught.value.code == "corrupt"
