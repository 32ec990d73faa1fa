import socket

import pytest

from hemometric.__main__ import main
from hemometric.datasets import DATASETS
from hemometric.download import PROJECTS, download
from hemometric.download.projects import find_project
from hemometric.errors import DownloadError, SettingsError
from hemometric.progress import set_quiet

SAMPLES = "records500/00000/00002_hr.dat"


def fetch(mirror, out, **options):
    return download("ptb-xl", out=out, base_url=mirror.url, pause_s=0.0, **options)


def content_of(folder):
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found.pop("SHA256SUMS.txt")
    return found


def test_a_whole_archive_arrives_as_it_is(mirror, files, tmp_path):
    summary = fetch(mirror, tmp_path / "ptb-xl")
    assert content_of(tmp_path / "ptb-xl") == files
    assert (summary.n_chosen, summary.n_listed, summary.n_kept) == (len(files), len(files), 0)
    assert summary.n_bytes == sum(map(len, files.values()))
    assert "all as SHA256SUMS.txt says (0.6 MB received)" in summary.text()


@pytest.mark.parametrize(
    ("only", "wanted"),
    [
        (["records100"], ["records100/00000/00001_lr.dat"]),
        (["records500/*/*1_hr.*"], ["records500/00000/00001_hr.dat", "records500/00000/00001_hr.hea"]),
        (["records100/", "*3_hr.hea"], ["records100/00000/00001_lr.dat", "records500/00000/00003_hr.hea"]),
    ],
)
def test_a_choice_brings_the_table_of_patients_along(mirror, tmp_path, only, wanted):
    fetch(mirror, tmp_path, only=only)
    assert sorted(content_of(tmp_path)) == sorted([*wanted, "LICENSE.txt", "RECORDS", "ptbxl_database.csv"])


def test_a_pattern_that_chooses_nothing_says_what_there_is(mirror, tmp_path):
    with pytest.raises(
        SettingsError, match=r"--only 'record500' is none of the 11 files; there are .*records100/, rec"
    ):
        fetch(mirror, tmp_path / "out", only=["record500"])
    assert not (tmp_path / "out").exists()


def test_a_cut_file_goes_on_where_it_was_cut(mirror, files, tmp_path):
    mirror.cut[f"/ptb-xl/1.0.3/{SAMPLES}"] = 120_000
    fetch(mirror, tmp_path)
    assert content_of(tmp_path) == files
    asked = [wanted for path, wanted in mirror.asked if path.endswith(SAMPLES)]
    assert asked[0] is None
    assert 0 < int(asked[1].removeprefix("bytes=").removesuffix("-")) <= 120_000


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_is_resumed_and_good_files_are_kept(mirror, files, tmp_path, ranges):
    fetch(mirror, tmp_path)
    mirror.ranges = ranges
    (tmp_path / SAMPLES).unlink()
    (tmp_path / "records500/00000/.00002_hr.dat.part").write_bytes(files[SAMPLES][:70_000])
    (tmp_path / "RECORDS").write_bytes(b"damaged")
    mirror.asked.clear()
    with pytest.raises(SettingsError, match="is not empty; add --resume"):
        fetch(mirror, tmp_path)
    summary = fetch(mirror, tmp_path, resume=True)
    assert content_of(tmp_path) == files
    assert summary.n_kept == len(files) - 2
    assert summary.n_bytes == len(files[SAMPLES]) - 70_000 * ranges + 2
    assert {path.rpartition("/1.0.3/")[2] for path, _ in mirror.asked} == {"SHA256SUMS.txt", SAMPLES, "RECORDS"}


@pytest.mark.parametrize("part", [b"of another file", bytes(300_000)], ids=["short", "too long"])
def test_a_part_of_another_file_is_thrown_away(mirror, files, tmp_path, part):
    place = tmp_path / "records500/00000"
    place.mkdir(parents=True)
    (place / ".00002_hr.dat.part").write_bytes(part)
    fetch(mirror, tmp_path, resume=True)
    assert content_of(tmp_path) == files


def test_a_busy_server_is_asked_again(mirror, files, tmp_path):
    mirror.busy[f"/ptb-xl/1.0.3/{SAMPLES}"] = 2
    fetch(mirror, tmp_path)
    assert content_of(tmp_path) == files
    mirror.busy[f"/ptb-xl/1.0.3/{SAMPLES}"] = 99
    with pytest.raises(DownloadError, match=r"cannot be used \(the server answers 503"):
        fetch(mirror, tmp_path / "second")


