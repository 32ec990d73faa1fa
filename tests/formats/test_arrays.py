import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hemometric.errors import ReadError
from hemometric.formats import find_records, list_parts, read_ecg
from hemometric.formats.array_files import is_array
from hemometric.formats.array_npy import open_npy, open_npz
from hemometric.formats.array_sidecar import Sidecar, read_sidecar

LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]


@pytest.fixture
def microvolts() -> np.ndarray:
    """Three ECGs, int16, shape (3, 12, 100)."""
    return np.random.default_rng([3, 12]).integers(-900, 900, size=(3, 12, 100)).astype(np.int16)


@pytest.fixture
def write(tmp_path):
    """Write an array and its sidecar; a key that is None is left out."""

    def write_array(values, name="x.npy", **keys):
        if name.endswith(".npz"):
            np.savez(tmp_path / name, **(values if isinstance(values, dict) else {"ecgs": values}))
        elif name.endswith(".csv"):
            (tmp_path / name).write_text(values, encoding="utf-8")
        else:
            np.save(tmp_path / name, values)
        sidecar = {"file": name, "sampling_rate_hz": 250, "unit": "uV"}
        if not name.endswith(".csv"):
            sidecar |= {"leads": LEADS, "axes": ["ecg", "lead", "sample"][-getattr(values, "ndim", 3) :]}
        sidecar = {key: value for key, value in (sidecar | keys).items() if value is not None}
        path = tmp_path / f"{name.rpartition('.')[0]}.ecg.json"
        path.write_text(json.dumps(sidecar), encoding="utf-8")
        return path

    return write_array


def test_an_array_is_read_by_its_sidecar_or_by_its_file(write, microvolts):
    sidecar = write(microvolts)
    assert list_parts(sidecar) == list_parts(sidecar.with_name("x.npy")) == ("0", "1", "2")
    for path in (sidecar, sidecar.with_name("x.npy")):
        ecg = read_ecg(path, part="2")
        assert np.array_equal(ecg.waveform, (microvolts[2] / 1000).astype(np.float32))
        assert (ecg.sampling_rate_hz, ecg.ecg_id, ecg.patient_id) == (250, "x/2", None)


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize("axes", [(0, 1, 2), (0, 2, 1), (2, 0, 1), (1, 2, 0), (2, 1, 0), (1, 0, 2)])
def test_the_order_of_the_axes_does_not_matter(write, microvolts, name, fortran, axes):
    turned = microvolts.transpose(axes)
    turned = np.asfortranarray(turned) if fortran else np.ascontiguousarray(turned)
    sidecar = write(turned, name, axes=[("ecg", "lead", "sample")[axis] for axis in axes])
    assert np.array_equal(read_ecg(sidecar, part="1").waveform, (microvolts[1] / 1000).astype(np.float32))


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<i4", "u2", "<f4", ">f8", "<f2"])
def test_any_type_of_number_is_read(write, dtype):
    values = np.arange(12 * 50).reshape(12, 50).astype(dtype)
    assert np.array_equal(read_ecg(write(values, unit="mV")).waveform, values.astype(np.float32))


def test_one_ecg_needs_no_part_and_is_called_like_its_file(write, microvolts):
    sidecar = write(microvolts[0], "visit.7.npy")
    assert list_parts(sidecar) == (None,)
    assert read_ecg(sidecar).ecg_id == "visit.7"


def test_steps_and_marks_of_missing_samples_are_applied(write, microvolts):
    microvolts[0, 5, 7] = -32768
    ecg = read_ecg(write(microvolts[0], lsb=4.88, missing=-32768))
    assert np.isnan(ecg.waveform[5, 7])
    assert np.isnan(ecg.waveform).sum() == 1
    assert np.allclose(ecg.waveform[0], microvolts[0, 0] * 0.00488, rtol=1e-6)


