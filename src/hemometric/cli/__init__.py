"""The command line: each command calls one function of the library. Heavy imports happen inside the commands."""

from collections.abc import Sequence

from hemometric.cli import archives, care, download, labelling, learning, neighborhood, showing, studying
from hemometric.cli.app import app

__all__ = ["app", "archives", "care", "download", "labelling", "learning", "neighborhood", "run", "showing", "studying"]


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status; errors of hemometric are left to the caller."""
    try:
        app(args=list(arguments))
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    return 0
