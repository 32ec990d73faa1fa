"""Catheter values that come with an archive: a miniature of PTBDB with patients, repeated headers and damaged ones."""

import csv
import json

import pytest

from hemometric.deidentification import Deidentifier
from hemometric.errors import SettingsError
from hemometric.ingest import IngestSettings, ingest, step
from hemometric.labels import link
from hemometric.store import Store, verify

SECRET = b"a secret that is long enough"


def comments(wedge, *, output="4,91 l/min", day="16-Oct-90"):
    return (
        "ECG date: 17/10/1990",
        "Hemodynamics:",
        f"Catheterization date: {day}",
        f"Pulmonary capillary wedge pressure (at rest): {wedge}",
        f"Cardiac output (at rest): {output}",
    )


@pytest.fixture
def archive(tmp_path, write, microvolts_of):
    """Four patients; the first has two records with the same values, the third has values that cannot be used."""
    said = {
        "patient001/s0010_re": comments("6 cmH2O"),
        "patient001/s0014lre": comments("6 cmH2O"),
        "patient002/s0015lre": comments("n/a", output="5.5 l/min"),
        "patient003/s0017lre": comments("900 cmH2O", output="4 gallons"),
        "patient004/s0020are": comments("12 cmH2O", output="n/a", day="n/a"),
    }
    for number, (name, lines) in enumerate(said.items()):
        write(tmp_path / "ptbdb" / name, microvolts_of(number), comments=lines)
    return tmp_path / "ptbdb"


def rejects(store):
    with (store / "label_rejects.csv").open(newline="") as file:
        return [(row["patient_id"], row["target"], row["value"], row["reason_code"]) for row in csv.DictReader(file)]


def test_values_of_accepted_records_are_in_the_store_and_the_others_are_listed(tmp_path, archive):
    summary = ingest([archive], out=tmp_path / "store")
    store = Store.open(tmp_path / "store")
    rows = [(row["patient_id"], row["target"], row["value_original"]) for row in store.labels().to_pylist()]
    assert rows == [
        ("ptbdb:patient001", "mpcwp", 6.0),
        ("ptbdb:patient001", "co", 4.91),
        ("ptbdb:patient002", "co", 5.5),
    ]
    assert rejects(store.path) == [
        ("ptbdb:patient003", "mpcwp", "900 cmH2O", "implausible"),
        ("ptbdb:patient003", "co", "4 gallons", "unknown-unit"),
        ("ptbdb:patient004", "mpcwp", "12 cmH2O", "no-time"),
    ]
    assert verify(store.path) == []
    assert "catheter values: 3 of 2 patients (co 2, mpcwp 1)" in summary.text()
    assert "catheter values not used: 3 (implausible 1, unknown-unit 1, no-time 1)" in summary.text()
    assert "warning: ptbdb writes catheter pressures in cmH2O" in summary.text()


def test_link_without_a_table_joins_them_and_accounts_for_what_ingest_left_out(tmp_path, archive):
    ingest([archive], out=tmp_path / "store")
    summary = link(Store.open(tmp_path / "store"), window_hours=48)
    assert (summary.n_labels_read, summary.n_labels_linked) == (6, 3)
    assert dict(summary.dropped) == {"implausible": 1, "unknown-unit": 1, "no-time": 1}
    links = Store.open(tmp_path / "store").links()
    assert links is not None
    assert sorted((row["ecg_id"].split("/")[-1], row["target"]) for row in links.to_pylist()) == [
        ("s0010_re#0", "co"),
        ("s0010_re#0", "mpcwp"),
        ("s0014lre#0", "co"),
        ("s0014lre#0", "mpcwp"),
        ("s0015lre#0", "co"),
    ]


def test_values_of_a_record_that_is_rejected_are_not_taken(tmp_path, archive):
    (archive / "patient002" / "s0015lre.dat").write_bytes(b"")
    ingest([archive], out=tmp_path / "store")
    assert set(Store.open(tmp_path / "store").labels()["patient_id"].to_pylist()) == {"ptbdb:patient001"}


def test_the_user_says_which_patient_it_is(tmp_path, archive):
    table = tmp_path / "patients.csv"
    table.write_text("ecg_id,patient_id\ns0010_re,anna\n")
    ingest([archive], out=tmp_path / "store", settings=IngestSettings(metadata=table))
    store = Store.open(tmp_path / "store")
    assert store.labels()["patient_id"].to_pylist()[:2] == ["anna", "anna"]
    assert set(store.labels()["patient_id"].to_pylist()) <= set(store.ecgs["patient_id"].to_pylist())


