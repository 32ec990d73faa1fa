"""A miniature of icu/chartevents of MIMIC-IV: its columns, units and the values that real files hold."""

import gzip

import pytest

from hemometric.errors import LabelError, SettingsError
from hemometric.labels import link
from hemometric.labels.chartevents import ITEMS, NOT_INVASIVE, read_chartevents
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


def test_every_item_that_is_read_or_left_out_has_the_number_of_the_item_list():
    """Labels of icu/d_items of MIMIC-IV 2.2, typed off it, not out of this package."""
    assert {item: target for item, (target, _) in ITEMS.items()} == {
        223771: "mpcwp",  # PCWP
        226855: "mpcwp",  # PCWP (mean) (PA Line)
        220061: "mpap",  # Pulmonary Artery Pressure mean
        220074: "rap",  # Central Venous Pressure
        220088: "co",  # Cardiac Output (thermodilution)
        224842: "co",  # Cardiac Output (CCO)
    }
    assert set(NOT_INVASIVE) == {
        228369,  # Cardiac Output (CO NICOM)
        228368,  # Cardiac Index (CI NICOM)
        228178,  # CO (PiCCO)
        228177,  # CI (PiCCO)
        227543,  # CO (Arterial)
        229897,  # Cardiac Output (CO) (Impella)
    }


@pytest.mark.parametrize("item", [227543, 229897])
def test_output_by_arterial_waveform_and_of_an_impella_is_counted_and_left_out(table, item):
    read = read_chartevents(table(event(220088, 4.6, "L/min"), event(item, 6, "L/min")))
    assert read.labels["method"].to_pylist() == ["thermodilution (220088)"]
    assert dict(read.dropped) == {"not-invasive": 1}


def test_neighbours_of_the_items_are_other_things(table):
    """The v wave of the wedge, alarm limits, and systolic and diastolic pressure are no mean pressures."""
    others = [event(item, 20) for item in (226854, 220059, 220060, 220063, 220066, 220072, 220073, 224654)]
    read = read_chartevents(table(event(226855, 17), *others))
    assert read.labels["method"].to_pylist() == ["PCWP mean at insertion of the catheter (226855)"]
    assert dict(read.dropped) == {"other-target": len(others)}


def test_a_warning_is_no_error_and_the_time_is_that_of_the_chart(table):
    """MIMIC-IV has no row that was marked as an error; what "warning" means nobody knows."""
    row = event(223771, 17, at="2180-07-23 12:36:00").removesuffix(",0") + ",1"
    assert read_chartevents(table(row)).labels["measured_at"].to_pylist() == ["2180-07-23T12:36:00"]


@pytest.mark.parametrize("capitals", [False, True])
def test_the_table_of_mimic_iii_is_refused_by_name(table, capitals):
    header = (
        "row_id,subject_id,hadm_id,icustay_id,itemid,charttime,storetime,cgid,value,valuenum,valueuom,warning,error"
    )
    row = "1,36,165660,241249,223771,2134-05-12 12:00:00,2134-05-12 13:56:00,17525,17,17,mmHg,0,0"
    path = table(row, header=header.upper() if capitals else header)
    with pytest.raises(LabelError, match=r"of MIMIC-III, whose patients have other numbers"):
        read_chartevents(path)


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
