import csv

import numpy as np
import pytest

import hemometric.ingest.records as records
from hemometric.ecg import INDEPENDENT_ROWS, LEADS
from hemometric.errors import HemometricError, ReadError, StoreError
from hemometric.ingest import IngestSettings, ingest
from hemometric.store import Store, verify
from hemometric.waveform import resample


def read_rejects(store):
    with (store / "rejects.csv").open(newline="") as file:
        return {row["source"]: row["reason_code"] for row in csv.DictReader(file)}


def test_without_a_change_of_rate_every_sample_is_stored_to_the_bit(tmp_path, make_archive, microvolts_of):
    archive = make_archive(5)
    summary = ingest([archive], out=tmp_path / "store", settings=IngestSettings(sampling_rate_hz=500, shard_size=2))
    store = Store.open(tmp_path / "store")
    sources = [f"archive/part{k % 2}/r{k:03d}#0" for k in (0, 2, 4, 1, 3)]
    assert store.ecgs["ecg_id"].to_pylist() == store.ecgs["source"].to_pylist() == sources
    for row, number in enumerate((0, 2, 4, 1, 3)):
        expected = microvolts_of(number)[INDEPENDENT_ROWS, :].astype(np.float64) / 1000
        np.testing.assert_array_equal(store.take_independent([row])[0], expected.astype(np.float32))
    assert [len(np.load(shard)) for shard in sorted((store.path / "shards").iterdir())] == [2, 2, 1]
    assert (summary.n_records, summary.n_accepted_records, summary.n_windows) == (5, 5, 5)
    assert verify(store.path) == []


def test_another_rate_is_what_the_resampler_gives_rounded_to_a_microvolt(tmp_path, make_archive, microvolts_of):
    ingest([make_archive(1)], out=tmp_path / "store", settings=IngestSettings(sampling_rate_hz=100))
    store = Store.open(tmp_path / "store")
    millivolts = microvolts_of(0)[INDEPENDENT_ROWS, :].astype(np.float32) / 1000
    expected = resample(millivolts, from_hz=500, to_hz=100)
    assert (store.n_samples, store.sampling_rate_hz) == (1000, 100)
    np.testing.assert_allclose(store.take_independent([0])[0], expected, rtol=0, atol=0.0005001)


def test_twelve_leads_are_stored_where_asked_for(tmp_path, make_archive, microvolts_of):
    settings = IngestSettings(sampling_rate_hz=500, n_leads=12)
    ingest([make_archive(1)], out=tmp_path / "store", settings=settings)
    store = Store.open(tmp_path / "store")
    assert store.manifest.stored_leads == LEADS
    np.testing.assert_array_equal(np.rint(store.take([0])[0] * 1000), microvolts_of(0))


def test_the_row_of_an_ecg_says_where_it_comes_from(tmp_path, write, microvolts_of):
    write(tmp_path / "a" / "r", microvolts_of(1, seconds=25), comments=["Age: 63", "Sex: Female"])
    ingest([tmp_path / "a" / "r.hea"], out=tmp_path / "store")
    first, second = Store.open(tmp_path / "store").ecgs.to_pylist()
    assert (first["ecg_id"], second["ecg_id"]) == ("r#0", "r#1")
    assert (first["n_samples_original"], first["sampling_rate_hz_original"]) == (12_500, 500.0)
    assert (first["age_years"], first["sex"]) == (63.0, "female")
    assert (first["patient_id_known"], first["patient_id"]) == (False, "r")
    assert first["content_hash"] != second["content_hash"]


def test_every_record_is_accepted_or_rejected_with_a_reason(tmp_path, write, microvolts_of, make_archive):
    archive = make_archive(3)
    good = microvolts_of(50)
    flat = good.copy()
    flat[8] = 0
    gap = good.copy()
    gap[7, 100:200] = -32768
    swapped = good.copy()
    swapped[2] = -swapped[2]
    half_bad = np.concatenate([good, flat, microvolts_of(51)], axis=1)
    for name, microvolts in (("flat", flat), ("gap", gap), ("einthoven", swapped), ("half", half_bad)):
        write(archive / name, microvolts)
    write(archive / "short", good[:, :2000])
    write(archive / "eleven", good[:11], leads=LEADS[:11])
    write(archive / "cut", good)
    (archive / "cut.dat").write_bytes((archive / "cut.dat").read_bytes()[:-1000])
    (archive / "text.hea").write_text("hello\n")
    write(archive / "alone", good)
    (archive / "alone.dat").unlink()

    summary = ingest([archive], out=tmp_path / "store")
    rejects = read_rejects(tmp_path / "store")
    assert rejects["archive/half#1"] == "flat-lead"
    assert rejects["archive/flat"] == "flat-lead"
    assert rejects["archive/gap"] == "nan"
    assert rejects["archive/einthoven"] == "einthoven"
    assert rejects["archive/short"] == "too-short"
    assert rejects["archive/eleven"] == "wrong-leads"
    assert rejects["archive/cut"] == "truncated"
    assert rejects.keys() >= {"archive/text", "archive/alone"}
    assert len(rejects) == 9
    assert (summary.n_records, summary.n_accepted_records, summary.n_rejected_records) == (12, 4, 8)
    assert (summary.n_windows, summary.n_rejected_windows) == (5, 1)
    assert sum(summary.reasons.values()) == 8
    assert summary.window_reasons == {"flat-lead": 1}
    assert "rejected: 8 records" in summary.text()
    ids = Store.open(tmp_path / "store").ecgs["ecg_id"].to_pylist()
    assert [name for name in ids if "half" in name] == ["archive/half#0", "archive/half#2"]


