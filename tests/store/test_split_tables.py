"""A de-identified store is split by original ids and true dates, and neither is told."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from hemometric.deidentification import Deidentifier
from hemometric.errors import SettingsError, StoreError
from hemometric.store import Store, StoreWriter, split_as_table, split_by_site, split_by_time

ONE = Deidentifier(b"a secret that is long enough")
NAME = "Oosterhuisen"
PATIENTS = [f"{NAME}{number}" for number in range(6)]


@pytest.fixture
def nameless(tmp_path: Path, build: dict[str, Callable]) -> Store:
    """Six patients with two ECGs each, who came in the years 2010 to 2015."""
    settings = build["settings"](provenance={"deidentified": ONE.account})
    writer = StoreWriter.open(tmp_path / "store", settings=settings, resume=False)
    microvolts, table = build["shard"](12)
    ids = [ONE.patient(PATIENTS[row // 2]) for row in range(12)]
    moments = [ONE.moment(f"{2010 + row // 2}-06-14T10:00:00", patient=ids[row]) for row in range(12)]
    for name, values in (("patient_id", ids), ("acquired_at", moments)):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), pa.array(values))
    writer.write_shard(microvolts, table, rejects=[], cursor={})
    writer.finish()
    return Store.open(tmp_path / "store")


def write(folder: Path, column: str, *, values: dict[str, str]) -> Path:
    table = folder / f"{NAME}.csv"
    table.write_text("\n".join([f"patient_id,{column}", *(f" {one} ,{values[one]}" for one in values)]) + "\n")
    return table


def test_a_table_of_original_ids_is_mapped_by_the_secret_and_not_named(tmp_path, nameless):
    splits = {patient: ("train", "test")[number % 2] for number, patient in enumerate(PATIENTS)}
    split_as_table(nameless, write(tmp_path, "split", values=splits), deidentifier=ONE)
    found = dict(zip(nameless.ecgs["patient_id"].to_pylist(), Store.open(nameless.path).splits().tolist(), strict=True))
    assert found == {ONE.patient(patient): split for patient, split in splits.items()}
    assert NAME not in (nameless.path / "splits.csv").read_text() + (nameless.path / "splits.json").read_text()


def test_sites_of_original_ids_are_mapped_too(tmp_path, nameless):
    table = write(tmp_path, "hospital", values={one: "AB"[number % 2] for number, one in enumerate(PATIENTS)})
    split_by_site(nameless, column="hospital", sites={"test": ["B"]}, table=table, deidentifier=ONE)
    splits = Store.open(nameless.path).splits().tolist()
    assert [split == "test" for split in splits[::2]] == [False, True] * 3
    assert json.loads((nameless.path / "splits.json").read_bytes())["table"] == ""


def test_in_time_the_true_dates_count_and_moved_ones_are_refused(nameless):
    with pytest.raises(SettingsError, match="is de-identified: give the same secret"):
        split_by_time(nameless, train_until="2013-01-01")
    with pytest.raises(SettingsError, match="another secret"):
        split_by_time(nameless, train_until="2013-01-01", deidentifier=Deidentifier(b"another that is long enough"))
    split_by_time(nameless, train_until="2013-01-01", deidentifier=ONE)
    splits = Store.open(nameless.path).splits().tolist()
    assert [split == "test" for split in splits[::2]] == [False] * 3 + [True] * 3


@pytest.mark.parametrize("secret", [None, ONE])
@pytest.mark.parametrize(
    "text", ["split\n", f"patient_id,split\n{NAME},{NAME}\n", f"patient_id,split\n{NAME},test\n{NAME} ,train\n"]
)
def test_an_error_quotes_nothing_of_the_table(tmp_path, nameless, text, secret):
    table = tmp_path / f"{NAME}.csv"
    table.write_text(text)
    with pytest.raises(StoreError, match="where is left out") as told:
        split_as_table(nameless, table, deidentifier=secret)
    assert NAME not in str(told.value)


@pytest.mark.parametrize("secret", [None, ONE])
def test_a_table_that_names_others_is_refused_without_its_name(tmp_path, nameless, secret):
    table = write(tmp_path, "split", values={f"{NAME}99": "test"})
    with pytest.raises(SettingsError, match="the table does not name them") as told:
        split_as_table(nameless, table, deidentifier=secret)
    assert NAME not in str(told.value)
    assert ("give --deidentify SECRET_FILE" in str(told.value)) == (secret is None)


def test_a_site_table_with_other_columns_is_refused_without_them(tmp_path, nameless):
    table = write(tmp_path, NAME, values={PATIENTS[0]: "A"})
    with pytest.raises(StoreError) as told:
        split_by_site(nameless, column="hospital", sites={"test": ["B"]}, table=table, deidentifier=ONE)
    assert NAME not in str(told.value)
