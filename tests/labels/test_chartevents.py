"""A miniature of icu/chartevents of MIMIC-IV: its columns, units and the values that real files hold."""

import gzip

import pytest

from hemometric.errors import LabelError, SettingsError
from hemometric.labels import link
from hemometric.labels.chartevents import read_chartevents
from hemometric.labels.presets import find_preset
from hemometric.store import Store, verify

HEADER = "subject_id,hadm_id,stay_id,caregiver_id,charttime,storetime,itemid,value,valuenum,valueuom,warning"
OLD_HEADER = HEADER.replace("caregiver_id,", "")


def event(item, value, unit="mmHg", subject=10000032, at="2180-07-23 12:36:00"):
    return f"{subject},29079034,39553978,18704,{at},2180-07-23 14:45:00,{item},{value},{value},{unit},0"


ROWS = (
    event(220045, 91, "bpm"),
    event(223771, 17),
    event(220061, 31),
    event(220074, -2),
    event(220088, 4.6, "L/min"),
    event(224842, 5, "l/min", at="2180-07-23 13:00:00"),
    event(228369, 6, "L/min"),
    event(228177, 3, "L/min/m2"),
)


@pytest.fixture
def table(tmp_path):
    """Return a function that writes rows as chartevents.csv, or .csv.gz."""

    def write(*rows, header=HEADER, name="chartevents.csv.gz"):
        content = ("\n".join([header, *rows]) + "\n").encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


@pytest.mark.parametrize("name", ["chartevents.csv", "chartevents.csv.gz"])
def test_invasive_values_are_read_and_the_others_are_counted(table, name):
    read = read_chartevents(table(*ROWS, name=name))
    assert [(row["target"], row["value"], row["unit_original"], row["method"]) for row in read.labels.to_pylist()] == [
        ("mpcwp", 17.0, "mmHg", "PCWP (223771)"),
        ("mpap", 31.0, "mmHg", "pulmonary artery pressure mean (220061)"),
        ("rap", -2.0, "mmHg", "central venous pressure (220074)"),
        ("co", 4.6, "L/min", "thermodilution (220088)"),
        ("co", 5.0, "l/min", "continuous thermodilution (224842)"),
    ]
    assert set(read.labels["patient_id"].to_pylist()) == {"mimic-iv:10000032"}
    assert read.labels["measured_at"].to_pylist()[0] == "2180-07-23T12:36:00"
    assert dict(read.dropped) == {"other-target": 1, "not-invasive": 2}
    assert (read.n_read, read.n_patients, read.rejects) == (8, 1, ())


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (event(223771, 0), "implausible"),
        (event(223771, 60), "implausible"),
        (event(223771, 133), "implausible"),
        (event(223771, -3), "implausible"),
        (event(220061, 999999), "implausible"),
        (event(220088, 0, "L/min"), "implausible"),
        (event(223771, 17, ""), "unknown-unit"),
        (event(223771, 17, "hPa"), "unknown-unit"),
        (event(223771, 17, at=""), "no-time"),
        (event(223771, 17, at="yesterday"), "no-time"),
        (event(223771, 17, subject=""), "no-patient"),
    ],
)
def test_what_cannot_be_used_is_listed_with_its_line(table, row, code):
    read = read_chartevents(table(event(223771, 17), event(220045, 91, "bpm"), row))
    assert read.labels.num_rows == 1
    (reject,) = read.rejects
    assert (reject.reason_code, reject.line) == (code, 4)
    assert dict(read.dropped) == {"other-target": 1, code: 1}


def test_a_value_that_is_no_number_is_counted(table):
    row = event(223771, 17).replace(",17,17,", ",Not measured,,")
    assert dict(read_chartevents(table(event(223771, 18), row)).dropped) == {"no-value": 1}


def test_the_table_of_an_older_version_is_read_alike(table):
    rows = [row.replace(",18704,", ",") for row in ROWS]
    assert read_chartevents(table(*rows, header=OLD_HEADER)).labels.num_rows == 5


def test_many_blocks_are_read_as_one(table, monkeypatch):
    monkeypatch.setattr("hemometric.labels.chartevents._BLOCK_BYTES", 1000)
    rows = [event(223771, 5 + number % 50, subject=number % 7) for number in range(500)]
    read = read_chartevents(table(*rows, event(223771, 600)))
    assert read.labels["value_original"].to_pylist() == [5 + number % 50 for number in range(500)]
    assert (read.n_read, read.n_patients) == (501, 8)
    assert [reject.line for reject in read.rejects] == [502]


def test_a_file_that_is_cut_off_is_refused_and_not_taken_for_the_whole(table):
    path = table(*(event(223771, 5 + number % 50, subject=number * 7919) for number in range(5000)))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(LabelError, match=r"cannot be read on after row .*download it again"):
        read_chartevents(path)


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (
            [event(223771, 17)],
            "patient_id,value",
            "lacks the columns subject_id, charttime, itemid, valuenum, valueuom",
        ),
        ([event("PCWP", 17)], HEADER, "cannot be read on after row 0"),
        ([event(220045, 91, "bpm")], HEADER, r"no catheter value can be used \(other-target 1\)"),
        ([], HEADER, "no catheter value can be used"),
    ],
)
def test_another_table_is_refused_with_what_was_expected(table, rows, header, message):
    with pytest.raises(LabelError, match=message):
        read_chartevents(table(*rows, header=header))


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(LabelError, match="cannot be read") as caught:
        read_chartevents(tmp_path / "absent.csv.gz")
    assert "\n" not in str(caught.value)


def test_a_layout_that_does_not_exist_is_answered_with_the_nearest():
    with pytest.raises(SettingsError, match=r"unknown layout 'mimic4'.*mimic-iv"):
        find_preset("mimic4")


def test_link_joins_them_to_the_ecgs_of_mimic_and_says_what_was_dropped(make_store, table):
    store = make_store([("mimic-iv:10000032", "2180-07-23T10:00:00"), ("mimic-iv:10000048", "2180-07-23T10:00:00")])
    rows = (*ROWS, event(223771, 0, at="2180-07-23 10:01:00"), event(223771, 20, subject=10000099))
    summary = link(store, labels_csv=table(*rows), preset="mimic-iv")
    links = Store.open(store.path).links().to_pylist()
    assert [(row["ecg_id"], row["target"], row["value"]) for row in links] == [
        ("e0", "mpcwp", 17.0),
        ("e0", "mpap", 31.0),
        ("e0", "rap", -2.0),
        ("e0", "co", 4.6),
    ]
    assert dict(summary.dropped) == {"other-target": 1, "not-invasive": 2, "implausible": 1}
    assert (summary.n_labels_read, summary.n_labels_unknown_patient) == (10, 1)
    assert '"223771": "mpcwp: PCWP"' in (store.path / "attrition.json").read_text()
    assert verify(store.path) == []