def test_a_long_record_without_a_good_window_is_one_rejected_record(tmp_path, write, microvolts_of, make_archive):
    archive = make_archive(1)
    flat = microvolts_of(1, seconds=30)
    flat[3] = 0
    write(archive / "long", flat)
    summary = ingest([archive], out=tmp_path / "store")
    assert (summary.n_rejected_records, summary.n_rejected_windows) == (1, 0)
    text = (tmp_path / "store" / "rejects.csv").read_text()
    assert "archive/long,flat-lead," in text
    assert "(all 3 windows fail)" in text


@pytest.mark.parametrize("seconds", [3, 7])
def test_short_records_are_filled_up_where_asked_for(tmp_path, write, microvolts_of, seconds):
    write(tmp_path / "a" / "r", microvolts_of(1, seconds=seconds))
    ingest([tmp_path / "a"], out=tmp_path / "store", settings=IngestSettings(pad=True))
    assert Store.open(tmp_path / "store").take([0]).shape == (1, 12, 2500)


def test_when_nothing_is_accepted_nothing_is_left_and_the_reasons_are_named(tmp_path, write, microvolts_of):
    for name in ("a", "b"):
        write(tmp_path / "bad" / name, microvolts_of(1, seconds=3))
    write(tmp_path / "bad" / "c", microvolts_of(1)[:11], leads=LEADS[:11])
    with pytest.raises(StoreError, match=r"none of 3 records .*too-short 2, wrong-leads 1.*the first is bad/a: "):
        ingest([tmp_path / "bad"], out=tmp_path / "new" / "store")
    assert not (tmp_path / "new").exists()


def test_sources_are_taken_in_the_order_given(tmp_path, make_archive):
    b, a = make_archive(1, name="b"), make_archive(1, name="a", first=7)
    ingest([b, a], out=tmp_path / "store")
    ids = Store.open(tmp_path / "store").ecgs["ecg_id"].to_pylist()
    assert ids == ["b/part0/r000#0", "a/part1/r007#0"]


@pytest.mark.parametrize("shard_size", [1, 3, 100])
def test_the_size_of_shards_does_not_change_the_ecgs(tmp_path, make_archive, shard_size):
    archive = make_archive(4, seconds=20)
    ingest([archive], out=tmp_path / "one", settings=IngestSettings(shard_size=8))
    ingest([archive], out=tmp_path / "other", settings=IngestSettings(shard_size=shard_size))
    one, other = Store.open(tmp_path / "one"), Store.open(tmp_path / "other")
    assert one.ecgs.to_pylist() == other.ecgs.to_pylist()
    np.testing.assert_array_equal(one.take(range(8)), other.take(range(8)))


def test_the_number_of_workers_does_not_change_a_byte(tmp_path, make_archive, write, microvolts_of, content):
    archive = make_archive(20)
    write(archive / "short", microvolts_of(1, seconds=3))
    for workers in (0, 1, 2):
        settings = IngestSettings(shard_size=8, workers=workers)
        ingest([archive], out=tmp_path / f"by{workers}", settings=settings)
    assert content(tmp_path / "by0") == content(tmp_path / "by1") == content(tmp_path / "by2")


def test_where_the_archive_lies_does_not_change_a_byte(tmp_path, make_archive, content, monkeypatch):
    archive = make_archive(2)
    ingest([archive], out=tmp_path / "one")
    (tmp_path / "moved").mkdir()
    archive.rename(tmp_path / "moved" / "archive")
    monkeypatch.chdir(tmp_path / "moved" / "archive" / "part0")
    ingest([".."], out=tmp_path / "two")
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert str(tmp_path) not in (tmp_path / "one" / "manifest.json").read_text()


