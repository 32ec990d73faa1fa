from pathlib import Path

import pytest

from hemometric.datasets import Facts
from hemometric.deidentification import Deidentifier
from hemometric.ecg import INDEPENDENT_LEADS, LEADS
from hemometric.errors import ReadError, SettingsError
from hemometric.ingest import IngestSettings
from hemometric.ingest.archive import find_archive, merge_facts, to_store_settings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"format": "paper"}, "format is 'paper', expected one of auto, "),
        ({"sampling_rate_hz": 0.0}, "sampling_rate_hz is 0.0"),
        ({"sampling_rate_hz": float("nan")}, "sampling_rate_hz is nan"),
        ({"n_leads": 3}, "n_leads is 3, expected 8 or 12"),
        ({"shard_size": 0, "workers": -1}, "shard_size is 0, expected at least 1; workers is -1"),
        ({"duration_s": -1.0}, "duration_s is -1.0"),
    ],
)
def test_settings_out_of_range_are_refused_all_at_once(wrong, message):
    with pytest.raises(SettingsError, match=message):
        IngestSettings(**wrong)


def test_what_is_stored_follows_from_the_settings():
    assert (IngestSettings().n_samples, IngestSettings().stored_leads) == (2500, INDEPENDENT_LEADS)
    settings = IngestSettings(sampling_rate_hz=100, duration_s=5, n_leads=12)
    assert (settings.n_samples, settings.stored_leads) == (500, LEADS)


def test_records_are_named_from_the_parent_of_their_source(make_archive, tmp_path, monkeypatch):
    archive = make_archive(2)
    names = ["archive/part0/r000", "archive/part1/r001"]
    monkeypatch.chdir(archive / "part0")
    for source in (archive, f"{archive}/", "..", "../../archive"):
        assert [record.source for record in find_archive([source], IngestSettings()).records] == names
    one = find_archive([archive / "part0" / "r000.hea"], IngestSettings())
    assert [record.source for record in one.records] == ["r000"]


def test_only_a_known_suffix_is_dropped_since_a_uid_has_points(tmp_path):
    for name in ("1.2.840.1", "1.2.840.2", "1.2.3.dcm"):
        (tmp_path / "pacs").mkdir(exist_ok=True)
        (tmp_path / "pacs" / name).write_bytes(b"\0" * 128 + b"DICM")
    names = [record.source for record in find_archive([tmp_path / "pacs"], IngestSettings()).records]
    assert names == ["pacs/1.2.3", "pacs/1.2.840.1", "pacs/1.2.840.2"]


def test_one_format_leaves_the_others_out(make_archive):
    archive = make_archive(1)
    (archive / "part0" / "r000.dcm").write_bytes(b"\0" * 128 + b"DICM")
    for name, suffix in (("wfdb", ".hea"), ("dicom", ".dcm")):
        (record,) = find_archive([archive], IngestSettings(format=name)).records
        assert record.path.suffix == suffix
    both = find_archive([archive], IngestSettings()).records
    assert [record.source for record in both] == ["archive/part0/r000.dcm", "archive/part0/r000.hea"]
    (archive / "part0" / "r000.dcm").unlink()
    with pytest.raises(ReadError, match="holds no ECG of format dicom"):
        find_archive([archive], IngestSettings(format="dicom"))


