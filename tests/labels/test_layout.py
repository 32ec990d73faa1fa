import pytest

from hemometric.errors import SettingsError
from hemometric.labels.layout import Layout, ValueColumn, parse_layout
from hemometric.targets import TARGETS


def test_a_layout_is_read_from_the_texts_of_the_command_line():
    layout = parse_layout(
        targets=TARGETS,
        columns=["patient_id=MRN, measured_at = cath day+time", "value=result"],
        names=["mpcwp=PCW mean,mpcwp=wedge", "co=CO=TD"],
        units=["mpcwp=mmhg,co=ml/min"],
        date_formats=["%Y%m%d"],
    )
    assert layout.columns == {"patient_id": "MRN", "measured_at": "cath day+time", "value": "result"}
    assert layout.names == {"PCW mean": "mpcwp", "wedge": "mpcwp", "CO=TD": "co"}
    assert layout.units == {"mpcwp": "mmHg", "co": "mL/min"}
    assert layout.date_formats == ("%Y%m%d",)


def test_a_column_of_values_names_target_header_and_unit_and_a_header_may_hold_a_colon():
    layout = parse_layout(targets=TARGETS, wide=["mpcwp=PCWP: mean:mmHg", "co=CO:mL/min"])
    assert layout.wide == (ValueColumn("mpcwp", "PCWP: mean", "mmHg"), ValueColumn("co", "CO", "mL/min"))


def test_date_and_time_columns_are_joined_unless_a_header_is_written_so():
    layout = Layout(columns={"measured_at": "day+time"})
    long = ["patient_id", "target", "value", "unit"]
    assert layout.find_columns([*long, "day", "time"])["measured_at"] == ("day", "time")
    assert layout.find_columns([*long, "day+time"])["measured_at"] == ("day+time",)
    with pytest.raises(ValueError, match=r"column 'time' \(did you mean 'times'\?\) is missing"):
        layout.find_columns([*long, "day", "times"])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"columns": ["patiend_id=MRN"]}, "unknown field 'patiend_id', did you mean 'patient_id'"),
        ({"columns": ["MRN"]}, "--columns 'MRN': expected name=..., such as patient_id=MRN"),
        ({"wide": ["mpcwp=PCWP"]}, "expected target=column:unit, such as .*; no unit is guessed"),
        ({"wide": ["mpcpw=PCWP:mmHg"]}, "--column: unknown target 'mpcpw', did you mean 'mpcwp'"),
        ({"wide": ["mpcwp=PCWP:mmgH"]}, "--column: unit 'mmgH' for mpcwp, did you mean mmHg"),
        ({"names": ["pcwp=x"]}, "--names: unknown target 'pcwp'"),
        ({"units": ["co=mmHg"]}, "--units: unit 'mmHg' for co, expected one of L/min, mL/min"),
        ({"wide": ["co=CO:L/min"], "columns": ["value=x"]}, "leave one of them out"),
        ({"wide": ["co=CO:L/min"], "units": ["co=L/min"]}, "--column states target and unit"),
    ],
)
def test_a_layout_that_cannot_be_is_refused_with_the_nearest(texts, message):
    with pytest.raises(SettingsError, match=message):
        parse_layout(targets=TARGETS, **texts)
