import dataclasses

import pytest

from hemometric.datasets.ptbdb_hemodynamics import Quantity, find_values, read_hemodynamics
from hemometric.errors import ReadError


def write(folder, *comments, name="s0010_re"):
    path = folder / f"{name}.hea"
    path.write_text("\n".join([f"{name} 0 1000 100", *(f"# {comment}" for comment in comments)]) + "\n")
    return path


def present(read):
    """All fields that hold something, numbers as (value, unit)."""
    found = {one.name: getattr(read, one.name) for one in dataclasses.fields(read)}
    return {name: (one.value, one.unit) if isinstance(one, Quantity) else one for name, one in found.items() if one}


@pytest.mark.parametrize(
    ("name", "written"),
    [
        (
            "s0010_re",
            {
                "catheterized_on": "1990-10-16",
                "peripheral_systolic": (140.0, "mmHg"),
                "peripheral_diastolic": (80.0, "mmHg"),
                "aorta_systolic_rest": (160.0, "cmH2O"),
                "aorta_diastolic_rest": (64.0, "cmH2O"),
                "aorta_mean_rest": (106.0, "cmH2O"),
                "lv_enddiastolic": (11.0, "cmH2O"),
            },
        ),
        (
            "s0015lre",
            {
                "catheterized_on": "1990-10-16",
                "peripheral_systolic": (120.0, "mmHg"),
                "peripheral_diastolic": (70.0, "mmHg"),
                "pa_systolic_rest": (23.0, "cmH2O"),
                "pa_diastolic_rest": (8.0, "cmH2O"),
                "pa_mean_rest": (14.0, "cmH2O"),
                "wedge_rest": (6.0, "cmH2O"),
                "cardiac_output_rest": (4.91, "l/min"),
            },
        ),
        (
            "s0017lre",
            {
                "catheterized_on": "1990-10-19",
                "aorta_systolic_rest": (90.0, "cmH2O"),
                "aorta_diastolic_rest": (54.0, "cmH2O"),
                "aorta_mean_rest": (72.0, "cmH2O"),
                "lv_enddiastolic": (12.0, "cmH2O"),
            },
        ),
    ],
)
def test_a_real_header_gives_exactly_the_values_that_are_written_in_it(real_data, name, written):
    assert present(read_hemodynamics(real_data / "ptbdb" / f"{name}.hea")) == written


def test_every_hemodynamic_line_of_a_real_header_is_a_field(real_data, tmp_path):
    """A key that we spell otherwise than the archive would be lost in silence: fill in each, and miss none."""
    text = (real_data / "ptbdb" / "s0015lre.hea").read_text()
    lines = text[text.index("# Peripheral blood") : text.index("# Left coronary artery")].splitlines()
    keys = [line.strip("# ").split(":")[0] for line in lines]
    assert len(keys) == 16
    assert any("laod" in key for key in keys)
    for key in keys:
        two = "(syst/diast)" in key
        read = read_hemodynamics(write(tmp_path, f"{key}: {'31/17' if two else '31'} cmH2O"))
        assert sorted(value for value, _ in present(read).values()) == ([17.0, 31.0] if two else [31.0]), key


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [("4,91 l/min", 4.91, "l/min"), ("4.91 l/min", 4.91, "l/min"), ("5 l/min", 5.0, "l/min"), ("5,0", 5.0, "")],
)
def test_decimal_commas_and_points_are_read_alike(tmp_path, text, value, unit):
    read = read_hemodynamics(write(tmp_path, f"Cardiac output (at rest): {text}"))
    assert read.cardiac_output_rest == Quantity(value, unit, text)


@pytest.mark.parametrize("spelled", ["load", "laod"])
def test_both_spellings_of_load_are_read(tmp_path, spelled):
    read = read_hemodynamics(write(tmp_path, f"Pulmonary artery pressure ({spelled}) (syst/diast): 45/20 cmH2O"))
    assert present(read) == {"pa_systolic_load": (45.0, "cmH2O"), "pa_diastolic_load": (20.0, "cmH2O")}


@pytest.mark.parametrize("text", ["n/a", "N/A", "", "-"])
def test_what_is_missing_is_no_value(tmp_path, text):
    record = write(tmp_path, f"Pulmonary capillary wedge pressure (at rest): {text}", f"Catheterization date: {text}")
    assert present(read_hemodynamics(record)) == {}
    assert find_values(record) == ()


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (("16-Oct-90", "16-Oct-90"), "1990-10-16"),
        (("16/10/1990", "n/a"), "1990-10-16"),
        (("n/a", "16-Oct-90"), "1990-10-16"),
        (("01/02/91", "n/a"), "1991-02-01"),
        (("16-Oct-90", "17-Oct-90"), "1990-10-16"),
        (("n/a", "n/a"), None),
        (("October", "n/a"), None),
        (("31-Feb-90", "n/a"), None),
    ],
)
def test_the_date_of_the_hemodynamics_goes_before_that_of_the_therapy(tmp_path, days, expected):
    lines = ["Hemodynamics:", f"Catheterization date: {days[0]}", "Therapy:", f"Catheterization date: {days[1]}"]
    assert read_hemodynamics(write(tmp_path, *lines)).catheterized_on == expected


@pytest.mark.parametrize("text", ["about 12 cmH2O", "1.234,5 cmH2O", "12/8 cmH2O", "high", "12 8 cmH2O"])
def test_what_is_no_single_number_is_kept_as_it_is_and_never_guessed(tmp_path, text):
    record = write(tmp_path, f"Pulmonary capillary wedge pressure (at rest): {text}", "Catheterization date: 16-Oct-90")
    read = read_hemodynamics(record)
    assert read.wedge_rest is None
    assert read.not_understood == {"pulmonary capillary wedge pressure (at rest)": text}
    (value,) = find_values(record)
    assert (value.target, value.text, value.value) == ("mpcwp", text, None)


def test_values_at_rest_of_known_targets_become_labels_as_they_are_written(real_data):
    values = find_values(real_data / "ptbdb" / "s0015lre.hea")
    assert [(one.target, one.value, one.unit, one.measured_at) for one in values] == [
        ("mpcwp", 6.0, "cmH2O", "1990-10-16"),
        ("mpap", 14.0, "cmH2O", "1990-10-16"),
        ("co", 4.91, "l/min", "1990-10-16"),
    ]


def test_values_under_load_become_no_labels(tmp_path):
    assert find_values(write(tmp_path, "Pulmonary capillary wedge pressure (load): 20 cmH2O")) == ()


def test_a_damaged_header_is_an_error_and_not_an_empty_record(tmp_path):
    path = tmp_path / "s0010_re.hea"
    path.write_text("no header at all\n")
    with pytest.raises(ReadError):
        find_values(path)
