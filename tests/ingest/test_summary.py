from hemometric.ingest import ingest
from hemometric.ingest.summary import summarise


def test_a_clean_archive_of_known_patients_has_one_line(tmp_path, make_archive, write, microvolts_of):
    archive = tmp_path / "ptbdb"
    for number in (1, 2):
        write(archive / f"patient00{number}" / f"s001{number}_re", microvolts_of(number))
    summary = ingest([archive], out=tmp_path / "store")
    assert (summary.n_patients, summary.n_patients_unknown, summary.n_copied) == (2, 0, 0)
    assert summary.text() == f"{tmp_path / 'store'}: 2 ECGs from 2 of 2 records, 2 known patients"


def test_windows_of_one_record_are_one_record(tmp_path, write, microvolts_of):
    write(tmp_path / "a" / "r#1", microvolts_of(0, seconds=30))
    write(tmp_path / "a" / "r", microvolts_of(1))
    write(tmp_path / "a" / "s", microvolts_of(1, seconds=2))
    ingest([tmp_path / "a"], out=tmp_path / "store")
    summary = summarise(tmp_path / "store", n_records=3)
    assert (summary.n_accepted_records, summary.n_windows, summary.n_patients_unknown) == (2, 4, 2)
    assert summary.n_rejected_records == 1