def test_facts_come_from_metadata_before_archive_before_header(tmp_path, write, microvolts_of):
    archive = tmp_path / "ptbxl"
    for number in (1, 2, 3):
        write(archive / f"0000{number}_hr", microvolts_of(number), comments=["Age: 20", "Sex: Male"])
    (archive / "ptbxl_database.csv").write_text(
        "ecg_id,patient_id,age,sex,recording_date,filename_lr,filename_hr\n"
        "1,7.0,61,1,1984-11-09 09:17:34,x/00001_lr,x/00001_hr\n"
        "2,7.0,62,1,1985-11-09 09:17:34,x/00002_lr,x/00002_hr\n"
    )
    metadata = tmp_path / "mine.csv"
    metadata.write_text("source,patient_id,age_years,acquired_at\nptbxl/00002_hr,me,,2001-02-03\n")
    settings = IngestSettings(metadata=metadata)
    summary = ingest([archive], out=tmp_path / "store", settings=settings)
    names = ("patient_id", "patient_id_known", "age_years", "sex", "acquired_at")
    rows = [tuple(row[name] for name in names) for row in Store.open(tmp_path / "store").ecgs.to_pylist()]
    assert rows == [
        ("ptb-xl:7", True, 61.0, "female", "1984-11-09T09:17:34"),
        ("me", True, 62.0, "female", "2001-02-03"),
        ("ptbxl/00003_hr", False, 20.0, "male", None),
    ]
    assert (summary.n_patients, summary.n_patients_unknown) == (2, 1)
    assert "no patient is known for 1 records" in summary.text()
    assert "--metadata: 1 of 1 rows are about a record that was found; 2 of 3 records have no row" in summary.text()
    assert Store.open(tmp_path / "store").manifest.provenance["sources"][0]["dataset"] == "ptb-xl"


def test_copies_under_different_patients_are_counted(tmp_path, write, microvolts_of):
    for name in ("a", "b", "c"):
        write(tmp_path / "archive" / name, microvolts_of(int(name == "c")))
    summary = ingest([tmp_path / "archive"], out=tmp_path / "store")
    assert summary.n_copied == 2
    assert "2 ECGs are exact copies under different patients" in summary.text()


def test_resuming_a_complete_store_changes_nothing_and_gives_the_same_account(tmp_path, make_archive, content):
    archive = make_archive(3)
    first = ingest([archive], out=tmp_path / "store")
    before = content(tmp_path / "store")
    assert ingest([archive], out=tmp_path / "store", settings=IngestSettings(resume=True, workers=2)) == first
    assert content(tmp_path / "store") == before
    with pytest.raises(StoreError, match="already a complete store"):
        ingest([archive], out=tmp_path / "store")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sampling_rate_hz": 500.0}, r"n_samples was 2500, now 5000"),
        ({"shard_size": 7}, "shard_size was 4096, now 7"),
        ({"pad": True}, "pad was False, now True"),
        ({"n_leads": 12}, "stored_leads was"),
    ],
)
def test_resuming_with_other_settings_is_refused(tmp_path, make_archive, changed, message):
    archive = make_archive(1)
    ingest([archive], out=tmp_path / "store")
    with pytest.raises(StoreError, match=message):
        ingest([archive], out=tmp_path / "store", settings=IngestSettings(resume=True, **changed))


def test_resuming_with_another_archive_is_refused(tmp_path, make_archive):
    archive = make_archive(2)
    ingest([archive], out=tmp_path / "store")
    make_archive(1, first=2)
    with pytest.raises(StoreError, match=r"sources\.0\.n_records was 2, now 3"):
        ingest([archive], out=tmp_path / "store", settings=IngestSettings(resume=True))


def test_an_unexpected_error_is_not_swallowed(tmp_path, make_archive, monkeypatch):
    def fail(path, *, part):
        raise RuntimeError("a bug")

    monkeypatch.setattr(records, "read_ecg", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        ingest([make_archive(1)], out=tmp_path / "store", settings=IngestSettings(workers=0))
    assert not (tmp_path / "store").exists()


def test_a_file_that_the_disk_refuses_is_rejected_by_name(tmp_path, make_archive, monkeypatch):
    read_ecg = records.read_ecg

    def fail(path, *, part):
        if path.stem == "r000":
            raise PermissionError(13, "Permission denied")
        return read_ecg(path, part=part)

    monkeypatch.setattr(records, "read_ecg", fail)
    ingest([make_archive(2)], out=tmp_path / "store", settings=IngestSettings(workers=0))
    assert read_rejects(tmp_path / "store") == {"archive/part0/r000": "unreadable"}


@pytest.mark.parametrize("settings", [IngestSettings(), IngestSettings(resume=True)])
def test_a_source_that_is_not_there_leaves_nothing(tmp_path, settings):
    (tmp_path / "empty").mkdir()
    for source in ("nowhere", "empty"):
        with pytest.raises(ReadError, match=source):
            ingest([tmp_path / source], out=tmp_path / "store", settings=settings)
    with pytest.raises(HemometricError, match="no SOURCE"):
        ingest([], out=tmp_path / "store", settings=settings)
    assert not (tmp_path / "store").exists()
