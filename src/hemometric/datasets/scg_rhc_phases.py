"""What SCG-RHC measured after the baseline, and when: two tables in meta_information.

RHC_values.csv has a row for each phase of a catheterisation: "Study ID" (TRM107.RHC1), "RHC Phase" ("Baseline" or
another, a vasodilator as a rule), "PCWM", "PAM". PAM_PCWP_timestamp_in_TBME.json says when wedge and pulmonary artery
were measured under the infusion: record -> "PCW_VI", "PA_VI" -> "datetime", a time of the day ("10:12:30 "). It lacks
some records and some times. The baseline is that of the JSON beside the record.
"""

import csv
import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemometric.datasets.facts import CatheterValue
from hemometric.errors import ReadError

FOLDER = "meta_information"
VALUES = f"{FOLDER}/RHC_values.csv"
TIMES = f"{FOLDER}/PAM_PCWP_timestamp_in_TBME.json"

_STUDY, _PHASE = "Study ID", "RHC Phase"
_MEASURED = (("mpcwp", "PCWM", "PCW_VI"), ("mpap", "PAM", "PA_VI"))
"""Target, column of the values, name of the time."""
_LONGEST = datetime.timedelta(hours=6)
"""From the begin of a record; a catheterisation does not take longer."""
_MOST_BYTES = 2**22


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase after the baseline.

    Attributes:
        name: As written ("Nitroprusside").
        texts: Column -> value as written.
        clocks: Name of the time -> time of the day as written; empty where another phase may be meant.
    """

    name: str
    texts: Mapping[str, str]
    clocks: Mapping[str, str]


def list_tables(root: Path) -> tuple[Path, ...]:
    """Return those of the two tables that are there."""
    return tuple(path for path in (root / VALUES, root / TIMES) if path.is_file())


def read_phases(root: Path) -> dict[str, tuple[Phase, ...]]:
    """Return the phases after the baseline of each record, by its name ("TRM107-RHC1"); nothing without RHC_values.csv.

    Raises:
        ReadError: A table is damaged or another one ("metadata").
    """
    if not (root / VALUES).is_file():
        return {}
    later = [row for row in _read_values(root / VALUES) if row[_PHASE].strip().casefold() != "baseline"]
    clocks = _read_clocks(root / TIMES) if (root / TIMES).is_file() else {}
    found: dict[str, list[Phase]] = {}
    for row in later:
        record = row[_STUDY].strip().replace(".", "-")
        if record:
            texts = {column: row[column].strip() for _, column, _ in _MEASURED}
            found.setdefault(record, []).append(Phase(row[_PHASE].strip(), texts, clocks.get(record, {})))
    return {
        record: tuple(phases) if len(phases) == 1 else tuple(Phase(phase.name, phase.texts, {}) for phase in phases)
        for record, phases in found.items()
    }


def find_phase_values(phases: tuple[Phase, ...], *, started_at: str | None) -> tuple[CatheterValue, ...]:
    """Return mpcwp and mpap of phases after the baseline; `measured_at` is None where nobody says when it was.

    Args:
        phases: Of one record.
        started_at: Begin of the record, ISO 8601, or None.
    """
    values = []
    for phase in phases:
        for target, column, clock in _MEASURED:
            text = phase.texts[column]
            if any(letter.isdigit() for letter in text):
                values.append(
                    CatheterValue(
                        target=target,
                        text=text,
                        value=_to_number(text),
                        unit="mmHg",
                        measured_at=_find_moment(started_at, phase.clocks.get(clock, "")),
                        method=f"right-heart catheter: {column}, {phase.name or 'not the baseline'}",
                    )
                )
    return tuple(values)


def _read_values(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
            reader = csv.DictReader(stream, restval="")
            rows = [{(name or "").strip(): text or "" for name, text in row.items()} for row in reader]
    except (OSError, csv.Error, AttributeError) as error:
        raise ReadError(path, f"cannot be read as CSV ({error}); download it again", code="metadata") from error
    lacking = [name for name in (_STUDY, _PHASE, "PCWM", "PAM") if not rows or name not in rows[0]]
    if lacking:
        reason = (
            f"lacks the columns {', '.join(lacking)}; download it again, or move it away to read the baseline alone"
        )
        raise ReadError(path, reason, code="metadata")
    return rows


def _read_clocks(path: Path) -> dict[str, dict[str, str]]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ReadError(path, f"larger than {_MOST_BYTES >> 20} MiB, expected a small JSON", code="metadata")
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ReadError(path, f"not a readable JSON ({error}); download it again", code="metadata") from error
    if not isinstance(content, dict):
        raise ReadError(path, f"holds {type(content).__name__}, expected an object", code="metadata")
    return {str(record): _read_record_clocks(said) for record, said in content.items()}


def _read_record_clocks(said: Any) -> dict[str, str]:  # noqa: ANN401  (whatever the JSON holds)
    entries = said.items() if isinstance(said, dict) else ()
    return {
        str(name): entry["datetime"].strip()
        for name, entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("datetime"), str)
    }


def _to_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _find_moment(started_at: str | None, clock: str) -> str | None:
    """The first time after the begin of the record at which a clock shows this."""
    try:
        start = datetime.datetime.fromisoformat(started_at or "")
        shown = datetime.datetime.combine(start.date(), datetime.datetime.strptime(clock, "%H:%M:%S").time())
        at = shown if shown >= start else shown + datetime.timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return at.isoformat() if "T" in (started_at or "") and at - start <= _LONGEST else None
