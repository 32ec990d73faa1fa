"""Nothing of the original patient is left, and what stands for it is the same every time."""

import csv
import itertools
import json
from pathlib import Path

import pytest

from hemometric.deidentification import FEWEST_DAYS, MOST_DAYS, Deidentifier, check_secret, read_secret
from hemometric.errors import HemometricError, LabelError, SettingsError
from hemometric.ingest import IngestSettings, ingest
from hemometric.labels import link, parse_layout
from hemometric.store import Store, verify
from hemometric.targets import TARGETS

SECRET = b"a secret that is long enough"
PATIENT, OTHER, DAY = "Wilhelmina-van-der-Berg-1911", "Ferdinand-Oosterhuis-4711", "2019-03-17"


def test_the_same_secret_maps_alike_and_another_does_not():
    one, again, other = Deidentifier(SECRET), Deidentifier(SECRET), Deidentifier(SECRET + b"!")
    assert one.patient(PATIENT) == again.patient(PATIENT) != other.patient(PATIENT)
    assert one.patient(PATIENT) != one.record(PATIENT)
    assert len({one.patient(f"{PATIENT}{number}") for number in range(2000)}) == 2000


def test_dates_of_a_patient_move_together_and_keep_the_clock():
    one = Deidentifier(SECRET)
    first = one.moment("2019-03-17T23:59:01", patient=PATIENT)
    second = one.moment("2019-03-19", patient=PATIENT)
    assert first is not None
    assert second is not None
    assert first.endswith("T23:59:01")
    assert int(second[8:10]) - int(first[8:10]) in (2, 2 - 28, 2 - 29, 2 - 30, 2 - 31)
    shifts = {one.days(f"{PATIENT}{number}") for number in range(500)}
    assert len(shifts) > 300
    assert min(shifts) >= FEWEST_DAYS
    assert max(shifts) <= MOST_DAYS


@pytest.mark.parametrize(("age", "told"), [(None, None), (89.0, 89.0), (89.5, 90.0), (103.0, 90.0), (40.0, 40.0)])
def test_above_89_an_age_is_90(age, told):
    assert Deidentifier(SECRET).age(age) == told


@pytest.mark.parametrize("content", [b"", b"fifteen bytes..", b"fifteen bytes..\n\n"])
def test_a_short_secret_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(SettingsError, match="expected at least 16"):
        read_secret(tmp_path / "secret")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_secret(tmp_path / "absent")


def test_another_secret_is_refused_by_name():
    one, other = Deidentifier(SECRET), Deidentifier(SECRET + b"!")
    told = {"deidentified": one.account}
    check_secret(told, one, where="store")
    check_secret({}, None, where="store")
    for provenance, given, message in ((told, other, "another secret"), (told, None, "give"), ({}, one, "is not")):
        with pytest.raises(SettingsError, match=message):
            check_secret(provenance, given, where="store")


