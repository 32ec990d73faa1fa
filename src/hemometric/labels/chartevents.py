"""Catheter values of icu/chartevents.csv(.gz) of MIMIC-IV, read as a stream: the file has over 300 million rows.

Items by number, from the item list of MIMIC-IV (icu/d_items). Cardiac output by bioreactance (NICOM), transpulmonary
dilution and pulse contour (PiCCO), arterial waveform and the flow of an Impella is counted and left out: it is not that
of a right-heart catheter. The column "warning" does not matter: a care provider set it for reasons that nobody knows,
and rows that were marked as errors were removed before MIMIC-IV was published (MIT-LCP/mimic-code issue 1002).
"""

import csv
import gzip
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv

from hemometric.datasets.mimic_iv_ecg import PATIENT_PREFIX
from hemometric.errors import LabelError
from hemometric.labels.moments import Moment, parse_moment
from hemometric.labels.units import find_unit
from hemometric.labels.values import CatheterTable, LabelReject, explain_implausible, label_row
from hemometric.progress import track
from hemometric.store import LABELS_SCHEMA
from hemometric.targets import TARGETS, Target

ITEMS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        223771: ("mpcwp", "PCWP"),
        226855: ("mpcwp", "PCWP mean at insertion of the catheter"),
        220061: ("mpap", "pulmonary artery pressure mean"),
        220074: ("rap", "central venous pressure"),
        220088: ("co", "thermodilution"),
        224842: ("co", "continuous thermodilution"),
    }
)
"""Item -> target and method."""
NOT_INVASIVE = (228369, 228368, 228178, 228177, 227543, 229897)
"""NICOM output and index, PiCCO output and index, output by the arterial waveform, flow of an Impella."""

_COLUMNS: Mapping[str, Any] = MappingProxyType(
    {
        "subject_id": pa.string(),
        "charttime": pa.string(),
        "itemid": pa.int64(),
        "valuenum": pa.float64(),
        "valueuom": pa.string(),
    }
)
_COLUMN_OF_MIMIC_III = "icustay_id"
_BLOCK_BYTES = 2**23
_MEBIBYTE = 2**20


def read_chartevents(path: Path) -> CatheterTable:
    """Read the catheter values of chartevents of MIMIC-IV; memory holds those and one block of the file.

    Patients are called "mimic-iv:10000032", as in a store of MIMIC-IV-ECG. A unit is converted as it is written; values
    without one, outside the plausible range of their target, or with an mPCWP of exactly 0 or 60 mmHg (a catheter that
    is being zeroed, the end of a scale) are left out, counted and listed.

    Args:
        path: chartevents.csv or chartevents.csv.gz.

    Raises:
        LabelError: The file cannot be read, is cut off, or is another table.
    """
    _check_header(path)
    reading = _Reading()
    for _ in track(_read_blocks(path, reading), total=_count_mebibytes(path), unit="MiB", title="catheter values"):
        pass
    if not reading.n_labels:
        reasons = (
            ", ".join(f"{reason} {count:,}" for reason, count in reading.dropped.most_common()) or "it has no rows"
        )
        raise LabelError(f"{path}: no catheter value can be used ({reasons}); is this icu/chartevents of MIMIC-IV?")
    return reading.to_table()


def describe_items() -> dict[str, str]:
    """What is read, for `attrition.json`: item -> target and method."""
    return {str(item): f"{target}: {method}" for item, (target, method) in ITEMS.items()}


class _Reading:
    """What was read so far.

    Attributes:
        dropped: Values that are not used, by reason.
        n_labels: Values that can be used.
        n_read: Rows.
    """

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self.n_labels = 0
        self.n_read = 0
        self._patients: set[str | None] = set()
        self._tables: list[pa.Table] = []
        self._rejects: list[LabelReject] = []

    def add(self, block: pa.RecordBatch) -> None:
        """Take the values out of a block of the file."""
        first_line = self.n_read + 2
        self.n_read += block.num_rows
        self._patients.update(pc.unique(block["subject_id"]).to_pylist())
        wanted = pc.is_in(block["itemid"], value_set=pa.array([*ITEMS, *NOT_INVASIVE], pa.int64()))
        places = pc.indices_nonzero(wanted)
        self.dropped["other-target"] += block.num_rows - len(places)
        rows: list[dict[str, object]] = []
        for place, event in zip(places.to_pylist(), block.take(places).to_pylist(), strict=True):
            self._add_event(event, first_line + place, rows)
        if rows:
            self._tables.append(pa.Table.from_pylist(rows, schema=LABELS_SCHEMA))
            self.n_labels += len(rows)

    def to_table(self) -> CatheterTable:
        """All of it."""
        return CatheterTable(
            labels=pa.concat_tables(self._tables).combine_chunks(),
            n_read=self.n_read,
            n_patients=len(self._patients - {None, ""}),
            dropped={reason: count for reason, count in self.dropped.items() if count},
            rejects=tuple(self._rejects),
        )

    def _add_event(self, event: Mapping[str, Any], line: int, rows: list[dict[str, object]]) -> None:
        if event["itemid"] in NOT_INVASIVE:
            self.dropped["not-invasive"] += 1
            return
        name, method = ITEMS[event["itemid"]]
        if event["valuenum"] is None or not math.isfinite(event["valuenum"]):
            self.dropped["no-value"] += 1
            return
        patient = f"{PATIENT_PREFIX}{event['subject_id']}" if event["subject_id"] else ""
        row, code, detail = _to_row(event, patient, TARGETS[name], method)
        if row is not None:
            rows.append(row)
            return
        self.dropped[code] += 1
        written = (patient, event["charttime"] or "", name, f"{event['valuenum']:.15g}", event["valueuom"] or "")
        self._rejects.append(LabelReject(line, *written, reason_code=code, detail=detail))


