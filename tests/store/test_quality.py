import csv
import io
import re

import pyarrow as pa

from hemometric.store import Reject, Store, ecgs_schema, quality_of, quality_text, verify, write_quality
from hemometric.store.quality import SINGLE_FILES, QualityCount, count_quality, encode_quality

PROVENANCE = {
    "sources": [{"name": "ptbxl", "dataset": "ptb-xl"}, {"name": "own", "dataset": None}],
    "appended": [{"sources": [{"name": "later", "dataset": "code-15"}]}],
}


def table(*ecgs):
    fixed = {"patient_id": "p", "patient_id_known": True, "n_samples_original": 1, "sampling_rate_hz_original": 1.0}
    rows = [
        {
            "ecg_id": source,
            "source": source,
            "content_hash": "",
            "flag_a_b": "a-b" in flags,
            "flag_c": "c" in flags,
            **fixed,
        }
        for source, *flags in ecgs
    ]
    return pa.Table.from_pylist(rows, schema=ecgs_schema(["a-b", "c"]))


ECGS = table(
    ("ptbxl/x/1#0", "a-b"),
    ("ptbxl/x/1#1", "a-b", "c"),
    ("ptbxl/2#0",),
    ("own/1#0", "c"),
    ("later/1#0",),
    ("alone#0",),
    ("two#3",),
)
REJECTS = [
    Reject("ptbxl/x/1#2", "nan", ""),
    Reject("ptbxl/x/9", "nan", ""),
    Reject("own/x#7", "flat-lead", ""),
    Reject("own/y", "flat-lead", ""),
    Reject("gone.xml", "corrupt", ""),
]


def test_every_ecg_and_reject_is_counted_by_source_kind_and_reason():
    assert count_quality(ECGS, REJECTS, provenance=PROVENANCE) == (
        QualityCount(SINGLE_FILES, "", "accepted", "", 2),
        QualityCount(SINGLE_FILES, "", "unflagged", "", 2),
        QualityCount(SINGLE_FILES, "", "rejected", "corrupt", 1),
        QualityCount("later", "code-15", "accepted", "", 1),
        QualityCount("later", "code-15", "unflagged", "", 1),
        QualityCount("own", "", "accepted", "", 1),
        QualityCount("own", "", "flag", "c", 1),
        QualityCount("own", "", "rejected", "flat-lead", 2),
        QualityCount("ptbxl", "ptb-xl", "accepted", "", 3),
        QualityCount("ptbxl", "ptb-xl", "unflagged", "", 1),
        QualityCount("ptbxl", "ptb-xl", "flag", "a-b", 2),
        QualityCount("ptbxl", "ptb-xl", "flag", "c", 1),
        QualityCount("ptbxl", "ptb-xl", "rejected", "nan", 1),
        QualityCount("ptbxl", "ptb-xl", "rejected-window", "nan", 1),
    )


def test_the_table_for_people_has_a_column_for_each_source_and_one_for_all():
    lines = quality_text(count_quality(ECGS, REJECTS, provenance=PROVENANCE)).splitlines()
    assert re.split(r"\s{2,}", lines[0]) == ["quality", "ptbxl", "(single files)", "own", "later", "all"]
    assert lines[1].split() == ["accepted", "3", "2", "1", "1", "7"]
    assert [line.split() for line in lines if "nan" in line] == [
        ["rejected:", "nan", "1", "0", "0", "0", "1"],
        ["rejected-window:", "nan", "1", "0", "0", "0", "1"],
    ]


def test_many_sources_are_shown_as_the_largest_and_the_others():
    counts = [QualityCount(f"s{number}", "", "accepted", "", number + 1) for number in range(20)]
    header, accepted = quality_text(counts).splitlines()
    assert header.split() == ["quality", "s19", "s18", "s17", "s16", "s15", "15", "others", "all"]
    assert accepted.split() == ["accepted", "20", "19", "18", "17", "16", "120", "210"]


def test_the_file_holds_the_same_and_is_known_to_the_manifest(make_store):
    path, _ = make_store()
    write_quality(path)
    store = Store.open(path)
    rows = list(csv.DictReader(io.StringIO((path / "quality.csv").read_text())))
    assert [(row["source"], row["kind"], row["code"], row["n"]) for row in rows] == [
        ("a", "accepted", "", "9"),
        ("a", "unflagged", "", "9"),
        ("a", "rejected", "flat-lead", "1"),
        ("a", "rejected", "nan", "3"),
    ]
    assert (path / "quality.csv").read_bytes() == encode_quality(quality_of(store))
    assert "quality.csv" in store.manifest.files
    assert verify(path) == []