@pytest.mark.parametrize("deidentified", [False, True])
def test_values_of_the_users_own_table_are_labels_too(tmp_path, make_archive, deidentified):
    archive = make_archive(3)
    table = tmp_path / "patients.csv"
    table.write_text(
        "source,patient_id,acquired_at,measured_at,mpcwp_mmhg,co_l_per_min\n"
        "archive/part0/r000,anna,2020-05-15T10:00,2020-05-15T12:00,18,4.1\n"
        "archive/part1/r001,anna,2020-05-15T11:00,2020-05-15T12:00,18,\n"
        "archive/part0/r002,berta,2020-05-15T11:00,,1800,3\n"
    )
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    settings = IngestSettings(metadata=table, deidentify=secret if deidentified else None)
    told = ingest([archive], out=tmp_path / "store", settings=settings).text()
    assert "catheter values: 2 of 1 patients (mpcwp 1, co 1)" in told
    assert "catheter values not used: 2 (no-time 2)" in told
    anna = Deidentifier(SECRET).patient("anna") if deidentified else "anna"
    rows = Store.open(tmp_path / "store").labels().to_pylist()
    assert [(row["patient_id"], row["target"], row["value"], row["method"]) for row in rows] == [
        (anna, "mpcwp", 18.0, "mpcwp_mmhg"),
        (anna, "co", pytest.approx(4.1), "co_l_per_min"),
    ]
    links = link(Store.open(tmp_path / "store"), window_hours=24)
    assert links.n_labels_linked == 2
    assert not verify(tmp_path / "store")


@pytest.mark.parametrize("deidentified", [False, True])
@pytest.mark.parametrize("killed_at", ["shard", "labels", "manifest"])
def test_a_run_that_was_killed_and_resumed_ends_with_the_same_bytes(
    tmp_path, archive, content, monkeypatch, killed_at, deidentified
):
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    settings = {"shard_size": 2, "deidentify": secret if deidentified else None}
    ingest([archive], out=tmp_path / "whole", settings=IngestSettings(**settings))
    calls = []

    class KilledError(BaseException):
        pass

    def killer(original, *, at_call):
        def call(*arguments, **options):
            calls.append(original)
            if len(calls) == at_call:
                raise KilledError
            return original(*arguments, **options)

        return call

    with monkeypatch.context() as patched:
        if killed_at == "shard":
            patched.setattr(step.StoreWriter, "write_shard", killer(step.StoreWriter.write_shard, at_call=2))
        elif killed_at == "labels":
            patched.setattr(step, "collect_labels", killer(step.collect_labels, at_call=1))
        else:
            from hemometric.store import writer

            patched.setattr(writer, "write_manifest", killer(writer.write_manifest, at_call=2))
        with pytest.raises(KilledError):
            ingest([archive], out=tmp_path / "store", settings=IngestSettings(**settings))
    ingest([archive], out=tmp_path / "store", settings=IngestSettings(resume=True, **settings))
    assert content(tmp_path / "store") == content(tmp_path / "whole")
    assert "labels.parquet" in content(tmp_path / "store")


def test_deidentified_values_carry_the_ids_and_shifted_dates_of_the_ecgs_and_nothing_else(tmp_path, archive):
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    ingest([archive], out=tmp_path / "store", settings=IngestSettings(deidentify=secret))
    store, one = Store.open(tmp_path / "store"), Deidentifier(SECRET)
    patient = one.patient("ptbdb:patient001")
    wedge = next(row for row in store.labels().to_pylist() if row["patient_id"] == patient)
    assert wedge["measured_at"] == one.moment("1990-10-16", patient=patient)
    assert set(store.labels()["patient_id"].to_pylist()) <= set(store.ecgs["patient_id"].to_pylist())
    told = json.dumps([store.labels().to_pylist(), (store.path / "label_rejects.csv").read_text()])
    for secret_text in ("patient00", "1990", "s0017lre", "s0010_re", "gallons"):
        assert secret_text not in told
    links = link(store, window_hours=48)
    assert links.n_labels_linked == 3


def test_what_a_unit_means_is_part_of_what_decides_the_store(tmp_path, archive):
    meant = IngestSettings(catheter_units=("cmH2O=mmHg",))
    ingest([archive], out=tmp_path / "store", settings=meant)
    store = Store.open(tmp_path / "store")
    assert store.labels().to_pylist()[0]["value"] == 6.0
    assert store.manifest.provenance["settings"]["catheter_units"] == {"cmH2O": "mmHg"}
    with pytest.raises(Exception, match="begun with other settings"):
        ingest([archive], out=tmp_path / "store", settings=IngestSettings(resume=True))
    with pytest.raises(SettingsError, match="--catheter-unit"):
        IngestSettings(catheter_units=("cmH2O=beer",))


def test_an_archive_without_catheter_values_has_no_such_files(tmp_path, make_archive, content):
    ingest([make_archive(1)], out=tmp_path / "store")
    assert not {"labels.parquet", "label_rejects.csv"} & content(tmp_path / "store").keys()
