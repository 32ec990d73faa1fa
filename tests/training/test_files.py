"""Files are there as a whole or not at all."""

import pickle

import pytest
import torch

from hemometric.errors import RunError
from hemometric.training.files import read_checkpoint, read_json, write_checkpoint, write_json, write_whole

CPU = torch.device("cpu")


def test_a_file_appears_as_a_whole_and_leaves_nothing_beside_it(tmp_path):
    write_whole(tmp_path / "a", b"one")
    write_whole(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(RunError, match="cannot be written"):
        write_whole(tmp_path / "no" / "a", b"one")


def test_json_is_an_object_without_nan(tmp_path):
    write_json(tmp_path / "a.json", {"x": [1, None]})
    assert read_json(tmp_path / "a.json") == {"x": [1, None]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    for content, message in (("[]", "expected a JSON object"), ("{", "cannot be read")):
        (tmp_path / "b.json").write_text(content)
        with pytest.raises(RunError, match=message):
            read_json(tmp_path / "b.json")
    with pytest.raises(RunError, match="missing"):
        read_json(tmp_path / "c.json")


def test_a_checkpoint_reads_back(tmp_path):
    path = tmp_path / "a.pt"
    assert read_checkpoint(path, device=CPU) is None
    write_checkpoint(path, {"step": 3, "weights": {"w": torch.arange(3.0)}})
    found = read_checkpoint(path, device=CPU)
    assert found is not None
    assert found["step"] == 3
    assert torch.equal(found["weights"]["w"], torch.arange(3.0))


class _Evil:
    def __reduce__(self):
        return (eval, ("1 + 1",))


def test_a_checkpoint_with_code_is_refused(tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"x": _Evil()}, path)
    with pytest.raises(RunError, match="not a checkpoint"):
        read_checkpoint(path, device=CPU)
    path.write_bytes(pickle.dumps(_Evil()))
    with pytest.raises(RunError, match="not a checkpoint"):
        read_checkpoint(path, device=CPU)