def test_eight_leads_become_twelve_and_other_channels_are_left_out(write, microvolts):
    names = ["vx", "I", "II", "V1", "V2", "V3", "V4", "V5", "V6", "pressure"]
    ecg = read_ecg(write(microvolts[0, :10], leads=names))
    assert np.array_equal(ecg.waveform[6], (microvolts[0, 3] / 1000).astype(np.float32))
    assert np.allclose(ecg.waveform[2], ecg.waveform[1] - ecg.waveform[0], atol=1e-6)


def test_facts_stand_in_lists(write, microvolts):
    sidecar = write(
        microvolts,
        ids=["a", 7, "c"],
        patient_id=["p1", 2, None],
        age_years=[63, None, 40.5],
        sex=["female", None, "M"],
        acquired_at=["2020-05-15", "2020-05-15T15:35:30", None],
    )
    assert list_parts(sidecar) == ("a", "7", "c")
    first, second, third = (read_ecg(sidecar, part=part) for part in list_parts(sidecar))
    assert (first.ecg_id, first.patient_id, first.age_years, first.sex) == ("a", "p1", 63, "female")
    assert (first.acquired_at, second.acquired_at, third.acquired_at) == ("2020-05-15", "2020-05-15T15:35:30", None)
    assert (second.patient_id, second.age_years, second.sex) == ("2", None, None)
    assert (third.patient_id, third.age_years, third.sex) == (None, 40.5, "male")


def test_facts_stand_in_a_table(write, microvolts):
    sidecar = write(microvolts, table="patients.csv", ids="ecg", patient_id="mrn", age_years="age", sex="sex")
    table = sidecar.with_name("patients.csv")
    table.write_text("mrn,ecg,age,sex\np1,e1,50,female\np2,e2,,male\np2,e3,61,\n")
    ecgs = [read_ecg(sidecar, part=part) for part in ("e1", "e2", "e3")]
    assert [ecg.patient_id for ecg in ecgs] == ["p1", "p2", "p2"]
    assert [ecg.age_years for ecg in ecgs] == [50, None, 61]
    table.write_text(table.read_text().replace("p1", "p9"))
    assert read_ecg(sidecar, part="e1").patient_id == "p9"  # read anew as it changes


def test_facts_stand_in_arrays_of_the_same_npz(write, microvolts):
    content = {"waveforms": microvolts, "ids": np.array([11, 12, 13]), "mrn": np.array(["p", "", "q"])}
    content["ages"] = np.array([50.0, np.nan, 61.0])
    sidecar = write(content, "x.npz", array="waveforms", ids="ids", patient_id="mrn", age_years="ages")
    assert list_parts(sidecar) == ("11", "12", "13")
    ecgs = [read_ecg(sidecar, part=part) for part in list_parts(sidecar)]
    assert [(ecg.patient_id, ecg.age_years) for ecg in ecgs] == [("p", 50), (None, None), ("q", 61)]
    assert np.array_equal(ecgs[1].waveform, (microvolts[1] / 1000).astype(np.float32))


@pytest.mark.parametrize("number", [0xD800, 0x110000, 2**32 - 1])
def test_facts_with_a_number_that_is_no_character_are_refused(write, microvolts, number):
    ids = np.array(["a", "b", "c"])
    ids.view(np.uint32)[1] = number
    sidecar = write({"waveforms": microvolts, "ids": ids}, "x.npz", array="waveforms", ids="ids")
    with pytest.raises(ReadError, match="array 'ids' holds text that is damaged") as caught:
        read_ecg(sidecar, part="a")
    assert caught.value.code == "corrupt"


def test_a_compressed_npz_is_unpacked_within_bounds(write, microvolts, tmp_path):
    sidecar = write(microvolts, "x.npz")
    np.savez_compressed(tmp_path / "x.npz", ecgs=microvolts)
    assert np.array_equal(read_ecg(sidecar, part="0").waveform, (microvolts[0] / 1000).astype(np.float32))
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|i1", "fortran_order": False, "shape": (300, 2**20, 1)})
        for _ in range(300):
            file.write(bytes(2**20))
    with pytest.raises(ReadError, match=r"compressed and 300 MiB long, at most 256 .* without compression") as caught:
        list_parts(sidecar)
    assert caught.value.code == "too-long"


