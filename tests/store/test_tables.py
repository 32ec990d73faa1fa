import pyarrow as pa
import pytest

from hemometric.errors import StoreError
from hemometric.store import (
    ECGS_SCHEMA,
    LINKS_SCHEMA,
    Reject,
    Store,
    ecgs_schema,
    flag_column,
    verify,
    write_store_files,
    write_store_table,
)
from hemometric.store.tables import (
    check_ecgs_schema,
    decode_rejects,
    encode_rejects,
    encode_table,
    read_optional_table,
    read_table,
)

LINK = {"ecg_id": "a/0001#0", "target": "mpcwp", "value": 12.0, "measured_at": "2020-05-15", "gap_hours": None}
LINKS = pa.Table.from_pylist([LINK], schema=LINKS_SCHEMA)


def test_a_quality_flag_has_a_bool_column():
    assert flag_column("baseline-wander") == "flag_baseline_wander"
    schema = ecgs_schema(["noise", "baseline-wander"])
    assert schema.names[-2:] == ["flag_noise", "flag_baseline_wander"]
    check_ecgs_schema(schema, where="here")
    check_ecgs_schema(ECGS_SCHEMA, where="here")


@pytest.mark.parametrize(
    "schema",
    [
        ecgs_schema(["noise"]).remove(0),
        ECGS_SCHEMA.append(pa.field("flag_noise", pa.string())),
        ECGS_SCHEMA.append(pa.field("noise", pa.bool_())),
        pa.schema([]),
    ],
)
def test_a_table_with_other_columns_is_refused(schema):
    with pytest.raises(StoreError, match="here: column"):
        check_ecgs_schema(schema, where="here")


def test_equal_tables_give_equal_bytes():
    again = pa.Table.from_pylist([LINK], schema=LINKS_SCHEMA).replace_schema_metadata({"made": "today"})
    assert encode_table(again) == encode_table(LINKS)


def test_rejects_survive_the_way_to_disk_and_back(tmp_path):
    rejects = [Reject('a,"b"', "nan", "line one\nline two"), Reject("µ", "too-short", "")]
    (tmp_path / "rejects.csv").write_bytes(encode_rejects(rejects))
    assert decode_rejects(tmp_path / "rejects.csv") == rejects


@pytest.mark.parametrize("text", ["source,reason\n", "source,reason_code,detail\na,b\n", ""])
def test_rejects_of_another_shape_are_refused(tmp_path, text):
    (tmp_path / "rejects.csv").write_text(text)
    with pytest.raises(StoreError, match=r"rejects\.csv"):
        decode_rejects(tmp_path / "rejects.csv")


def test_a_table_that_is_added_is_read_back_and_verified(make_store):
    path, _ = make_store()
    write_store_table(path, "links.parquet", LINKS)
    assert Store.open(path).links().to_pylist() == [LINK]
    assert verify(path) == []
    assert not [file for file in path.iterdir() if file.name.startswith(".")]


def test_files_are_added_and_taken_away_with_their_hashes(make_store):
    path, _ = make_store()
    write_store_files(path, {"splits.json": b"{}\n", "splits.csv": b"patient_id,split\n"})
    assert (path / "splits.json").read_bytes() == b"{}\n"
    (path / "splits.json").write_bytes(b"[]\n")
    assert verify(path) != []
    write_store_files(path, {}, without=["splits.json", "splits.csv", "never there"])
    assert verify(path) == []
    assert not [file for file in path.iterdir() if file.name.startswith(("splits", "."))]


def test_a_table_with_another_schema_is_refused(make_store):
    path, _ = make_store()
    (path / "links.parquet").write_bytes(encode_table(LINKS.drop_columns(["gap_hours"])))
    with pytest.raises(StoreError, match=r"links\.parquet: columns are .*, expected .*gap_hours double"):
        Store.open(path).links()


def test_an_optional_table_that_is_not_there_is_none_and_a_broken_one_is_refused(tmp_path):
    assert read_optional_table(tmp_path / "x.parquet", LINKS_SCHEMA) is None
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(StoreError, match="not a readable table"):
        read_optional_table(tmp_path / "x.parquet", LINKS_SCHEMA)
    with pytest.raises(StoreError, match="not a readable table"):
        read_table(tmp_path / "nowhere.parquet")
