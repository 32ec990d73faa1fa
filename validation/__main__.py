"""Writes docs/simulator.md: `python -m validation [--data FOLDER] [--only cohort,gallery] [--out FOLDER]`."""

import argparse
import importlib.metadata
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from hemometric.simulation import SIMULATOR_VERSION
from validation import ceiling, correlates, gallery, limits, moments, normals, physiology, recorded, speed
from validation.drawing import draw
from validation.sections import Check, Section, Task, checks_table

_CHAPTERS: dict[str, Callable[[Task], Section]] = {
    "cohort": moments.report,
    "physiology": physiology.report,
    "correlates": correlates.report,
    "normals": normals.report,
    "recorded": recorded.report,
    "difficulty": ceiling.report,
    "gallery": gallery.report,
    "speed": speed.report,
    "limits": limits.report,
}
_PACKAGES = ("numpy", "numba", "scipy", "scikit-learn", "neurokit2", "circulation")
_INTRODUCTION = """
The simulator computes patients of a catheterisation laboratory: a closed circulation with four heart chambers decides
the pressures and the output of each visit, published correlates decide what the ECG shows of them, and a patient's own
beat, drawn from a distribution that was fitted to real normal ECGs, becomes that of the visit and is drawn in twelve
leads. It exists because archives of ECGs with catheter labels are locked
away: with it hemometric can be learned, tested and measured by anybody, where the truth of every patient is known.
This page says what was checked, against which source, and what failed.
""".strip()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the chosen chapters and write the page."""
    options = _parse(arguments)
    images = options.out / "images" / "simulator"
    images.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(1):
        task = Task(draw(options.patients, seed=options.seed), images, options.data)
        sections = [_measure(name, task) for name in options.only]
    page = options.out / "simulator.md"
    page.write_text(_write_page(sections, options), encoding="utf-8")
    checks = [check for section in sections for check in section.checks]
    failed = [check for check in checks if check.passed is False]
    print(f"{page}: {len(checks)} checks, {len(failed)} failed")
    for check in failed:
        print(f"  {check.what}: {check.found}, expected {check.bound}")


def _measure(name: str, task: Task) -> Section:
    start = time.perf_counter()
    section = _CHAPTERS[name](task)
    print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    return section


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m validation", description=__doc__)
    parser.add_argument("--data", type=_folder_or_nothing, default=None, help="folder with recorded ECGs (ptbxl/)")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--only", type=_chapters, default=tuple(_CHAPTERS), metavar="CHAPTER,...")
    parser.add_argument("--patients", type=int, default=10_240)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args(arguments)


def _folder_or_nothing(text: str) -> Path | None:
    return Path(text) if text else None


def _chapters(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in _CHAPTERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; expected some of {', '.join(_CHAPTERS)}")
    return names


def _write_page(sections: Sequence[Section], options: argparse.Namespace) -> str:
    checks = [check for section in sections for check in section.checks]
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    parts = [
        "# The simulator, checked",
        "<!-- Written by `make simulator-report`; changes made by hand will be lost. -->",
        "**SIMULATED, never clinical.** " + _INTRODUCTION,
        f"Simulator version {SIMULATOR_VERSION}; seed {options.seed}, {options.patients:,} patients; written by "
        f"`make simulator-report` with hemometric {importlib.metadata.version('hemometric')}, "
        f"Python {platform.python_version()}, {packages}.",
        "## Summary",
        _summary(checks),
        *(f"## {section.title}\n\n{section.body}" for section in sections),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(checks: Sequence[Check]) -> str:
    passed = sum(check.passed is True for check in checks)
    failed = [check for check in checks if check.passed is False]
    text = f"{passed} of {len(checks)} checks passed."
    if failed:
        text += f" The {len(failed)} that failed:\n\n{checks_table(failed)}"
    return f"{text}\n\n<details><summary>All checks</summary>\n\n{checks_table(checks)}\n\n</details>"


if __name__ == "__main__":
    main()