def test_an_array_that_is_stored_as_it_is_stays_on_disk(write, tmp_path, microvolts):
    for name in ("x.npy", "y.npz"):
        write(microvolts, name)
    for array in (open_npy(tmp_path / "x.npy"), open_npz(tmp_path / "y.npz", "ecgs")):
        assert isinstance(array, np.memmap)
        assert np.array_equal(array, microvolts)


CSV = "time;I;II;V1;V2;V3;V4;V5;V6;note\n"


def rows(n=5, *, step=4.0, start=100.0, change=None):
    lines = [";".join([f"{start + k * step:g}", *(f"{k + lead / 10:.1f}" for lead in range(8)), ""]) for k in range(n)]
    for line, text in (change or {}).items():
        lines[line] = text
    return CSV + "\n".join(lines) + "\n"


def test_a_csv_holds_one_ecg_below_the_names_of_its_leads(write):
    sidecar = write(rows(), "x.csv", separator=";", time_column="time", time_unit="ms")
    for path in (sidecar, sidecar.with_name("x.csv")):
        ecg = read_ecg(path)
        assert ecg.n_samples == 5
        assert np.allclose(ecg.waveform[6] * 1000, np.arange(5) + 0.2)
    assert list_parts(sidecar) == (None,)


@pytest.mark.parametrize("empty", ["", "NaN", "nan", "NA"])
def test_an_empty_field_is_a_missing_sample(write, empty):
    lines = [",".join(LEADS), ",".join("1" * 12), ",".join([empty, *"1" * 11]), ",".join("1" * 12)]
    ecg = read_ecg(write("\n".join(lines), "x.csv", unit="mV"))
    assert np.argwhere(np.isnan(ecg.waveform)).tolist() == [[0, 1]]


def test_times_that_are_rounded_fit_their_rate(write):
    lines = "".join(f"{round(k / 360, 3)}," + ",".join(["1"] * 12) + "\n" for k in range(500))
    text = "\ufefft," + ",".join(LEADS) + "\n" + lines
    sidecar = write(text, "x.csv", sampling_rate_hz=360, time_column="t", time_unit="s")
    assert read_ecg(sidecar).n_samples == 500


@pytest.mark.parametrize(
    ("keys", "text", "message"),
    [
        ({"sampling_rate_hz": 500}, rows(), "line 3 is at 104 ms by column 'time', expected 102 at 500 Hz"),
        ({}, rows(change={3: "116;" + "1;" * 8}), "line 5 is at 116 ms by column 'time', expected 112 at 250 Hz"),
        ({}, rows(change={3: ";" + "1;" * 8}), "line 5 is at nan ms"),
    ],
)
def test_a_time_that_does_not_fit_the_rate_is_refused(write, keys, text, message):
    sidecar = write(text, "x.csv", separator=";", time_column="time", time_unit="ms", **keys)
    with pytest.raises(ReadError) as caught:
        read_ecg(sidecar)
    assert message in str(caught.value)
    assert caught.value.code == "mixed-rates"


@pytest.mark.parametrize(
    ("name", "shape", "proposal"),
    [
        ("x.npy", (7, 12, 100), {"leads": LEADS, "axes": ["ecg", "lead", "sample"]}),
        ("x.npy", (100, 12), {"leads": LEADS, "axes": ["sample", "lead"]}),
        ("x.npy", (8, 100), {"leads": [*LEADS[:2], *LEADS[6:]], "axes": ["lead", "sample"]}),
        ("x.csv", None, {}),
    ],
)
def test_without_a_sidecar_the_error_shows_one_that_can_be_read(tmp_path, name, shape, proposal):
    path = tmp_path / name
    if shape is None:
        path.write_text(",".join(LEADS) + "\n" + ",".join("1" * 12) + "\n")
    else:
        np.save(path, np.zeros(shape))
    with pytest.raises(ReadError, match=r"which are not guessed; write them into x\.ecg\.json beside it") as caught:
        read_ecg(path)
    assert caught.value.code == "no-sidecar"
    shown = str(caught.value).partition("for instance ")[2].rpartition(" (docs/formats/arrays.md)")[0]
    assert json.loads(shown) == {"file": name, "sampling_rate_hz": 500, "unit": "mV"} | proposal
    (tmp_path / "x.ecg.json").write_text(shown)
    assert len(list_parts(path)) == (7 if shape == (7, 12, 100) else 1)


