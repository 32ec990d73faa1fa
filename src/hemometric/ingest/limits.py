"""What reading a record may take."""

from typing import TYPE_CHECKING

from hemometric.formats import seconds_to_list, seconds_to_read
from hemometric.ingest.settings import IngestSettings
from hemometric.workers import Limits

if TYPE_CHECKING:
    from hemometric.ingest.archive import Record

MOST_MEMORY_BYTES = 2**32
"""Reading a record may take so much memory."""


def limits_of(settings: IngestSettings) -> Limits:
    """Of reading one record, be it a file or an ECG of a file: a large one may take longer than the settings say."""
    return Limits(seconds=settings.seconds_per_file, memory_bytes=MOST_MEMORY_BYTES, more_seconds=_seconds_to_read)


def limits_to_list(settings: IngestSettings) -> Limits:
    """Of naming the ECGs of one file."""
    return Limits(seconds=settings.seconds_per_file, memory_bytes=MOST_MEMORY_BYTES, more_seconds=seconds_to_list)


def _seconds_to_read(record: "Record") -> float:
    return seconds_to_read(record.path, n_parts=record.n_parts)