def _to_row(
    event: Mapping[str, Any], patient: str, target: Target, method: str
) -> tuple[dict[str, object] | None, str, str]:
    """Return a row of `LABELS_SCHEMA`, or None and why: a code and a sentence."""
    if not patient:
        return None, "no-patient", "the value has no patient"
    moment = _parse_time(event["charttime"])
    if moment is None:
        return None, "no-time", "charttime is no date with time"
    unit, value = event["valueuom"] or "", event["valuenum"]
    factor, problem = _find_factor(unit, target)
    if factor is None:
        return None, "unknown-unit", problem
    detail = explain_implausible(value * factor, target)
    if detail is None and target.name == "mpcwp" and value * factor in (target.low, target.high):
        detail = f"{value * factor:.6g} {target.unit} is not strictly between {target.low:g} and {target.high:g}"
    if detail is not None:
        return None, "implausible", detail
    row = label_row(
        patient_id=patient,
        moment=moment,
        target=target,
        original=value,
        unit=unit,
        factor=factor,
        method=f"{method} ({event['itemid']})",
    )
    return row, "", ""


@lru_cache(maxsize=1024)
def _find_factor(unit: str, target: Target) -> tuple[float | None, str]:
    """What turns a unit into that of the target; None and why, where nothing does."""
    try:
        return find_unit(unit, target)[1], ""
    except ValueError as error:
        return None, str(error)


def _parse_time(text: str | None) -> Moment | None:
    try:
        return parse_moment(text) if text else None
    except ValueError:
        return None


def _check_header(path: Path) -> None:
    """Refuse another table before hours are spent on it.

    Raises:
        LabelError: The file cannot be read, or lacks columns.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8-sig") if _is_gzip(path) else path.open(encoding="utf-8-sig") as file:
            headers: Sequence[str] = next(csv.reader(file), ())
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise LabelError(f"{path}: cannot be read ({reason}); expected icu/chartevents.csv(.gz) of MIMIC-IV") from error
    if _COLUMN_OF_MIMIC_III in map(str.casefold, headers):
        raise LabelError(
            f"{path}: has the column {_COLUMN_OF_MIMIC_III}, so it is of MIMIC-III, whose patients have other numbers; "
            "expected icu/chartevents.csv(.gz) of MIMIC-IV"
        )
    missing = [name for name in _COLUMNS if name not in headers]
    if missing:
        raise LabelError(
            f"{path}: lacks the columns {', '.join(missing)} of icu/chartevents of MIMIC-IV (it has "
            f"{', '.join(headers) or 'none'}); leave --layout away for a table of your own"
        )


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _read_blocks(path: Path, reading: _Reading) -> Iterator[None]:
    """Read the file into `reading`, yielding once for each MiB of it on the disk.

    Raises:
        LabelError: It is cut off or no such table.
    """
    read_options = pc_csv.ReadOptions(block_size=_BLOCK_BYTES)
    convert_options = pc_csv.ConvertOptions(
        column_types=dict(_COLUMNS), include_columns=list(_COLUMNS), strings_can_be_null=True
    )
    n_told = 0
    try:
        with pa.OSFile(str(path), "rb") as raw:
            stream = pa.CompressedInputStream(raw, "gzip") if _is_gzip(path) else raw
            with pc_csv.open_csv(stream, read_options=read_options, convert_options=convert_options) as blocks:
                for block in blocks:
                    reading.add(block)
                    n_now = raw.tell() // _MEBIBYTE
                    yield from (None for _ in range(n_told, n_now))
                    n_told = n_now
    except (OSError, pa.ArrowException) as error:
        raise LabelError(
            f"{path}: cannot be read on after row {reading.n_read:,} ({str(error).splitlines()[0]}); download it again"
        ) from error
    yield from (None for _ in range(n_told, _count_mebibytes(path)))


def _count_mebibytes(path: Path) -> int:
    return path.stat().st_size // _MEBIBYTE + 1
