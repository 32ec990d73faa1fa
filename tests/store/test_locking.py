import pytest

from hemometric.errors import StoreError
from hemometric.store.locking import locked


def test_a_second_one_is_turned_away_and_the_file_goes_with_the_lock(tmp_path):
    path = tmp_path / "lock"
    with locked(path, what="the table"):
        assert path.exists()
        with (
            pytest.raises(StoreError, match="the table: another process is writing this"),
            locked(path, what="the table"),
        ):
            pytest.fail("two hold the lock")
    assert not path.exists()
    with locked(path, what="the table"):
        pass


def test_a_file_that_was_left_behind_is_no_lock(tmp_path):
    (tmp_path / "lock").write_bytes(b"")
    with locked(tmp_path / "lock", what="the table"):
        pass


def test_what_goes_wrong_under_the_lock_is_not_blamed_on_the_lock(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"), locked(tmp_path / "lock", what="the table"):
        (tmp_path / "elsewhere").read_bytes()
    assert not (tmp_path / "lock").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(StoreError, match="cannot be written"), locked(tmp_path / "no" / "lock", what="the table"):
        pass
