"""A miniature of SCG-RHC: the names of its files, channels and keys, blanks at their ends included."""

import json

import pytest

from hemometric.datasets import open_dataset
from hemometric.datasets.scg_rhc import find_facts, find_labels, find_root
from hemometric.datasets.scg_rhc_json import read_catheterization
from hemometric.errors import ReadError

SAID = {
    "age": 54,
    "gender": "Male",
    "weight": 121.625,
    "height": 190.5,
    "sbp": -1,
    "dbp": -1,
    "IsChallenge": True,
    "MacStTime": "15-May-2020 09:30:00",
    "MacEndTime": "15-May-2020 10:30:00",
    "ChamEvents": {"RA": "15-May-2020 09:40:00 AM", "PCW": "15-May-2020 09:45:00 AM"},
    "Missing_MaclabRHC": False,
    "fine_alignment": True,
    "ChamEvents_in_s": {"RA": 600, "RV": 700.4, "PA": 800, "PCW": 900.5, "PCW_2": 1500},
    "maclabMeas": {
        "RAM          ": 9.0,
        "PAS          ": 48.0,
        "PAM          ": 31.0,
        "PCWM         ": 17.0,
        "Fick COL/min ": 5.1,
        "TDCOL/min    ": 4.6,
        "Avg. COmL/min": 4650.0,
        "SVmL/beat    ": "NaN",
    },
}


def write(folder, name="TRM107-RHC1", header_end="", **changed):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.hea").write_text(f"{name} 0 500 1000{header_end}\n")
    (folder / f"{name}.json").write_text(json.dumps(SAID | changed))
    return folder / f"{name}.hea"


def values(record):
    return [(one.target, one.value, one.unit, one.measured_at) for one in find_labels(record)]


def test_the_patient_is_the_name_before_the_dash(tmp_path):
    facts = find_facts(write(tmp_path / "processed_data"))
    assert (facts.patient_id, facts.age_years, facts.sex) == ("scg-rhc:TRM107", 54.0, "male")
    assert facts.acquired_at == "2020-05-15T09:30:00"
    again = find_facts(write(tmp_path / "processed_data", "TRM107-RHC2"))
    assert again.patient_id == facts.patient_id


def test_keys_with_blanks_give_labels_at_the_moment_of_their_chamber(tmp_path):
    assert values(write(tmp_path)) == [
        ("mpcwp", 17.0, "mmHg", "2020-05-15T09:45:00"),
        ("mpap", 31.0, "mmHg", "2020-05-15T09:43:20"),
        ("rap", 9.0, "mmHg", "2020-05-15T09:40:00"),
        ("co", 4.6, "L/min", "2020-05-15T09:30:00"),
    ]


def test_of_several_outputs_thermodilution_counts_then_fick_then_the_average_in_millilitres(tmp_path):
    for missing, expected in (
        (["TDCOL/min    "], (5.1, "L/min", "Fick: Fick COL/min")),
        (["TDCOL/min    ", "Fick COL/min "], (4650.0, "mL/min", "average: Avg. COmL/min")),
    ):
        measured = SAID["maclabMeas"] | dict.fromkeys(missing, "NaN")
        output = find_labels(write(tmp_path, maclabMeas=measured))[-1]
        assert (output.value, output.unit, output.method) == expected


@pytest.mark.parametrize("text", ["", " ", "NaN", "N/A", "---"])
def test_a_string_is_a_missing_value(tmp_path, text):
    record = write(tmp_path, maclabMeas=SAID["maclabMeas"] | {"PCWM         ": text})
    assert [value[0] for value in values(record)] == ["mpap", "rap", "co"]
    assert read_catheterization(record.with_suffix(".json")).missing["PCWM"] == text.strip()


def test_a_string_with_digits_is_listed_and_never_taken_for_a_number(tmp_path):
    record = write(tmp_path, maclabMeas={"PCWM         ": "17?"})
    (value,) = find_labels(record)
    assert (value.text, value.value) == ("17?", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-05-15 09:30:00", "2020-05-15T09:30:00"),
        ("15-May-2020 09:30:00", "2020-05-15T09:30:00"),
        ("05/15/2020 09:30:00", "2020-05-15T09:30:00"),
        ("5/15/2020 09:30:00", "2020-05-15T09:30:00"),
        ("15/05/2020 09:30:00", None),
        ("09:30:00", None),
        ("", None),
        (12, None),
    ],
)
def test_a_time_is_read_or_unknown(tmp_path, text, expected):
    assert find_facts(write(tmp_path, MacStTime=text)).acquired_at == expected


def test_without_a_time_in_the_json_that_of_the_header_counts(tmp_path):
    record = write(tmp_path, MacStTime="", header_end=" 09:30:00 15/05/2020", ChamEvents_in_s=[])
    assert {value[3] for value in values(record)} == {"2020-05-15T09:30:00"}
    assert {value[3] for value in values(write(tmp_path, MacStTime=""))} == {None}


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (None, "missing", "expected the JSON of the record"),
        ("{", "metadata", "not a readable JSON"),
        ("[" * 100_000, "metadata", "not a readable JSON"),
        ("[]", "metadata", "expected an object"),
        ('{"maclabMeas": []}', "metadata", "expected an object"),
        ('{"maclabMeas": {"PCWM": 1, "PCWM ": 2}}', "metadata", "twice"),
        (" " * 2**23, "metadata", "larger than 4 MiB"),
    ],
)
def test_a_damaged_json_is_told_and_the_patient_stays_known(tmp_path, content, code, message):
    record = write(tmp_path)
    record.with_suffix(".json").unlink()
    if content is not None:
        record.with_suffix(".json").write_text(content)
    with pytest.raises(ReadError, match=message) as caught:
        find_labels(record)
    assert caught.value.code == code
    assert find_facts(record).patient_id == "scg-rhc:TRM107"


def test_the_archive_is_found_from_every_level_and_nothing_else_is(tmp_path):
    record = write(tmp_path / "scg" / "processed_data")
    for source in (tmp_path / "scg", record.parent, record):
        assert find_root(source) == tmp_path / "scg"
        assert open_dataset(source).name == "scg-rhc"
    write(tmp_path / "mixed" / "processed_data")
    write(tmp_path / "mixed" / "processed_data", "00001_hr")
    assert find_root(tmp_path / "mixed") is None
    expected = (
        r"this is not scg-rhc: expected processed_data/TRM###-RHC#\.hea.*; of 2 headers in processed_data/ 1 are named "
        r"so, and not 00001_hr\.hea; leave --dataset out"
    )
    with pytest.raises(ReadError, match=expected):
        open_dataset(tmp_path / "mixed", name="scg-rhc")
