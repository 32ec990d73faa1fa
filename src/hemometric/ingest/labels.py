"""Catheter values that come with the records of an archive: what becomes `labels.parquet` when ingest is done.

They are collected at the end, from the records that were accepted, so that a run that was killed and resumed ends with
the same bytes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hemometric.deidentification import Deidentifier
from hemometric.errors import ReadError
from hemometric.ingest.archive import Archive
from hemometric.labels.archive_values import RecordValue, check_values
from hemometric.labels.discretion import move_dates
from hemometric.labels.reject_file import encode_label_rejects
from hemometric.labels.values import LabelReject
from hemometric.store.tables import LABEL_REJECTS


@dataclass(frozen=True, slots=True)
class ArchiveLabels:
    """What ingest adds to a store.

    Attributes:
        labels: `LABELS_SCHEMA`, or None where no value can be used.
        files: Name -> content: `label_rejects.csv` where an archive brings values, used or not.
    """

    labels: pa.Table | None
    files: Mapping[str, bytes]


def collect_labels(
    archive: Archive, *, shards: Iterable[Path], units: Mapping[str, str], deidentifier: Deidentifier | None
) -> ArchiveLabels:
    """Read the catheter values that come with the accepted records.

    Args:
        archive: What was ingested.
        shards: The tables of the finished shards.
        units: Unit as written -> the unit in which such values are in truth; see `check_values`.
        deidentifier: Moves dates exactly as it did for the ECGs.
    """
    if not archive.has_values:
        return ArchiveLabels(None, {})
    damaged: list[LabelReject] = []
    found = list(_read_values(archive, _find_patients(shards), damaged))
    table = check_values(found, units=units, damaged=damaged)
    if not table.n_read:
        return ArchiveLabels(None, {})
    if deidentifier is not None:
        table = move_dates(table, deidentifier)
    labels = table.labels if table.labels.num_rows else None
    return ArchiveLabels(labels, {LABEL_REJECTS: encode_label_rejects(table.rejects)})


def _find_patients(shards: Iterable[Path]) -> dict[str, str]:
    """Accepted records: name in the store -> patient as the store knows it."""
    patients: dict[str, str] = {}
    for shard in shards:
        table = pq.read_table(shard, columns=["source", "patient_id"])
        for source, patient in zip(table["source"].to_pylist(), table["patient_id"].to_pylist(), strict=True):
            patients[source.rpartition("#")[0]] = patient
    return patients


def _read_values(archive: Archive, patients: Mapping[str, str], damaged: list[LabelReject]) -> Iterator[RecordValue]:
    """Yield the values of all accepted records, in order; what cannot be read is added to `damaged`."""
    for number, record in enumerate(archive.records):
        patient = patients.get(record.source)
        if patient is None:
            continue
        try:
            values = archive.find_values(number)
        except (ReadError, OSError) as error:
            code, reason = (error.code, error.reason) if isinstance(error, ReadError) else ("unreadable", str(error))
            detail = f"{reason}; with record {record.source}"
            damaged.append(LabelReject(0, patient, "", "", "", "", reason_code=code, detail=detail))
            continue
        for value in values:
            yield RecordValue(patient, record.source, value)
