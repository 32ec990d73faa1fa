"""Targets of a user's own in a store: `targets.json`, so that every later step knows them without being told again."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from hemometric.errors import StoreError
from hemometric.targets import Target

TARGETS_FILE = "targets.json"
_ADAPTER = TypeAdapter(tuple[Target, ...])


def encode_targets(targets: Sequence[Target]) -> bytes:
    """The bytes of `targets.json`, in order of the names."""
    ordered = tuple(sorted(targets, key=lambda target: target.name))
    return _ADAPTER.dump_json(ordered, indent=1) + b"\n"


def read_targets(store: Path) -> tuple[Target, ...]:
    """Read the targets that a store defines; none where it has no `targets.json`.

    Raises:
        StoreError: The file cannot be read or holds something else.
    """
    path = store / TARGETS_FILE
    if not path.exists():
        return ()
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "content"
        raise StoreError(
            f"{path}: {where}: {first['msg']}; restore it, or link again with hemometric link --targets"
        ) from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror or error}); restore it") from error
