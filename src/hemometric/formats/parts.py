"""What to say where a file that holds several ECGs does not hold the one that is asked for."""

import difflib
from collections.abc import Collection
from itertools import islice
from pathlib import Path

from hemometric.errors import ReadError

_COMPARED = 1000


def no_such_part(path: Path, part: str, parts: Collection[str]) -> ReadError:
    """Return the error, with the nearest part that there is.

    Args:
        path: The file.
        part: What is asked for.
        parts: The names of the ECGs of the file.
    """
    near = difflib.get_close_matches(part, islice(parts, _COMPARED), n=1)
    first = next(iter(parts), None)
    meant = f"did you mean {near[0]!r}?" if near else f"the first of its {len(parts):,} ECGs is {first!r}"
    return ReadError(path, f"holds no ECG {part!r}; {meant}", code="no-such-part")
