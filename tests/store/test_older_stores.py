"""Stores of a hemometric with other quality flags: read, checked, added to, merged; what it did not judge is null."""

import json

import numpy as np
import pyarrow as pa
import pytest

from hemometric.errors import StoreError
from hemometric.inspection import as_text, describe_store
from hemometric.store import Store, StoreWriter, ecgs_schema, merge, quality_of, verify, withdraw, write_quality
from hemometric.store.additions import add_ecgs
from hemometric.store.changing import changing
from hemometric.store.quality import QualityCount
from hemometric.store.tables import concat_ecgs, read_table

NEW, OLD = ["noise", "pacing", "repaired"], ["noise", "saturation"]
"""What this hemometric judges by, and what an older one did."""


def write_store(path, *, build, flags, version, first=0, n=5):
    """A store of ECGs `first` and following, each with all flags set of an odd ECG and none of an even one."""
    settings = build["settings"](provenance={"made_by": "ingest", "versions": {"hemometric": version}})
    writer = StoreWriter.open(path, settings=settings, resume=False)
    for start in range(first, first + n, 3):
        microvolts, table = build["shard"](min(3, first + n - start), first=start)
        odd = pa.array([bool(k % 2) for k in range(start, start + table.num_rows)])
        whole = pa.table([*table.columns, *[odd] * len(flags)], schema=ecgs_schema(flags))
        writer.write_shard(microvolts, whole, rejects=[], cursor={})
    writer.finish()
    write_quality(path)
    return path


@pytest.fixture
def old(tmp_path, build):
    return write_store(tmp_path / "old", build=build, flags=OLD, version="0.0.9")


@pytest.fixture
def new(tmp_path, build):
    return write_store(tmp_path / "new", build=build, flags=NEW, version="0.1.0", first=10)


def flags_of(path):
    ecgs = Store.open(path).ecgs
    return {name: ecgs[name].to_pylist() for name in ecgs.column_names if name.startswith("flag_")}


def test_an_older_store_is_read_checked_and_described_as_it_is(old):
    store = Store.open(old)
    assert store.take([0, 4]).shape == (2, 12, 50)
    assert list(flags_of(old)) == ["flag_noise", "flag_saturation"]
    assert not any(row.kind == "not-judged" for row in quality_of(store))
    assert "5 of 0.2 s at 250 Hz" in as_text(describe_store(store))
    assert verify(old) == []


@pytest.mark.parametrize("way", ["append", "merge", "append old to new"])
def test_what_an_older_hemometric_did_not_judge_is_null_and_counted_and_its_files_stay(
    old, new, tmp_path, content, way
):
    here, there = (new, old) if way == "append old to new" else (old, new)
    before, other = content(here), content(there)
    samples = np.concatenate([Store.open(path).take(range(5)) for path in (here, there)])
    if way == "merge":
        merge([here, there], out=tmp_path / "out")
        path = tmp_path / "out"
        write_quality(path)
    else:
        with changing(here, doing="append") as change:
            add_ecgs(change, Store.open(here), Store.open(there), new_patients=None)
        path = here
    after = content(path)
    assert {name: after[name] for name in before if "/" in name} == {n: b for n, b in before.items() if "/" in n}
    assert after["ecgs/00002.parquet"] == other["ecgs/00000.parquet"]
    np.testing.assert_array_equal(Store.open(path).take(range(10)), samples)
    judged = {"old": [bool(k % 2) for k in range(5)], "new": [bool(k % 2) for k in range(10, 15)]}
    unknown = [None] * 5

    def order(of_old, of_new):
        return [*of_new, *of_old] if here == new else [*of_old, *of_new]

    found = flags_of(path)
    assert found == {
        "flag_noise": order(judged["old"], judged["new"]),
        "flag_saturation": order(judged["old"], unknown),
        "flag_pacing": order(unknown, judged["new"]),
        "flag_repaired": order(unknown, judged["new"]),
    }
    counts = quality_of(Store.open(path))
    assert {(row.kind, row.code): row.n for row in counts} == {
        ("accepted", ""): 10,
        ("unflagged", ""): 6,
        ("flag", "noise"): 4,
        ("flag", "saturation"): 2,
        ("flag", "pacing"): 2,
        ("flag", "repaired"): 2,
        ("not-judged", "saturation"): 5,
        ("not-judged", "pacing"): 5,
        ("not-judged", "repaired"): 5,
    }
    assert QualityCount("a", "", "not-judged", "pacing", 5) in counts
    assert b"a,,not-judged,pacing,5" in (path / "quality.csv").read_bytes()
    withdraw(path, ["p0"])  # the first two ECGs of the older store
    assert flags_of(path)["flag_pacing"] == order(unknown[2:], judged["new"])
    for file in sorted((path / "ecgs").iterdir()):
        assert not any(column.null_count for name, column in zip(*columns_of(file), strict=True) if "flag" in name)
    assert verify(path) == []


def columns_of(file):
    table = read_table(file)
    return table.column_names, table.columns


def test_a_store_of_another_schema_is_refused_with_its_version_and_what_to_do(old):
    manifest = json.loads((old / "manifest.json").read_text())
    (old / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 0}))
    with pytest.raises(
        StoreError, match=r"schema version 0, this hemometric reads version 1; make the store anew or use"
    ):
        Store.open(old)


def test_tables_that_know_the_same_flags_are_joined_as_they_are(old):
    tables = [read_table(file) for file in sorted((old / "ecgs").iterdir())]
    assert concat_ecgs(tables).equals(pa.concat_tables(tables))
    assert concat_ecgs(tables).schema.equals(ecgs_schema(OLD))
