"""A copy of the code in which mistakes can be made."""

import multiprocessing
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

from validation.mistakes.changes import CODE, ROOT, Change, make_change

_COPIED = ("src", "tests", "validation", "configs")
_PRELOADED = ["numba", "pyarrow.parquet", "pydantic", "pytest", "scipy.stats", "sklearn.metrics", "torch._dynamo"]
"""Each test runs in a process of its own, forked from one that has read these: four of its five seconds."""

_OTHER_CODE = 97
_SEEN = re.compile(r"^\S+\.py:\d+: (AssertionError|Failed)$", re.MULTILINE)
"""How pytest tells a test that saw something from one that the change merely broke."""


@dataclass(frozen=True, slots=True)
class Done:
    """How pytest ended: its status (0 all passed, 1 some failed), and what it said."""

    status: int | None
    said: str


class CopiedCode:
    """The package and its tests, copied into an empty folder.

    Args:
        folder: Where to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        for name in _COPIED:
            shutil.copytree(ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy2(ROOT / "pyproject.toml", self.folder)

    def run_tests(self, tests: Sequence[str]) -> Done:
        """Run tests of the copy, by their names for pytest.

        Raises:
            ValueError: They import another hemometric than the copied one.
        """
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        output = self.folder / "said.txt"
        process = context.Process(target=_run_pytest, args=(self.folder, output, list(tests)))
        process.start()
        process.join()
        if process.exitcode == _OTHER_CODE:
            raise ValueError(f"the tests in {self.folder} import another hemometric than the one beside them")
        return Done(process.exitcode, output.read_text(encoding="utf-8"))

    def explain_unseen(self, change: Change) -> str | None:
        """Make a change, run its test, and undo it; say why it counts as not seen, or None where the test saw it.

        Raises:
            ValueError: The change cannot be made.
        """
        path = self.folder / CODE / change.file
        right = path.read_bytes()
        wrong = make_change(change, right.decode())
        try:
            path.write_text(wrong, encoding="utf-8")
            _forget_bytecode(path)
            done = self.run_tests([change.test])
        finally:
            path.write_bytes(right)
            _forget_bytecode(path)
        if done.status == 1 and _SEEN.search(done.said):
            return None
        ended = "passes" if done.status == 0 else f"ends with status {done.status}:\n{done.said[-1500:]}"
        return f"mistake {change.number} ({change.what}; {change.made}): {change.test} {ended}"


def _forget_bytecode(path: Path) -> None:
    """Python tells a changed file by its second and its size, and both may be as before."""
    Path(cache_from_source(str(path))).unlink(missing_ok=True)


def _run_pytest(folder: Path, output: Path, tests: list[str]) -> None:
    """Run in a new process: tests of the code in `folder`, what they say into `output`."""
    os.chdir(folder)
    os.environ |= {"PYTHONPATH": str(folder / "src"), "NUMBA_CACHE_DIR": str(folder / "kernels")}
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.path[:] = [str(folder / "src"), *(place for place in sys.path if place not in ("", str(ROOT)))]
    with output.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    import pytest

    status = pytest.main(["-q", "-x", "-p", "no:xdist", "-p", "no:cacheprovider", *tests])
    imported = sys.modules.get("hemometric")
    there = imported is not None and Path(str(imported.__file__)).is_relative_to(folder)
    sys.exit(int(status) if there else _OTHER_CODE)