def test_wrong_and_lacking_files_are_named_and_the_others_are_kept(mirror, files, tmp_path):
    mirror.files[f"/ptb-xl/1.0.3/{SAMPLES}"] = b"something else"
    del mirror.files["/ptb-xl/1.0.3/LICENSE.txt"]
    with pytest.raises(DownloadError) as caught:
        fetch(mirror, tmp_path)
    message = str(caught.value)
    assert message.startswith("2 of 11 files cannot be had, the others are here: ")
    assert f"{SAMPLES}: does not have the SHA-256" in message
    assert "LICENSE.txt: is not there (404)" in message
    good = {path: content for path, content in files.items() if path not in (SAMPLES, "LICENSE.txt")}
    assert content_of(tmp_path) == good


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<html>not found</html>", "line 1 is '<html>not found</html>', expected a SHA-256 and a path"),
        ("a" * 64 + " ../secret", "names '../secret', which leads out of the folder"),
        ("a" * 64 + " /etc/passwd", "leads out of the folder"),
        ("a" * 64 + " a/../../b", "leads out of the folder"),
        ("a" * 64 + " C:\\x", "leads out of the folder"),
        ("", "names no file"),
    ],
)
def test_a_list_that_is_none_or_leads_elsewhere_is_refused_before_anything_is_written(mirror, tmp_path, text, message):
    mirror.files["/ptb-xl/1.0.3/SHA256SUMS.txt"] = text.encode()
    with pytest.raises(DownloadError) as caught:
        fetch(mirror, tmp_path / "out")
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_without_a_server_one_line_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("hemometric.download.transfer._ATTEMPTS", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert main(["download", "ptbdb", "--out", str(tmp_path / "out"), "--base-url", url]) == 2
    heard = capsys.readouterr().err
    assert heard.count("\n") == 1
    assert f"{url}/ptbdb/1.0.0/SHA256SUMS.txt: the server cannot be used (it refuses the connection)" in heard
    assert "--base-url" in heard
    assert not (tmp_path / "out").exists()


def test_an_address_that_is_no_mirror_says_so(mirror, tmp_path):
    with pytest.raises(DownloadError, match=r"is not there \(404\); is the --base-url right"):
        download("ptbdb", out=tmp_path, base_url=mirror.url, pause_s=0.0)
    with pytest.raises(SettingsError, match="expected an address that begins with http://"):
        download("ptbdb", out=tmp_path, base_url="mirror.example")


def test_the_mirror_may_stand_in_the_environment(mirror, files, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HEMOMETRIC_DOWNLOAD_URL", f"{mirror.url}/")
    assert main(["download", "ptb-xl", "--out", str(tmp_path / "x"), "--only", "records100"]) == 0
    assert "4 of the 11 files of ptb-xl 1.0.3" in capsys.readouterr().out
    assert (tmp_path / "x" / "records100/00000/00001_lr.dat").read_bytes() == files["records100/00000/00001_lr.dat"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("ptbxl", "did you mean 'ptb-xl'"), ("chapman", "those that anybody may download are ptb-xl")],
)
def test_an_unknown_archive_lists_the_known_ones(tmp_path, capsys, name, message):
    assert main(["download", name, "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("mimic-iv", "credentialed users: get an account at https://physionet.org"),
        ("MIMICIV", "its ECGs are open: mimic-iv-ecg"),
        ("echonext", "is restricted: sign its agreement"),
        ("code-15", "lies at https://doi.org/10.5281/zenodo.4916206"),
        ("heedb", "credentialed users of https://bdsp.io"),
        ("muse-directory", "nobody publishes them"),
        ("ml4h-hdf5", "nobody publishes them"),
    ],
)
def test_an_archive_that_cannot_be_fetched_here_says_where_it_is(tmp_path, capsys, name, advice):
    assert main(["download", name, "--out", str(tmp_path / "out")]) == 2
    heard = capsys.readouterr().err
    assert f"{name} cannot be fetched: it " in heard
    assert advice in heard
    assert heard.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_every_dataset_can_be_fetched_or_says_where_it_is():
    for name in DATASETS.keys() - PROJECTS.keys():
        with pytest.raises(SettingsError, match=f"{name} cannot be fetched"):
            find_project(name)


def test_licence_and_size_are_said_before_the_first_file(mirror, tmp_path, capsys):
    set_quiet(False)
    try:
        fetch(mirror, tmp_path, only=["records100"])
    finally:
        set_quiet(True)
    heard = capsys.readouterr().err
    terms = "ptb-xl 1.0.3: about 3 GB in all; Creative Commons Attribution 4.0, see LICENSE.txt"
    assert terms in heard
    assert heard.index(terms) < heard.index("4 of 11 files from")


def test_a_part_of_mimic_iv_ecg_comes_with_its_list_of_records(mirror, tmp_path):
    record = "files/p1000/p10000032/s40689238/40689238.hea"
    other = "files/p1001/p10010032/s40689239/40689239.hea"
    files = {record: b"1", other: b"2", "record_list.csv": b"3", "RECORDS": b"4", "machine_measurements.csv": b"5"}
    mirror.publish("/mimic-iv-ecg/1.0", files)
    download("mimic-iv-ecg", out=tmp_path, only=["files/p1000"], base_url=mirror.url, pause_s=0.0)
    assert sorted(content_of(tmp_path)) == ["RECORDS", record, "record_list.csv"]


def test_a_file_in_place_of_the_folder_is_refused(mirror, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="is a file"):
        fetch(mirror, tmp_path / "file")


def test_a_disk_that_cannot_be_written_is_named(mirror, tmp_path):
    (tmp_path / "records500").write_text("a file where a folder is to be")
    with pytest.raises(DownloadError, match="cannot be written"):
        fetch(mirror, tmp_path, resume=True)


def test_the_help_names_every_archive(capsys):
    assert main(["download", "--help"]) == 0
    heard = capsys.readouterr().out
    assert all(name in heard for name in PROJECTS)
