import json
from pathlib import Path

import numpy as np
import pytest

from hemometric.formats.sizes import count_bytes, seconds_to_list, seconds_to_read


def write(path: Path, n_bytes: int) -> Path:
    """A file that says it is so large, and takes no space."""
    with path.open("wb") as file:
        file.truncate(n_bytes)
    return path


@pytest.mark.parametrize("suffix", [".dat", ".mat"])
def test_a_record_is_as_large_as_the_samples_beside_its_header(tmp_path: Path, suffix: str):
    write(tmp_path / f"x{suffix}", 10_000)
    assert count_bytes(write(tmp_path / "x.hea", 100)) == 10_100


def test_the_samples_of_a_record_may_have_another_name_or_lie_in_segments(tmp_path: Path):
    write(tmp_path / "other.dat", 7_000)
    (tmp_path / "x.hea").write_text("x 1 500 5000\nother.dat 16 200/mV 16 0 0 0 0 I\n")
    assert count_bytes(tmp_path / "x.hea") == 7_000 + (tmp_path / "x.hea").stat().st_size
    write(tmp_path / "s1.dat", 3_000)
    write(tmp_path / "s2.dat", 4_000)
    (tmp_path / "m.hea").write_text("m/2 12 500 10000\ns1 5000\ns2 5000\n")
    assert count_bytes(tmp_path / "m.hea") == 7_000 + (tmp_path / "m.hea").stat().st_size


def test_a_share_is_counted_of_a_file_that_holds_many(tmp_path: Path):
    file = write(tmp_path / "exams_part0.hdf5", 4 * 10**9)
    assert count_bytes(file, n_parts=20_000) == 200_000
    assert count_bytes(file) == 4 * 10**9


def test_an_array_that_may_have_to_be_unpacked_counts_as_a_whole_up_to_what_is_unpacked(tmp_path: Path):
    np.save(tmp_path / "x.npy", np.zeros(1000, dtype=np.float32))
    (tmp_path / "x.ecg.json").write_text(json.dumps({"file": "x.npy"}))
    n_bytes = (tmp_path / "x.npy").stat().st_size
    assert count_bytes(tmp_path / "x.ecg.json", n_parts=4) == n_bytes + n_bytes // 4
    write(tmp_path / "x.npy", 2**40)
    assert count_bytes(tmp_path / "x.ecg.json", n_parts=2**20) == 2**28 + 2**20


def test_what_is_damaged_or_not_there_has_no_size_and_is_no_error(tmp_path: Path):
    (tmp_path / "x.hea").write_bytes(b"x 1 5zz\n\xff")
    (tmp_path / "link.hea").symlink_to(tmp_path / "link.hea")
    assert count_bytes(tmp_path / "x.hea") == 9
    assert [count_bytes(tmp_path / name) for name in ("no.hea", "no.h5", "no.ecg.json", "link.hea")] == [0] * 4


def test_time_grows_with_size(tmp_path: Path):
    large = write(tmp_path / "holter.edf", 500 * 10**6)
    assert (seconds_to_read(large), seconds_to_list(large)) == (1000.0, 600.0)
    assert seconds_to_read(write(tmp_path / "small.edf", 1000)) < 0.01
