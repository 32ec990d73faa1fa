"""A miniature of meta_information of SCG-RHC: names of files, columns and keys as public code reads them."""

import json

import pytest

from hemometric.datasets import open_dataset
from hemometric.datasets.scg_rhc_phases import read_phases
from hemometric.errors import ReadError

SAID = {
    "age": 54,
    "gender": "Male",
    "IsChallenge": True,
    "MacStTime": "15-May-2020 09:30:00",
    "ChamEvents_in_s": {"RA": 600, "RV": 700, "PA": 800, "PCW": 900},
    "maclabMeas": {"PAM          ": 31.0, "PCWM         ": 17.0},
}
VALUES = """Study ID,RHC Phase,RAM,PAM,PCWM,Avg. COmL/min
TRM107.RHC1 ,Baseline,9,31,17,4650
TRM107.RHC1 ,Nitroprusside,7,22,9,5200
TRM108.RHC1,Baseline,9,31,17,4650
TRM109.RHC1,Baseline,5,20,10,4000
TRM109.RHC1,Exercise,9,40,nd,8000
TRM109.RHC1,Nitroprusside,4,15,8,5000
,,,,,
"""
TIMES = {
    "TRM107-RHC1": {"PA_VI": {"datetime": "10:05:00 "}, "PCW_VI": {"datetime": " 10:07:30"}, "PA_BL": {}},
    "TRM109-RHC1": {"PA_VI": {"datetime": "10:05:00"}, "PCW_VI": {"datetime": "10:07:30"}},
}


@pytest.fixture
def archive(tmp_path):
    """Return a function that writes an archive of three records and answers what they are labelled with."""

    def write(*, values=VALUES, times=TIMES, started="15-May-2020 09:30:00"):
        records = tmp_path / "scg" / "processed_data"
        records.mkdir(parents=True, exist_ok=True)
        for name in ("TRM107-RHC1", "TRM108-RHC1", "TRM109-RHC1"):
            (records / f"{name}.hea").write_text(f"{name} 0 500 1000\n")
            (records / f"{name}.json").write_text(json.dumps(SAID | {"MacStTime": started}))
        tables = records.parent / "meta_information"
        tables.mkdir(exist_ok=True)
        for name, text in (
            ("RHC_values.csv", values),
            (
                "PAM_PCWP_timestamp_in_TBME.json",
                times if times is None or isinstance(times, str) else json.dumps(times),
            ),
        ):
            if text is not None:
                (tables / name).write_text(text)
        return records.parent

    return write


def later(root, name="TRM107-RHC1"):
    """What stands after the two values of the baseline."""
    values = open_dataset(root).labels(root / "processed_data" / f"{name}.hea")
    assert [(one.target, one.value) for one in values[:2]] == [("mpcwp", 17.0), ("mpap", 31.0)]
    return [(one.target, one.value, one.measured_at, one.method.partition(": ")[2]) for one in values[2:]]


def test_pressures_under_a_vasodilator_are_values_of_the_moment_at_which_they_were_measured(archive):
    assert later(archive()) == [
        ("mpcwp", 9.0, "2020-05-15T10:07:30", "PCWM, Nitroprusside"),
        ("mpap", 22.0, "2020-05-15T10:05:00", "PAM, Nitroprusside"),
    ]


def test_a_record_of_which_only_the_baseline_is_known_has_that_alone(archive):
    assert later(archive(), "TRM108-RHC1") == []


def test_without_meta_information_the_baseline_is_read_alone(archive):
    assert later(archive(values=None, times=None)) == []


def test_where_several_phases_follow_nobody_knows_whose_the_time_is(archive):
    """The values are given without a time, so that they are listed and never used."""
    assert later(archive(), "TRM109-RHC1") == [
        ("mpap", 40.0, None, "PAM, Exercise"),
        ("mpcwp", 8.0, None, "PCWM, Nitroprusside"),
        ("mpap", 15.0, None, "PAM, Nitroprusside"),
    ]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (None, None),
        ({}, None),
        ({"TRM107-RHC1": None}, None),
        ({"TRM107-RHC1": {"PCW_VI": {"datetime": None}}}, None),
        ({"TRM107-RHC1": {"PCW_VI": {"datetime": "NaT"}}}, None),
        ({"TRM107-RHC1": {"PCW_VI": "10:07:30"}}, None),
        ({"TRM107-RHC1": {"PCW_VI": {"datetime": "23:07:30"}}}, None),  # no catheterisation takes 13 hours
    ],
)
def test_a_time_that_is_missing_or_none_is_unknown(archive, times, expected):
    assert [(target, at) for target, _, at, _ in later(archive(times=times))] == [("mpcwp", expected), ("mpap", None)]


@pytest.mark.parametrize(
    ("started", "clock", "expected"),
    [
        ("15-May-2020 23:50:00", "00:20:00", "2020-05-16T00:20:00"),
        ("15-May-2020 09:30:00", "09:30:00", "2020-05-15T09:30:00"),
        ("15-May-2020 09:30:00", "09:29:59", None),
    ],
)
def test_a_clock_that_shows_less_than_at_the_begin_has_passed_midnight_or_is_wrong(archive, started, clock, expected):
    root = archive(times={"TRM107-RHC1": {"PCW_VI": {"datetime": clock}}}, started=started)
    assert later(root)[0][2] == expected


def test_text_that_is_no_number_is_missing_or_listed(archive):
    rows = later(archive(values=VALUES.replace("7,22,9,", "7,nd,9?,")))
    assert rows == [("mpcwp", None, "2020-05-15T10:07:30", "PCWM, Nitroprusside")]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"values": "Study ID,RHC Phase,PCWM\nTRM107.RHC1,Baseline,17\n"}, "lacks the columns PAM; download it again"),
        ({"values": ""}, "lacks the columns Study ID, RHC Phase, PCWM, PAM"),
        ({"times": "{"}, "not a readable JSON"),
        ({"times": "[]"}, "holds list, expected an object"),
        ({"times": " " * 2**23}, "larger than 4 MiB"),
    ],
)
def test_a_damaged_table_is_refused_before_anything_is_read(archive, damage, message):
    with pytest.raises(ReadError, match=message) as caught:
        open_dataset(archive(**damage))
    assert caught.value.code == "metadata"


def test_the_store_remembers_the_tables_that_are_there(archive):
    root = archive()
    names = [table.name for table in open_dataset(root).tables]
    assert names == ["RHC_values.csv", "PAM_PCWP_timestamp_in_TBME.json"]
    (root / "meta_information" / "PAM_PCWP_timestamp_in_TBME.json").unlink()
    assert [table.name for table in open_dataset(root).tables] == ["RHC_values.csv"]
    assert read_phases(root)["TRM107-RHC1"][0].clocks == {}