@pytest.fixture
def archive(tmp_path: Path, make_archive) -> Path:
    """Four records in a folder that is called as a patient, one of them damaged, and a table with ids and dates."""
    made = make_archive(4)
    named = made.rename(tmp_path / PATIENT)
    records = sorted(named.rglob("*.hea"))
    with (tmp_path / "patients.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["source", "patient_id", "age_years", "sex", "acquired_at"])
        for number, record in enumerate(records):
            source = record.relative_to(tmp_path).with_suffix("").as_posix()
            table.writerow([source, (PATIENT, OTHER)[number % 2], 93, "f", f"{DAY}T0{number}:11:22"])
    damaged = records[-1]
    damaged.with_suffix(".dat").write_bytes(b"")
    damaged.write_text(damaged.read_text() + f"#name: {OTHER} {DAY}\n")
    return named


def ingest_without_names(archive: Path, out: Path, secret: bytes = SECRET, *, resume: bool = False) -> str:
    file = archive.parent / "secret"
    file.write_bytes(secret)
    settings = IngestSettings(metadata=archive.parent / "patients.csv", deidentify=file, shard_size=2, resume=resume)
    return ingest([archive], out=out, settings=settings).text()


def test_no_id_name_or_date_is_left_in_any_byte_or_word(tmp_path: Path, archive: Path, capfd):
    out = tmp_path / "store"
    told = ingest_without_names(archive, out)
    written = capfd.readouterr()
    store = Store.open(out)
    assert len(store) == 3
    assert not verify(out)
    texts = [json.dumps(store.ecgs.to_pylist()), told, written.out, written.err]
    texts += [str(path.relative_to(out)) for path in out.rglob("*")]
    content = b"\0".join([*(path.read_bytes() for path in out.rglob("*") if path.is_file()), *map(str.encode, texts)])
    records = [path.stem for path in archive.rglob("*.hea")]
    for secret in (PATIENT, OTHER, DAY, "Wilhelmina", "Ferdinand", *records):
        assert secret.encode() not in content.replace(str(tmp_path).encode(), b""), secret
    assert set(store.ecgs["age_years"].to_pylist()) == {90.0}
    assert {at[10:13] for at in store.ecgs["acquired_at"].to_pylist()} <= {"T00", "T01", "T02", "T03"}
    assert len(set(store.ecgs["patient_id"].to_pylist())) == 2
    assert (out / "rejects.csv").read_text().count("\n") == 2


def test_the_order_of_files_that_are_called_after_their_days_is_lost(tmp_path: Path, make_archive):
    """In their old order the largest date so far and the least one to come bound the true day of each to a few days."""
    made, secret = make_archive(12), tmp_path / "secret"
    secret.write_bytes(SECRET)
    with (tmp_path / "patients.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["ecg_id", "patient_id"])
        table.writerows([f"r{number:03d}", f"p{number:03d}"] for number in range(12))
    (made / "part0" / "r999.hea").write_text("damaged")
    settings = IngestSettings(metadata=tmp_path / "patients.csv", deidentify=secret, shard_size=5)
    ingest([made], out=tmp_path / "store", settings=settings)
    one = Deidentifier(SECRET)
    number_of = {one.patient(f"p{number:03d}"): number for number in range(12)}
    order = [number_of[patient] for patient in Store.open(tmp_path / "store").ecgs["patient_id"].to_pylist()]
    assert sorted(order) == list(range(12))
    n_rising = sum(after > before for before, after in itertools.pairwise(order))
    assert 3 <= n_rising <= 8


def test_resuming_needs_the_same_secret(tmp_path: Path, archive: Path):
    out = tmp_path / "store"
    ingest_without_names(archive, out)
    ingest_without_names(archive, out, resume=True)
    with pytest.raises(HemometricError):
        ingest_without_names(archive, out, secret=SECRET + b"!", resume=True)


def test_link_maps_the_table_by_the_same_secret_and_leaves_nothing_of_it(tmp_path: Path, archive: Path):
    out = tmp_path / "store"
    ingest_without_names(archive, out)
    table = tmp_path / f"{OTHER}.csv"
    table.write_text(
        "patient_id,measured_at,target,value,unit\n"
        f"{PATIENT},{DAY}T03:00,mpcwp,17,mmHg\n{OTHER},{DAY}T03:00,mpcwp,21,mmHg\n{OTHER},{DAY}T04:00,mpcwp,900,mmHg\n"
    )
    with pytest.raises(SettingsError, match="is de-identified: give the same secret"):
        link(Store.open(out), labels_csv=table)
    link(Store.open(out), labels_csv=table, deidentifier=Deidentifier(SECRET))
    store = Store.open(out)
    links = store.links()
    assert links is not None
    assert sorted(links["value"].to_pylist()) == [17.0, 17.0, 21.0]
    assert (out / "label_rejects.csv").read_text().count("\n") == 2
    labels = store.labels()
    assert labels is not None
    texts = json.dumps([labels.to_pylist(), links.to_pylist()]).encode()
    content = b"\0".join([texts, *(path.read_bytes() for path in out.rglob("*") if path.is_file())])
    for secret in (PATIENT, OTHER, DAY, "Wilhelmina", "Ferdinand"):
        assert secret.encode() not in content, secret


def test_free_text_lines_and_the_order_of_a_catheter_table_are_lost(tmp_path: Path, archive: Path):
    out, table = tmp_path / "store", tmp_path / "cath.csv"
    ingest_without_names(archive, out)
    strangers = [f"stranger{number}" for number in range(8)]
    rows = [f"{one},{DAY},mpcwp,17,mmHg,Dr Vandenbroucke of {DAY}" for one in (*strangers, PATIENT, PATIENT)]
    rows[-1] = rows[-1].replace(",17,", ",19,")
    rows += [f",{DAY},{OTHER},17,mmHg,", f"{OTHER},,{PATIENT},17,mmHg,", f"{OTHER},{DAY},mpcwp,900,mmHg,"]
    table.write_text("\n".join(["patient_id,measured_at,target,value,unit,method", *rows]) + "\n")
    one = Deidentifier(SECRET)
    link(Store.open(out), labels_csv=table, deidentifier=one)
    labels = Store.open(out).labels()
    assert labels is not None
    ids = labels["patient_id"].to_pylist()
    assert ids == sorted(ids)
    assert [row["value"] for row in labels.to_pylist() if row["patient_id"] == one.patient(PATIENT)] == [17.0, 19.0]
    assert set(labels["method"].to_pylist()) == {None}
    with (out / "label_rejects.csv").open(newline="") as file:
        rejects = list(csv.DictReader(file))
    assert sorted((one["line"], one["target"], one["reason_code"]) for one in rejects) == [
        ("0", "", "no-patient"),
        ("0", "", "no-time"),
        ("0", "mpcwp", "implausible"),
    ]


def test_the_methods_that_a_wide_table_names_in_its_header_stay(tmp_path: Path, archive: Path):
    out, table = tmp_path / "store", tmp_path / "cath.csv"
    ingest_without_names(archive, out)
    table.write_text(f"patient_id,measured_at,wedge\n{PATIENT},{DAY},17\n")
    layout = parse_layout(targets=TARGETS, wide=["mpcwp=wedge:mmHg"])
    link(Store.open(out), labels_csv=table, layout=layout, deidentifier=Deidentifier(SECRET))
    labels = Store.open(out).labels()
    assert labels is not None
    assert labels["method"].to_pylist() == ["wedge"]


def test_a_fault_of_ours_in_reading_a_table_quotes_nothing(tmp_path: Path, archive: Path, monkeypatch):
    out, table = tmp_path / "store", tmp_path / "cath.csv"
    ingest_without_names(archive, out)
    table.write_text(f"patient_id,measured_at,target,value,unit\n{PATIENT},{DAY},mpcwp,17,mmHg\n")

    def fail(path: Path, **_: object) -> None:
        raise KeyError(path.read_text())

    monkeypatch.setattr("hemometric.labels.step.read_catheter_csv", fail)
    with pytest.raises(LabelError, match="KeyError in test_deidentification") as told:
        link(Store.open(out), labels_csv=table, deidentifier=Deidentifier(SECRET))
    assert PATIENT not in str(told.value)
    assert told.value.__suppress_context__


def test_an_error_of_a_table_names_no_patient(tmp_path: Path, archive: Path):
    out = tmp_path / "store"
    ingest_without_names(archive, out)
    table = tmp_path / "cath.csv"
    table.write_text(f"patient_id,measured_at,target,value,unit\n{PATIENT},{DAY},mpcwp,high,mmHg\n")
    with pytest.raises(LabelError) as told:
        link(Store.open(out), labels_csv=table, deidentifier=Deidentifier(SECRET))
    assert PATIENT not in str(told.value)
    assert told.value.__suppress_context__
