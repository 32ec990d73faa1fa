import os
from pathlib import PosixPath

import h5py
import numpy as np
import pytest

from hemometric.errors import ReadError
from hemometric.formats import (
    Place,
    find_places_apart,
    list_parts_apart,
    read_ecg,
    read_ecg_apart,
    read_places_apart,
)


@pytest.fixture
def several(tmp_path):
    """Two ECGs in HDF5, as CODE-15 has them."""
    with h5py.File(tmp_path / "exams.hdf5", "w") as file:
        file["exam_id"] = [7, 8]
        file["tracings"] = np.random.default_rng(0).normal(size=(2, 4096, 12)).astype(np.float32)
    return tmp_path / "exams.hdf5"


def test_what_is_read_apart_is_what_is_read_here(several):
    assert list_parts_apart(several) == ("7", "8")
    one, other = read_ecg_apart(several, part="8"), read_ecg(several, part="8")
    np.testing.assert_array_equal(one.waveform, other.waveform)
    assert (one.ecg_id, one.sampling_rate_hz, one.notes) == (other.ecg_id, other.sampling_rate_hz, other.notes)


def test_a_refusal_comes_back_as_it_is(several, tmp_path):
    for path, part in ((several, "9"), (several, None), (tmp_path / "missing.hdf5", None)):
        with pytest.raises(ReadError) as here:
            read_ecg(path, part=part)
        with pytest.raises(ReadError) as there:
            read_ecg_apart(path, part=part)
        assert (str(there.value), there.value.code) == (str(here.value), here.value.code)


class Deadly(PosixPath):
    """A path that ends the process which it is sent to."""

    def __reduce__(self):
        return os.abort, ()


def test_a_file_that_ends_its_reader_is_an_error(several):
    with pytest.raises(ReadError, match=r"exams.hdf5: its reader came to no end: .*SIGABRT") as died:
        read_ecg_apart(Deadly(several), part="7")
    assert died.value.code == "worker-died"


def test_many_files_are_read_apart_in_order_and_one_that_ends_or_refuses_its_reader_costs_itself(several, tmp_path):
    deadly = Deadly(several)
    places = [
        *find_places_apart([several], n_workers=1),
        Place(deadly, "7", 2),
        Place(tmp_path / "missing.hea"),
        Place(tmp_path / "known.h5", problem=ReadError(tmp_path / "known.h5", "was found to be bad")),
        Place(several, "8", 2),
    ]
    first, second, died, missing, known, last = read_places_apart(places, n_workers=1)
    assert [one.ecg_id for one in (first, second, last)] == ["7", "8", "8"]
    np.testing.assert_array_equal(second.waveform, read_ecg(several, part="8").waveform)
    assert [error.code for error in (died, missing, known)] == ["worker-died", "missing", "unreadable"]
    assert str(died).startswith(f"{several}: its reader came to no end: ")


def test_a_file_whose_ecgs_cannot_be_listed_is_a_place_with_a_problem(several, tmp_path):
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    places = find_places_apart([Deadly(several), tmp_path / "broken.h5", tmp_path / "x.hea", several], n_workers=1)
    assert [(place.part, place.n_parts) for place in places] == [(None, 1)] * 3 + [("7", 2), ("8", 2)]
    assert [place.problem is None for place in places] == [False, False, True, True, True]
    assert places[0].problem.code == "worker-died"
    assert [place.name for place in places[2:4]] == [str(tmp_path / "x.hea"), f"{several}, part 7"]
