"""link and split as a user calls them."""

import pytest

from hemometric.__main__ import main
from hemometric.store import Store
from hemometric.targets import forget_targets

TARGETS = '[ef]\ntitle = "ejection fraction"\nunit = "%"\nrange = [5, 90]\nevents = ["< 40"]\n'
WIDE = "MRN;day;LVEF;PCWP\np0000;01.01.2020;55;12,5\np0001;02.01.2020;950;14\n"
LAYOUT = ["--columns", "patient_id=MRN,measured_at=day", "--date-format", "%d.%m.%Y", "--decimal-comma"]


@pytest.fixture(autouse=True)
def _nothing_defined():
    forget_targets()
    yield
    forget_targets()


@pytest.fixture
def archive(write_labelled_store, tmp_path):
    (tmp_path / "targets.toml").write_text(TARGETS)
    (tmp_path / "wide.csv").write_text(WIDE)
    return write_labelled_store(tmp_path / "archive", n_patients=12).path


def test_a_wide_table_with_a_target_of_ones_own_is_linked_and_the_account_is_printed(archive, capsys):
    values = ["--column", "ef=LVEF:%", "--column", "mpcwp=PCWP:mmHg"]
    table = ["--labels", str(archive.parent / "wide.csv"), "--targets", str(archive.parent / "targets.toml")]
    assert main(["link", str(archive), *table, *LAYOUT, *values]) == 0
    said = capsys.readouterr().out
    assert "4 read, 3 linked within 24 h; left out: patient not in the store 0, implausible 1" in said
    assert "attrition.json, gaps.png, label_rejects.csv" in said
    assert Store.open(archive).links()["target"].to_pylist() == ["ef", "mpcwp", "mpcwp"]
    assert main(["link", str(archive), "--window-hours", "48", "--side", "before"]) == 0
    assert "certainly before the catheterisation" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["link", "--units", "mpcwp=mmHg"], "name it with --labels CSV"),
        (["link", "--side", "befor"], "'befor' is not one of 'before', 'after', 'both'"),
        (["link", "--labels", "wide.csv", "--column", "ef=LVEF:%"], "--column: unknown target 'ef'"),
        (["split"], "say --by hash, time or site, or --from CSV"),
        (["split", "--by", "hash", "--from", "x.csv"], "one of them"),
        (["split", "--by", "time"], "--by time needs --train-until DATE"),
        (["split", "--by", "site", "--test", "a"], "--by site needs --column NAME"),
        (["split", "--by", "hash", "--train-until", "2020-01-01"], "--train-until belongs to --by time"),
        (["split", "--from", "nowhere.csv"], "nowhere.csv: not a readable CSV"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_status_2(archive, arguments, said, capsys):
    command, *options = arguments
    before = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    assert main([command, str(archive), *options]) == 2
    heard = capsys.readouterr().err
    assert said in heard
    assert "Traceback" not in heard
    assert {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()} == before


def test_patients_are_split_in_time_by_site_by_a_table_and_by_hash_again(archive, capsys):
    rules = [
        (["--by", "time", "--train-until", "2020-01-02", "--of", "first"], "split by time"),
        (["--by", "site", "--column", "ecg_id", "--test", "0000-0, 0000-1"], "split by site"),
        (["--from", str(archive / "splits.csv")], "split by table"),
        (["--by", "hash"], "split by hash"),
    ]
    for options, said in rules:
        assert main(["split", str(archive), *options]) == 0
        assert said in capsys.readouterr().out
    assert not (archive / "splits.csv").exists()
