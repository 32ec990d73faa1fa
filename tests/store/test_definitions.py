import pytest

from hemometric.errors import SettingsError, StoreError
from hemometric.store import Store
from hemometric.store.definitions import encode_targets, read_targets
from hemometric.targets import Event, Target, find_target, forget_targets

EF = Target("ef", "ejection fraction", "%", 5.0, 90.0, (Event("ef", "<", 40.0),), 0, {"fraction": 100.0})
BNP = Target("bnp", "natriuretic peptide", "pg/mL", 1.0, 1e5, (Event("bnp", ">", 100.0),))


@pytest.fixture(autouse=True)
def _nothing_defined():
    forget_targets()
    yield
    forget_targets()


def test_targets_survive_the_way_to_the_file_and_back(tmp_path):
    (tmp_path / "targets.json").write_bytes(encode_targets([EF, BNP]))
    assert read_targets(tmp_path) == (BNP, EF)
    assert encode_targets([BNP, EF]) == encode_targets([EF, BNP])


def test_a_store_that_defines_nothing_has_none(tmp_path):
    assert read_targets(tmp_path) == ()


def test_opening_a_store_makes_its_targets_known(make_store):
    path, _ = make_store()
    (path / "targets.json").write_bytes(encode_targets([EF]))
    with pytest.raises(SettingsError):
        find_target("ef")
    Store.open(path)
    assert find_target("ef") == EF


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no", "Invalid JSON"),
        (b'[{"name": "ef"}]', "0.title: Field required"),
        (encode_targets([EF]).replace(b'"high": 90.0', b'"high": 1.0'), "two rising finite numbers"),
        (encode_targets([EF]).replace(b'"<"', b'"="'), "direction"),
    ],
)
def test_a_file_that_defines_no_targets_is_refused(tmp_path, content, message):
    (tmp_path / "targets.json").write_bytes(content)
    with pytest.raises(StoreError, match=message):
        read_targets(tmp_path)