def bad_sidecars():
    """Keys to change, code, part of the message; the array has the shape (3, 12, 100)."""
    several = {"sampling_rte": 3, "unit": None, "lsb": -1, "axes": ["lead", "lead", "sample"]}
    return [
        ({"samplng_rate": 5}, "sidecar", "unknown key 'samplng_rate', did you mean 'sampling_rate_hz'?"),
        (several, "sidecar", "unit is missing; lsb: Input should be greater than 0, got -1; axes: must name"),
        (several, "sidecar", "unknown key 'sampling_rte', did you mean 'sampling_rate_hz'?"),
        ({"leads": None, "axes": None}, "sidecar", "leads, axes missing: an array does not say it"),
        ({"unit": "mmHg"}, "unknown-unit", "lead I is in 'mmHg'"),
        ({"unit": ""}, "unknown-unit", "lead I is in ''"),
        ({"sampling_rate_hz": 0}, "sidecar", "sampling_rate_hz: Input should be greater than 0"),
        ({"sampling_rate_hz": float("nan")}, "sidecar", "sampling_rate_hz"),
        ({"axes": ["lead", "sample"]}, "sidecar", "axes names 2 axes, x.npy has the shape (3, 12, 100)"),
        ({"axes": ["ecg", "sample", "lead"]}, "sidecar", "leads names 12, x.npy of shape (3, 12, 100) holds 100"),
        ({"axes": ["ecg", "sample"]}, "sidecar", 'must name "lead" and "sample" once each'),
        ({"axes": ["ecg", "time", "lead"]}, "sidecar", "axes"),
        ({"leads": LEADS[:11]}, "sidecar", "leads names 11"),
        ({"leads": [*LEADS[:11], "X"]}, "wrong-leads", "missing V6"),
        ({"leads": [*LEADS[:11], "v5"]}, "duplicate-leads", "lead V5 occurs more than once"),
        ({"file": "y.npy"}, "sidecar", "its sidecar x.ecg.json describes y.npy"),
        ({"file": "../x.npy"}, "sidecar", "file: must be the name of a file beside the sidecar"),
        ({"file": "sub\\x.npy"}, "sidecar", "file: must be the name of a file beside the sidecar"),
        ({"ids": ["a", "b"]}, "sidecar", "ids has 2 values, the array holds 3 ECGs"),
        ({"ids": ["0", "b", "b"]}, "sidecar", "ids: 'b' stands in it 2 times"),
        ({"ids": ["0", "b", ""]}, "sidecar", "ids: one is empty"),
        ({"ids": "mrn"}, "sidecar", "ids is 'mrn': give a list with one value an ECG"),
        ({"table": "t.csv", "ids": "e"}, "missing", "its table t.csv is not beside it"),
        ({"age_years": [200, 1, 2]}, "metadata", "age_years of ECG 0 is '200.0', expected 0 to 120"),
        ({"sex": ["X", "male", ""]}, "metadata", "sex of ECG 0 is 'X'"),
        ({"acquired_at": ["15.5.2020", "", ""]}, "metadata", "acquired_at of ECG 0 is '15.5.2020'"),
        ({"acquired_at": ["2020-05-15T10:00:00Z", "", ""]}, "metadata", "without zone"),
        ({"time_column": "t"}, "sidecar", "time_column and time_unit belong together"),
    ]


