"""What a folder holds whose headers are almost those of an archive."""

import re
from collections.abc import Iterable
from pathlib import Path


def explain_headers(folders: Iterable[Path], name: re.Pattern[str]) -> str:
    """Say of the first folder of which only some headers are named as an archive names them how many are not, or ""."""
    for folder in folders:
        names = sorted(header.stem for header in folder.glob("*.hea"))
        others = [other for other in names if name.fullmatch(other) is None]
        if 0 < len(others) < len(names):
            named = len(names) - len(others)
            return f"of {len(names):,} headers in {folder.name}/ {named:,} are named so, and not {others[0]}.hea"
    return ""
