"""Further files into a store: new shards only, nothing doubled, everybody stays in the split."""

import json
import shutil

import numpy as np
import pytest

from hemometric.__main__ import main
from hemometric.errors import HemometricError, SettingsError, StoreError
from hemometric.ingest import IngestSettings, append, ingest, settings_of
from hemometric.labels import link
from hemometric.store import Store, assign, split_by_hash, verify, withdraw, write_store_files
from hemometric.store.changing import APPEND, changing
from hemometric.store.locking import LOCK, locked
from hemometric.store.tables import decode_rejects, encode_table, read_table

IN_PROCESS = {"workers": 0, "shard_size": 2}


def describe(folder, *, per_patient=2, first=0):
    """A table with a patient for every two records and a day for each."""
    lines = ["source,patient_id,acquired_at"]
    for record in sorted(folder.rglob("*.hea")):
        number = int(record.stem[1:])
        source = record.relative_to(folder.parent).with_suffix("").as_posix()
        lines.append(f"{source},pat{first + number // per_patient},2020-01-{number + 1:02d}T10:00:00")
    path = folder.with_suffix(".csv")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def store(tmp_path, make_archive):
    """Five ECGs of three patients in three shards."""
    folder = make_archive(5)
    ingest([folder], out=tmp_path / "store", settings=IngestSettings(metadata=describe(folder), **IN_PROCESS))
    return tmp_path / "store"


def add(store, folder, **options):
    new_patients = options.pop("new_patients", None)
    settings = IngestSettings(metadata=describe(folder), **{**IN_PROCESS, **options})
    return append(store, [folder], settings=settings, new_patients=new_patients)


def test_new_ecgs_stand_behind_the_old_whose_files_keep_every_byte(store, make_archive, content, tmp_path):
    before, ids = content(store), Store.open(store).ecgs["ecg_id"].to_pylist()
    times = {name: (store / name).stat().st_mtime_ns for name in before if "/" in name}
    more = make_archive(4, name="more", first=5)
    summary = add(store, more)
    after = content(store)
    assert {name: after[name] for name in times} == {name: before[name] for name in times}
    assert {name: (store / name).stat().st_mtime_ns for name in times} == times
    whole = Store.open(store)
    assert whole.ecgs["ecg_id"].to_pylist()[:5] == ids
    assert (len(whole), summary.added.n_ecgs, summary.added.n_shards, summary.added.n_new_patients) == (9, 4, 2, 2)
    ingest([more], out=tmp_path / "alone", settings=IngestSettings(metadata=tmp_path / "more.csv", **IN_PROCESS))
    alone = Store.open(tmp_path / "alone")
    np.testing.assert_array_equal(whole.take(range(5, 9)), alone.take(range(4)))
    assert whole.ecgs.slice(5).equals(alone.ecgs)
    assert verify(store) == []
    assert not [path.name for path in store.iterdir() if path.name.startswith(".")]


def test_the_provenance_names_every_ingest_and_the_fingerprint_changes(store, make_archive):
    first = Store.open(store)
    for number in (5, 7):
        add(store, make_archive(2, name=f"more{number}", first=number))
    told = Store.open(store).manifest.provenance
    assert told["sources"] == first.manifest.provenance["sources"]
    assert [[source["name"] for source in one["sources"]] for one in told["appended"]] == [["more5"], ["more7"]]
    assert [one["n_ecgs"] for one in told["appended"]] == [2, 2]
    assert Store.open(store).fingerprint != first.fingerprint