@pytest.mark.parametrize(("keys", "code", "message"), bad_sidecars())
def test_a_sidecar_that_does_not_fit_is_refused_in_one_line(write, microvolts, keys, code, message):
    write(microvolts, **keys)
    path = write(microvolts, **keys).with_name("x.npy")
    with pytest.raises(ReadError) as caught:
        read_ecg(path, part="0")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"file": "x.npy", "file": "y.npy"}', "'file' stands twice"),
        ('{"file": "x.npy"', "the sidecar is not JSON in UTF-8"),
        ('{"file": ' + "[" * 100_000, "the sidecar is not JSON in UTF-8"),
        ('{"file": ["x.npy"]}', "file: Input should be a valid string"),
        ('{"file": "' + "ä" * 128 + '"}', "file: is longer than the 255 bytes that the name of a file may have"),
        (
            json.dumps({"file": "x.npy", "sampling_rate_hz": 250, "unit": "uV", "ids": ["a", "\ud800", "c"]}),
            "the sidecar is not JSON in UTF-8",
        ),
    ],
)
def test_a_sidecar_that_is_no_json_is_refused(tmp_path, microvolts, content, message):
    np.save(tmp_path / "x.npy", microvolts)
    (tmp_path / "x.ecg.json").write_text(content)
    for path in (tmp_path / "x.npy", tmp_path / "x.ecg.json"):
        with pytest.raises(ReadError) as caught:
            read_ecg(path, part="0")
        assert message in str(caught.value)
        assert caught.value.code == "sidecar"