def test_one_of_several_formats_with_the_same_suffix_is_chosen_by_content(tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    contents = {"a": "<RestingECG>", "b": "<AnnotatedECG>", "c": "<restingecgdata>", "d": "<note>"}
    for name, content in contents.items():
        (folder / f"{name}.xml").write_text(content)
    for name, stem in (("muse-xml", "a"), ("aecg", "b"), ("sierra-xml", "c")):
        (record,) = find_archive([folder], IngestSettings(format=name)).records
        assert record.source == f"exports/{stem}"
    assert len(find_archive([folder], IngestSettings()).records) == 4  # d is rejected by name when it is read


def test_mistake_8_of_the_method_page_a_file_that_two_sources_hold_is_read_once(make_archive):
    archive = make_archive(2)
    found = find_archive([archive, archive / "part0"], IngestSettings()).records
    assert [record.source for record in found] == ["archive/part0/r000", "archive/part1/r001", "part0/r000"]
    assert [record.reject and record.reject.reason_code for record in found] == [None, None, "same-file"]
    assert found[2].reject.detail == "the same file as archive/part0/r000"


def test_a_row_about_a_link_is_about_the_file_and_a_second_patient_is_refused(make_archive, tmp_path):
    archive = make_archive(2)
    (archive / "z.hea").symlink_to(archive / "part0" / "r000.hea")
    table = tmp_path / "patients.csv"
    table.write_text("source,patient_id\narchive/z,p\n")
    found = find_archive([archive], IngestSettings(metadata=table))
    assert [found.find_facts(number, header=Facts()).patient_id for number in (0, 1)] == ["p", None]
    table.write_text("source,patient_id\narchive/part0/r000,p\narchive/z,q\n")
    with pytest.raises(ReadError, match=r"lines 2 and 3 disagree whose ECG it is \(archive/z\.hea is the same file"):
        find_archive([archive], IngestSettings(metadata=table))


def test_two_sources_whose_records_would_have_one_name_are_refused(make_archive, tmp_path):
    first = make_archive(1)
    second = make_archive(1, name="other/archive")
    third = make_archive(1, name="other/archive2")
    with pytest.raises(ReadError, match=r"other/archive/.*as .*archive/part0/r000\.hea is; rename one") as caught:
        find_archive([first, second], IngestSettings())
    assert caught.value.code == "duplicate-name"
    with pytest.raises(ReadError, match="name each SOURCE once"):
        find_archive([first, first], IngestSettings())
    assert len(find_archive([first, third], IngestSettings()).records) == 2


def test_each_record_is_looked_up_in_the_archive_of_its_own_source(make_archive, tmp_path):
    for name, patient in (("a", 1), ("b", 2)):
        (make_archive(2, name=name) / "ptbxl_database.csv").write_text(
            "patient_id,age,sex,recording_date,filename_lr,filename_hr\n"
            f"{patient},61,1,1984-11-09 09:17:34,x/r000,x/r001\n"
        )
    sources = [tmp_path / "a", make_archive(1, name="c"), tmp_path / "b"]
    archive = find_archive(sources, IngestSettings())
    found = [archive.find_facts(k, header=Facts(sex="male")) for k in range(len(archive.records))]
    patients = ["ptb-xl:1", "ptb-xl:1", None, "ptb-xl:2", "ptb-xl:2"]
    assert [facts.patient_id for facts in found] == patients
    assert [facts.sex for facts in found] == ["female", "female", "male", "female", "female"]
    names = [source["dataset"] for source in to_store_settings(archive, IngestSettings()).provenance["sources"]]
    assert names == ["ptb-xl", None, "ptb-xl"]
    without = find_archive(sources, IngestSettings(dataset="none"))
    assert without.find_facts(0, header=Facts()).patient_id is None


def test_a_fact_is_the_first_that_is_known():
    facts = merge_facts([Facts(patient_id="a"), Facts(patient_id="b", age_years=0.0), Facts(age_years=5, sex="male")])
    assert facts == Facts(patient_id="a", age_years=0.0, sex="male")


def test_the_provenance_names_the_content_and_not_the_place_or_the_workers(make_archive, tmp_path):
    archive = make_archive(2)
    (tmp_path / "mine.csv").write_text("source,patient_id\narchive/part0/r000,y\n")
    settings = [IngestSettings(workers=workers, metadata=Path(tmp_path / "mine.csv")) for workers in (1, 5)]
    one, five = (to_store_settings(find_archive([archive], chosen), chosen) for chosen in settings)
    assert one == five
    assert str(tmp_path) not in repr(one)
    assert one.provenance["sources"][0]["n_records"] == 2
    (tmp_path / "mine.csv").write_text("source,patient_id\narchive/part0/r000,z\n")
    changed = to_store_settings(find_archive([archive], settings[0]), settings[0])
    assert changed.provenance["settings"]["metadata_sha256"] != one.provenance["settings"]["metadata_sha256"]


def test_a_row_belongs_to_the_file_that_its_suffix_says(make_archive, tmp_path):
    archive = make_archive(2)
    (archive / "part0" / "r000.dcm").write_bytes(b"\0" * 128 + b"DICM")
    table = tmp_path / "mine.csv"
    table.write_text("source,patient_id\narchive/part0/r000.hea,anna\narchive/part0/r000.dcm,berta\narchive/no,carla\n")
    found = find_archive([archive], IngestSettings(metadata=table))
    patients = {
        record.source: found.find_facts(number, header=Facts()).patient_id
        for number, record in enumerate(found.records)
    }
    assert patients == {
        "archive/part0/r000.dcm": "berta",
        "archive/part0/r000.hea": "anna",
        "archive/part1/r001": None,
    }
    assert found.account == (
        "--metadata: 2 of 3 rows are about a record that was found; 1 are not and say nothing (the first is line 4, "
        "'archive/no'); 1 of 3 records have no row"
    )
    secret = Deidentifier(b"a secret that is long enough")
    assert "(the first is line 4);" in find_archive([archive], IngestSettings(metadata=table), secret).account
    table.write_text("source,patient_id\narchive/part0/r000,anna\n")
    with pytest.raises(ReadError, match=r"'archive/part0/r000' may be archive/part0/r000\.dcm or .*: write the suffix"):
        find_archive([archive], IngestSettings(metadata=table))


def test_a_name_alone_is_enough_where_a_file_is_there_twice_by_overlapping_sources(make_archive, tmp_path):
    archive = make_archive(2)
    table = tmp_path / "mine.csv"
    table.write_text("ecg_id,patient_id\nr000,anna\n")
    found = find_archive([archive, archive / "part0"], IngestSettings(metadata=table))
    assert found.find_facts(0, header=Facts()).patient_id == "anna"


def test_nothing_is_said_of_a_table_that_fits(make_archive, tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("ecg_id,patient_id\nr000,anna\n")
    assert find_archive([make_archive(1)], IngestSettings(metadata=table)).account == ""
