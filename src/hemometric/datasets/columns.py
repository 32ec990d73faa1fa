"""The first line of the tables by which archives are recognised."""

import csv
from collections.abc import Sequence
from pathlib import Path


def has_columns(path: Path, columns: Sequence[str]) -> bool:
    """Say whether a CSV file is there and has at least these columns."""
    return set(columns) <= set(_read_first_line(path))


def explain_columns(path: Path, columns: Sequence[str]) -> str:
    """Say what a CSV file lacks of these columns, one sentence; "" where it is not there or lacks none."""
    there = _read_first_line(path)
    lacking = [name for name in columns if name not in there]
    if not lacking or not path.is_file():
        return ""
    found = f"it has {', '.join(there)[:160]}" if there else "it is no CSV in UTF-8"
    return f"{path.name} is there and lacks {', '.join(lacking)} ({found})"


def _read_first_line(path: Path) -> list[str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            return next(csv.reader(stream), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