def test_what_is_there_is_not_doubled_and_a_second_time_changes_nothing(store, tmp_path, content):
    shutil.copytree(tmp_path / "archive", tmp_path / "copy")
    write_new = tmp_path / "copy" / "part0" / "r000.dat"
    samples = np.frombuffer(write_new.read_bytes(), dtype="<i2") // 2 * 2  # even, so that halves are whole
    write_new.write_bytes((samples // 2).astype("<i2").tobytes())
    summary = add(store, tmp_path / "copy")
    assert (summary.added.n_ecgs, summary.added.copies.n, summary.added.copies.n_renamed) == (1, 4, 4)
    assert "not doubled: 4 ECGs whose very samples are there already, 4 of them under another name" in summary.text()
    before = content(store)
    again = add(store, tmp_path / "copy")
    assert (again.added.n_ecgs, again.added.copies.n) == (0, 5)
    assert "no ECG was added" in again.text()
    assert content(store) == before


def test_a_copy_under_another_patient_is_kept_and_ties_the_two_also_for_ecgs_that_come_later(store, tmp_path):
    shutil.copytree(tmp_path / "archive", tmp_path / "copy")
    table = describe(tmp_path / "copy", first=40)
    settings = IngestSettings(metadata=table, **IN_PROCESS)
    first = append(store, [tmp_path / "copy"], settings=settings)
    assert "the very samples of 5 ECGs are there under another patient: they are kept under both" in first.text()
    assert Store.open(store).joined_patients == (("pat0", "pat40"), ("pat1", "pat41"), ("pat2", "pat42"))
    again = append(store, [tmp_path / "copy"], settings=settings)
    assert (first.added.n_ecgs, again.added.n_ecgs, again.added.copies.n) == (5, 0, 5)
    assert verify(store) == []


def test_the_same_ecg_of_the_same_name_under_another_patient_is_refused_with_a_way_out(store, tmp_path, content):
    before = content(store)
    table = describe(tmp_path / "archive", first=1)
    with pytest.raises(
        StoreError,
        match=r"5 ECGs are there under another patient \('archive/part0/r000#0': patient 'pat0' there, patient 'pat1'",
    ):
        append(store, [tmp_path / "archive"], settings=IngestSettings(metadata=table, **IN_PROCESS))
    assert {name: data for name, data in content(store).items() if not name.startswith(APPEND)} == before
    nobody = append(store, [tmp_path / "archive"], settings=IngestSettings(**IN_PROCESS))  # a table was forgotten
    assert (nobody.added.n_ecgs, nobody.added.copies.n) == (0, 5)


def test_another_ecg_of_a_name_that_is_there_is_refused(store, tmp_path, write, microvolts_of, content):
    before = content(store)
    for number in range(3):
        write(tmp_path / "archive" / f"part{number % 2}" / f"r{number:03d}", microvolts_of(50 + number))
    with pytest.raises(StoreError, match=r"3 ECGs have the name of another .*archive/part0/r000#0.*nothing was added"):
        add(store, tmp_path / "archive")
    assert {name: data for name, data in content(store).items() if not name.startswith(APPEND)} == before
    assert verify(store) == []


def test_rejects_are_joined_and_what_is_accepted_by_now_is_rejected_no_more(tmp_path, make_archive):
    folder = make_archive(3)
    damaged = folder / "part1" / "r001.dat"
    whole = damaged.read_bytes()
    damaged.write_bytes(b"")
    ingest([folder], out=tmp_path / "store", settings=IngestSettings(**IN_PROCESS))
    assert [reject.source for reject in decode_rejects(tmp_path / "store" / "rejects.csv")] == ["archive/part1/r001"]
    damaged.write_bytes(whole)
    (folder / "part0" / "r000.dat").write_bytes(b"")  # it is there already: nothing is lost
    more = make_archive(2, name="more", first=5)
    (more / "part1" / "r005.dat").write_bytes(b"")
    append(tmp_path / "store", [folder, more], settings=IngestSettings(**IN_PROCESS))
    assert [reject.source for reject in decode_rejects(tmp_path / "store" / "rejects.csv")] == ["more/part1/r005"]
    assert Store.open(tmp_path / "store").ecgs["ecg_id"].to_pylist()[2:] == [
        "archive/part1/r001#0",
        "more/part0/r006#0",
    ]


def test_links_hold_and_new_ecgs_of_known_patients_are_said(store, tmp_path, make_archive):
    (tmp_path / "cath.csv").write_text(
        "patient_id,measured_at,target,value,unit\npat0,2020-01-01T12:00:00,mpcwp,12,mmHg\npat2,2020-01-06,mpcwp,9,mmHg\n"
    )
    link(Store.open(store), labels_csv=tmp_path / "cath.csv", window_hours=48.0)
    links = Store.open(store).links()
    told = add(store, make_archive(3, name="more", first=5)).text()
    assert Store.open(store).links().equals(links)
    assert "1 new ECGs are of patients with catheter values and not linked to them yet: run hemometric link" in told
    again = link(Store.open(store), window_hours=48.0)
    assert again.n_labels_read == 2
    assert Store.open(store).links().num_rows == links.num_rows + 1
    relinked = withdraw(store, ["pat2"]).relink
    assert relinked.endswith("--window-hours 48 --side both")


def test_a_patients_split_stays_and_a_new_one_needs_a_word(store, tmp_path, make_archive, content):
    split_by_hash(Store.open(store))
    ids = Store.open(store).ecgs["patient_id"].to_pylist()
    roles = {"pat0": "test", "pat1": "train", "pat2": "calibration"}
    lines = "".join(f"{patient},{split}\n" for patient, split in roles.items())
    write_store_files(store, {"splits.csv": f"patient_id,split\n{lines}".encode()})
    before = content(store)
    more = make_archive(4, name="more", first=5)
    with pytest.raises(
        SettingsError, match=r"no split for 2 new patients .*'pat3', 'pat4'.*--new-patients hash, train"
    ):
        add(store, more)
    assert {name: data for name, data in content(store).items() if not name.startswith(APPEND)} == before
    with pytest.raises(SettingsError, match="did you mean 'test'"):
        add(store, more, new_patients="tset", resume=True)
    summary = add(store, more, new_patients="test", resume=True)
    whole = Store.open(store)
    now = dict(zip(whole.ecgs["patient_id"].to_pylist(), whole.splits().tolist(), strict=True))
    assert now == {**roles, "pat3": "test", "pat4": "test"}
    assert whole.splits().tolist()[:5] == [roles[patient] for patient in ids]
    assert summary.added.placed.n_new == 2
    assert verify(store) == []


def test_a_new_ecg_that_joins_two_patients_moves_nobody_who_was_there(store, tmp_path, write, microvolts_of):
    whole = Store.open(store)
    before = dict(zip(whole.ecgs["patient_id"].to_pylist(), whole.splits().tolist(), strict=True))
    names = [f"a{number}" for number in range(20)]
    new = next(name for name in names if assign([name])[0] != before["pat2"])
    lines = ["source,patient_id"]
    for place, patient in enumerate((new, "pat2")):
        write(tmp_path / "more" / f"x{place}", microvolts_of(70))
        lines.append(f"more/x{place},{patient}")
    (tmp_path / "more.csv").write_text("\n".join(lines) + "\n")
    append(store, [tmp_path / "more"], settings=IngestSettings(metadata=tmp_path / "more.csv", **IN_PROCESS))
    whole = Store.open(store)
    after = dict(zip(whole.ecgs["patient_id"].to_pylist(), whole.splits().tolist(), strict=True))
    assert after == {**before, new: before["pat2"]}
    assert verify(store) == []


def test_values_that_come_with_new_records_are_joined_and_old_links_of_their_patients_go(
    tmp_path, write, microvolts_of
):
    def record(name, seed, wedge):
        comments = ["ECG date: 17/10/1990", "Hemodynamics:", "Catheterization date: 16-Oct-90"]
        comments.append(f"Pulmonary capillary wedge pressure (at rest): {wedge}")
        write(tmp_path / name, microvolts_of(seed), comments=comments)

    for seed, name in enumerate(("patient001/s0010_re", "patient002/s0015lre")):
        record(f"ptbdb/{name}", seed, "12 mmHg")
    settings = IngestSettings(dataset="ptbdb", **IN_PROCESS)
    ingest([tmp_path / "ptbdb"], out=tmp_path / "store", settings=settings)
    link(Store.open(tmp_path / "store"), window_hours=48.0)
    assert Store.open(tmp_path / "store").links().num_rows == 2
    record("ptbdb/patient003/s0017lre", 7, "900 mmHg")
    first = append(tmp_path / "store", [tmp_path / "ptbdb"], settings=settings)
    assert (first.added.n_ecgs, first.added.n_values, first.added.n_stale) == (1, 0, 0)
    assert "900 mmHg" in (tmp_path / "store" / "label_rejects.csv").read_text()
    assert Store.open(tmp_path / "store").links().num_rows == 2
    record("ptbdb/patient002/s0018lre", 8, "14 mmHg")
    second = append(tmp_path / "store", [tmp_path / "ptbdb"], settings=settings)
    assert (second.added.n_ecgs, second.added.n_values, second.added.n_stale) == (1, 1, 1)
    assert "links are removed, since 1 patients of the store have new values" in second.text()
    opened = Store.open(tmp_path / "store")
    assert (opened.labels().num_rows, opened.links()) == (3, None)
    assert not (tmp_path / "store" / "attrition.json").exists()
    assert verify(tmp_path / "store") == []


def forget_flags(path, names):
    """Make a store one of an older hemometric: without some flag columns, and with its version."""
    store = Store.open(path)
    with changing(path, doing="test") as change:
        for file in sorted((path / "ecgs").iterdir()):
            change.put(f"ecgs/{file.name}", [encode_table(read_table(file).drop_columns(names))])
        versions = {**store.manifest.provenance["versions"], "hemometric": "0.0.9"}
        change.commit(
            store.manifest.model_copy(update={"provenance": {**store.manifest.provenance, "versions": versions}})
        )


def test_a_store_of_an_older_hemometric_takes_new_ecgs_and_its_own_stay_unjudged(store, make_archive, content):
    forget_flags(store, ["flag_repaired", "flag_electrode_swap"])
    before = content(store)
    told = add(store, make_archive(3, name="more", first=5))
    after = content(store)
    assert all(after[name] == data for name, data in before.items() if "/" in name)
    whole = Store.open(store)
    assert (told.added.n_ecgs, whole.ecgs["flag_repaired"].to_pylist()) == (3, [None] * 5 + [False] * 3)
    assert b"archive,,not-judged,repaired,5" in after["quality.csv"]
    versions = [whole.manifest.provenance["versions"], whole.manifest.provenance["appended"][0]["versions"]]
    assert versions[0]["hemometric"] == "0.0.9" != versions[1]["hemometric"]
    assert add(store, store.parent / "more").added.n_ecgs == 0
    assert verify(store) == []


def test_other_settings_than_the_stores_are_refused_together(store, tmp_path, content):
    before = content(store)
    with pytest.raises(SettingsError, match=r"its rate is \(Hz\) 250, not 500; its leads are 8, not 12"):
        append(store, [tmp_path / "archive"], settings=IngestSettings(sampling_rate_hz=500.0, n_leads=12))
    assert content(store) == before
    assert settings_of(Store.open(store)).shard_size == 2


def test_a_store_without_names_takes_ecgs_by_the_same_secret_only(tmp_path, make_archive):
    folder, secret, other = make_archive(3), tmp_path / "secret", tmp_path / "other"
    secret.write_text("a secret that is long enough")
    other.write_text("another one that is long enough")
    ingest([folder], out=tmp_path / "store", settings=IngestSettings(deidentify=secret, shard_size=2))
    more = make_archive(2, name="more", first=3)
    for wrong in (None, other):
        with pytest.raises(SettingsError, match="de-identified"):
            append(tmp_path / "store", [more], settings=IngestSettings(deidentify=wrong))
    summary = append(tmp_path / "store", [folder, more], settings=IngestSettings(deidentify=secret))
    assert (summary.added.n_ecgs, summary.added.copies.n) == (2, 3)


def test_nothing_to_read_and_a_store_that_is_written_are_told(store, tmp_path, content):
    before = content(store)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.hea").write_text("not a header")
    with pytest.raises(StoreError, match=r"store: append: not made, since none of 1 records can be accepted"):
        append(store, [tmp_path / "bad"], settings=IngestSettings(**IN_PROCESS))
    with locked(store / LOCK, what=str(store), doing="withdraw"), pytest.raises(StoreError, match=r"\(withdraw, proc"):
        append(store, [tmp_path / "archive"])
    with pytest.raises(HemometricError, match="no such directory"):
        append(tmp_path / "nowhere", [tmp_path / "archive"])
    assert content(store) == before


def test_resuming_the_first_ingest_still_says_that_nothing_is_left(store, tmp_path, make_archive, content):
    add(store, make_archive(2, name="more", first=5))
    before = content(store)
    settings = IngestSettings(metadata=tmp_path / "archive.csv", resume=True, **IN_PROCESS)
    ingest([tmp_path / "archive"], out=store, settings=settings)
    assert content(store) == before


def test_as_a_user_calls_it(store, tmp_path, make_archive, capsys):
    more = make_archive(2, name="more", first=5)
    words = ["append", str(store), str(more), "--metadata", str(describe(more)), "--workers", "1"]
    assert main(["--quiet", *words, "--leads", "12"]) == 2
    assert "its leads are 8, not 12" in capsys.readouterr().err
    assert main(["--quiet", *words]) == 0
    assert "2 new ECGs of 2 patients (1 of them new) in 1 new shards; 7 ECGs now" in capsys.readouterr().out
    (tmp_path / "who.txt").write_text("pat0\n\npat3\n")
    assert main(["withdraw", str(store), "--patients", str(tmp_path / "who.txt"), "--patient", "pat1"]) == 0
    assert "3 patients withdrawn with 5 ECGs; 2 ECGs stay" in capsys.readouterr().out
    assert main(["withdraw", str(store), "--patients", str(tmp_path / "whom.txt")]) == 2
    assert "give a text file with an id on each line" in capsys.readouterr().err
    assert main(["mend", str(store)]) == 0
    assert "nothing is half done" in capsys.readouterr().out
    assert json.loads((store / "manifest.json").read_text())["n_ecgs"] == 2
