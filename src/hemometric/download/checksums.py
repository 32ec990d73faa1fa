"""The list of files and hashes that comes with a project: `SHA256SUMS.txt`."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from hemometric.errors import DownloadError, SettingsError

SUMS = "SHA256SUMS.txt"
_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(.+)")
_SHOWN = 8
_BLOCK_BYTES = 2**20


def parse_sums(text: str, *, where: str) -> dict[str, str]:
    """Return the SHA-256 of each file by its path.

    Args:
        text: Lines "hash path", paths relative with "/".
        where: For the error.

    Raises:
        DownloadError: A line is something else, or a path leads out of the folder, so that nothing is written there.
    """
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise DownloadError(
                f"{where}: line {number} is {line[:60]!r}, expected a SHA-256 and a path; is it a mirror?"
            )
        path = match.group(2)
        if not _lies_within(path):
            raise DownloadError(
                f"{where}: line {number} names {path[:60]!r}, which leads out of the folder: not written"
            )
        found[path] = match.group(1).lower()
    found.pop(SUMS, None)
    if not found:
        raise DownloadError(f"{where}: names no file; is it a mirror of PhysioNet's files?")
    return found


def choose(sums: Mapping[str, str], only: Sequence[str], *, needed: Sequence[str]) -> list[str]:
    """Return the paths that are wanted, sorted.

    Args:
        sums: All files.
        only: Patterns such as "records500/00000/*" ("*" goes over "/"), or folders; all files where there are none.
        needed: Files that come with any choice, where the project has them.

    Raises:
        SettingsError: A pattern chooses nothing.
    """
    if not only:
        return sorted(sums)
    chosen = {path for path in needed if path in sums}
    for pattern in only:
        found = {path for path in sums if fnmatchcase(path, pattern) or path.startswith(pattern.rstrip("/") + "/")}
        if not found:
            tops = sorted({path.partition("/")[0] + ("/" if "/" in path else "") for path in sums})
            shown = ", ".join(tops[:_SHOWN]) + (f" and {len(tops) - _SHOWN:,} more" if len(tops) > _SHOWN else "")
            raise SettingsError(f"--only {pattern!r} is none of the {len(sums):,} files; there are {shown}")
        chosen |= found
    return sorted(chosen)


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            found.update(block)
    return found.hexdigest()


def _lies_within(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return (
        path.isprintable()
        and "\\" not in path
        and ":" not in path.partition("/")[0]
        and not path.startswith("/")
        and ".." not in parts
        and not parts[-1].endswith(".part")
    )
