"""What `link` says of patients whom it does not find in a de-identified store."""

from hemometric.deidentification import Deidentifier
from hemometric.ingest import IngestSettings, ingest
from hemometric.labels import link
from hemometric.store import Store

SECRET = b"a secret that is long enough"


def test_link_shows_no_hash_for_a_patient_whom_it_does_not_find(tmp_path, make_archive):
    archive = make_archive(1)
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "patients.csv").write_text("ecg_id,patient_id,acquired_at\nr000,anna,2020-05-15T10:00\n")
    settings = IngestSettings(metadata=tmp_path / "patients.csv", deidentify=tmp_path / "secret", workers=1)
    ingest([archive], out=tmp_path / "store", settings=settings)
    table = tmp_path / "cath.csv"
    table.write_text(
        "patient_id,measured_at,target,value,unit\n"
        "anna,2020-05-15T11:00,mpcwp,18,mmHg\nberta,2020-05-15T11:00,mpcwp,18,mmHg\n"
    )
    one = Deidentifier(SECRET)
    told = link(Store.open(tmp_path / "store"), labels_csv=table, deidentifier=one).text()
    assert "patient not in the store 1\n" in told
    assert "the store is de-identified: patients are found only with the secret of the store" in told
    assert one.patient("berta") not in told
    table.write_text("patient_id,measured_at,target,value,unit\nanna,2020-05-15T11:00,mpcwp,18,mmHg\n")
    assert "is de-identified" not in link(Store.open(tmp_path / "store"), labels_csv=table, deidentifier=one).text()
