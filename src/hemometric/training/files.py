"""Files of a run that are there as a whole or not at all, whatever interrupts the writing."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from hemometric.errors import RunError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, wait until it is on the disk, and put it there in one step.

    Raises:
        RunError: The disk is full or not writable.
    """
    aside = beside(path)
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise RunError(
            f"{path}: cannot be written ({error.strerror or error}); free space or mend the permissions, then go on "
            "with --resume"
        ) from error


def beside(path: Path) -> Path:
    """Where a file is written before it is put in its place; left behind by a run that was killed just then."""
    return path.with_name(f".{path.name}.writing")


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON file; NaN and infinity are refused, since JSON has neither."""
    write_whole(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RunError: It is missing, unreadable or no object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path}: missing") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise RunError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def write_checkpoint(path: Path, content: Mapping[str, object]) -> None:
    """Write tensors and plain containers, so that they can be read with `weights_only`."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    write_whole(path, buffer.getvalue())


def read_checkpoint(path: Path, *, device: torch.device) -> dict[str, Any] | None:
    """Read a checkpoint, or return None where there is none yet. Nothing but tensors and plain containers is loaded.

    Raises:
        RunError: It cannot be read.
    """
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise RunError(f"{path}: is not a checkpoint ({error}); remove the run and start again") from error
    return content
