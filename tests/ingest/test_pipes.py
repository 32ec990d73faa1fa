"""A named pipe among the files: to open it would wait for its other end for ever."""

import os
import subprocess
import sys

import pytest

from hemometric.errors import ReadError
from hemometric.formats import read_ecg_apart
from hemometric.formats.sizes import seconds_to_read
from hemometric.formats.wfdb_header import read_header

INGEST = """
import sys
from hemometric.ingest import IngestSettings, ingest

ingest([sys.argv[1]], out=sys.argv[2], settings=IngestSettings(workers=int(sys.argv[3])))
"""
PIPES = ("A0001.hea", "b.hea", "c.xml")


@pytest.fixture
def archive(make_archive):
    """Two good records and the pipes, the first of which is called as a record of a public archive."""
    folder = make_archive(2)
    for name in PIPES:
        os.mkfifo(folder / name)
    return folder


@pytest.mark.parametrize("workers", [0, 1])
def test_a_pipe_that_is_called_as_an_ecg_is_a_rejected_record(tmp_path, archive, workers):
    command = [sys.executable, "-c", INGEST, str(archive), str(tmp_path / "store"), str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "store" / "rejects.csv").read_text().splitlines()[1:] == [
        f"archive/{name},not-an-ecg,is not an ordinary file" for name in ("A0001", "b", "c")
    ]


@pytest.mark.parametrize("act", [read_ecg_apart, read_header])
def test_a_pipe_is_refused_unopened(archive, act):
    with pytest.raises(ReadError, match="not an ordinary file"):
        act(archive / PIPES[0])


def test_a_pipe_says_nothing_of_the_time_it_takes(archive):
    assert seconds_to_read(archive / PIPES[0]) == 0