def bad_arrays(write, folder, microvolts):
    """File, code, part of the message."""

    def npy(name, content):
        write(microvolts, f"{name}.npy")
        (folder / f"{name}.npy").write_bytes(content)
        return folder / f"{name}.npy"

    def npz(name, **keys):
        return write({"a": microvolts, "b": microvolts}, f"{name}.npz", **keys)

    def text(name, content, **keys):
        return write(content, f"{name}.csv", separator=";", **keys)

    np.save(folder / "objects.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    np.save(folder / "whole.npy", microvolts)
    whole = (folder / "whole.npy").read_bytes()
    (folder / "zip.npz").write_bytes(b"PK\x03\x04" + bytes(22) + b"\x05\x00\x00\x00a.npy" + bytes(20))
    lost = write(microvolts, "lost.npy")
    (folder / "lost.npy").unlink()
    return [
        (npy("objects", (folder / "objects.npy").read_bytes()), "unsupported-format", "objects are never unpickled"),
        (npy("cut", whole[:-1]), "truncated", "announces an array (3, 12, 100) of int16, the file holds 7,199 bytes"),
        (npy("head", whole[:50]), "corrupt", "damaged NPY file"),
        (npy("shape", whole.replace(b"(3, 12, 100)", b"(3, 12, -10)")), "truncated", "announces an array"),
        (write(np.zeros((3, 12, 100), dtype=complex), "complex.npy"), "unsupported-format", "complex128"),
        (write(np.zeros((3, 12, 100), dtype=bool), "bool.npy"), "unsupported-format", "of type bool"),
        (write(np.zeros((3, 12, 0)), "empty.npy"), "empty", "holds no samples"),
        (write(np.zeros((0, 12, 5)), "none.npy"), "no-such-part", "the first of its 0 ECGs"),
        (lost, "missing", "its file of samples lost.npy is not beside it"),
        (npz("two"), "sidecar", "holds 2 arrays ('a', 'b'); name that of the samples (array)"),
        (npz("other", array="c"), "no-such-array", "holds no array 'c', only 'a', 'b'"),
        (npz("ids", array="a", ids="b"), "sidecar", "array 'b' is (3, 12, 100), expected one value an ECG"),
        (folder / "zip.npz", "no-sidecar", "write them into zip.ecg.json"),
        (
            text("comma", rows(change={1: "0;1,5" + ";1" * 7 + ";"})),
            "corrupt",
            "line 3, I: invalid value '1,5'; expected numbers with a",
        ),
        (text("word", rows(change={1: "0;one" + ";1" * 7 + ";"})), "corrupt", "invalid value 'one'"),
        (text("short", rows(change={1: "0;1;1"})), "corrupt", "line 3: Expected 10 columns, got 3"),
        (text("axes", rows(), axes=["sample", "lead"]), "sidecar", "axes: leave it out, the first line of a CSV"),
        (text("time", rows(), time_column="t", time_unit="s"), "sidecar", "has no column 't'"),
        (
            write(rows(), "apart.csv"),
            "sidecar",
            'is separated by \';\', as its sidecar does not say; add {"separator": ";"}',
        ),
        (text("headless", "1;2\n3;4\n"), "wrong-leads", "found none of them"),
        (text("nothing", ""), "wrong-leads", "found none of them"),
        (text("lines", CSV), "empty", "holds no samples"),
        (text("seven", rows().replace(";V6", ";x")), "wrong-leads", "missing III, aVR, aVL, aVF, V6"),
    ]


def test_bad_arrays_are_refused_in_one_line_that_names_the_file(write, tmp_path, microvolts):
    for path, code, message in bad_arrays(write, tmp_path, microvolts):
        with pytest.raises(ReadError) as caught:
            read_ecg(path, part="0")
        assert (path.name, caught.value.code) == (path.name, code), str(caught.value)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_tables_that_do_not_fit_are_refused(write, microvolts):
    sidecar = write(microvolts, table="t.csv", ids="ecg")
    table = sidecar.with_name("t.csv")
    for text, message in (
        ("mrn\na\nb\nc\n", "ids names the column 'ecg', the table has mrn"),
        ("ecg\na\nb\n", "ids has 2 values, the array holds 3 ECGs"),
        ("ecg,x\na,1\nb\nc,1\n", "row 3 has another number of fields"),
        ("", "not a CSV table"),
    ):
        table.write_text(text)
        with pytest.raises(ReadError, match=message):
            list_parts(sidecar)


def test_a_part_that_is_not_there_is_refused_with_the_nearest(write, microvolts):
    sidecar = write(microvolts, ids=["alpha", "beta", "gamma"])
    with pytest.raises(ReadError, match="holds no ECG 'alhpa'; did you mean 'alpha'") as caught:
        read_ecg(sidecar, part="alhpa")
    assert caught.value.code == "no-such-part"
    with pytest.raises(ReadError, match="holds 3 ECGs: alpha, beta, gamma; name one") as caught:
        read_ecg(sidecar)
    assert caught.value.code == "several-ecgs"


def test_a_folder_is_searched_for_sidecars_and_a_file_leads_to_its_own(write, microvolts, tmp_path):
    sidecar = write(microvolts)
    np.save(tmp_path / "alone.npy", microvolts)
    assert find_records(tmp_path) == [sidecar]
    assert find_records(tmp_path / "x.npy") == [sidecar]
    assert find_records(tmp_path / "alone.npy") == [tmp_path / "alone.npy"]


def test_a_csv_without_names_that_we_know_is_read_where_a_sidecar_lies_beside_it(write):
    sidecar = write("a,b\n1,2\n", "x.csv")
    with pytest.raises(ReadError, match="found none of them"):
        read_ecg(sidecar.with_name("x.csv"))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\x93NUMPY\x01\x00", True),
        (b'\xef\xbb\xbf {"file": "x.npy"', True),
        (b'{"name": "x"}', False),
        (b"time,I,II\n0,1,2\n", True),
        (b"patient_id,measured_at,value\n", False),
        (b"I,II\x00", False),
        (b"PK\x03\x04" + bytes(22) + b"\x05\x00\x00\x00a.npy", True),
        (b"PK\x03\x04" + bytes(22) + b"\x05\x00\x00\x00a.txt", False),
    ],
)
def test_arrays_are_known_by_content(head, expected):
    assert is_array(head) is expected


def test_the_sidecars_in_the_documentation_are_right(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "formats" / "arrays.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        (tmp_path / "x.ecg.json").write_text(block)
        assert read_sidecar(tmp_path / "x.ecg.json").sampling_rate_hz > 0
    for key in Sidecar.model_fields:
        assert f"`{key}`" in page, key
