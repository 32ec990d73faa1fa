"""The public archives that we know, found by what lies beside the records."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from hemometric.datasets import (
    challenge_2021,
    code_15,
    echonext,
    mimic_iv_ecg,
    ml4h_hdf5,
    muse_directory,
    ptb_xl,
    ptbdb,
    scg_rhc,
)
from hemometric.datasets.facts import Dataset
from hemometric.errors import ReadError, SettingsError


def _say_nothing(_: Path) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Archive:
    """How an archive is found and opened.

    Attributes:
        find_root: From a SOURCE to the archive's folder, or None where it is another archive.
        open_at: From that folder to the archive.
        expected: What is looked for, for people.
        advise: From a SOURCE to what had better be ingested in its place, one sentence, or "".
        explain: From a SOURCE that is not the archive to what is wrong with what lies there, or "".
    """

    find_root: Callable[[Path], Path | None]
    open_at: Callable[[Path], Dataset]
    expected: str
    advise: Callable[[Path], str] = _say_nothing
    explain: Callable[[Path], str] = _say_nothing


DATASETS: MappingProxyType[str, Archive] = MappingProxyType(
    {
        # Before PTB-XL, whose table may lie in its folder to tell the patients of its HR records.
        challenge_2021.NAME: Archive(
            find_root=challenge_2021.find_root,
            open_at=challenge_2021.open_at,
            expected=challenge_2021.EXPECTED,
            explain=challenge_2021.explain,
        ),
        ptb_xl.NAME: Archive(
            find_root=ptb_xl.find_root, open_at=ptb_xl.open_at, expected=ptb_xl.EXPECTED, advise=ptb_xl.advise
        ),
        ptbdb.NAME: Archive(
            find_root=ptbdb.find_root, open_at=ptbdb.open_at, expected=ptbdb.EXPECTED, explain=ptbdb.explain
        ),
        scg_rhc.NAME: Archive(
            find_root=scg_rhc.find_root, open_at=scg_rhc.open_at, expected=scg_rhc.EXPECTED, explain=scg_rhc.explain
        ),
        mimic_iv_ecg.NAME: Archive(
            find_root=mimic_iv_ecg.find_root,
            open_at=mimic_iv_ecg.open_at,
            expected=mimic_iv_ecg.EXPECTED,
            explain=mimic_iv_ecg.explain,
        ),
        code_15.NAME: Archive(
            find_root=code_15.find_root, open_at=code_15.open_at, expected=code_15.EXPECTED, explain=code_15.explain
        ),
        echonext.NAME: Archive(find_root=echonext.find_root, open_at=echonext.open_at, expected=echonext.EXPECTED),
        muse_directory.NAME: Archive(
            find_root=muse_directory.find_root,
            open_at=muse_directory.open_at,
            expected=muse_directory.EXPECTED,
            explain=muse_directory.explain,
        ),
        # Last, since it opens files.
        ml4h_hdf5.NAME: Archive(find_root=ml4h_hdf5.find_root, open_at=ml4h_hdf5.open_at, expected=ml4h_hdf5.EXPECTED),
    }
)


def open_dataset(source: Path, *, name: str = "auto") -> Dataset | None:
    """Open the public archive that `source` is or lies in.

    Args:
        source: A folder or a file.
        name: One of `DATASETS`, or "auto" to look for each of them.

    Returns:
        The archive; None where "auto" recognises nothing, so that no patient is known by the archive.

    Raises:
        SettingsError: There is no archive called `name`.
        ReadError: `source` is not the archive `name` ("wrong-dataset"), or its table is damaged ("metadata").
    """
    if name == "auto":
        found = ((archive, archive.find_root(source)) for archive in DATASETS.values())
        return next((_open(archive, root, source) for archive, root in found if root is not None), None)
    if name not in DATASETS:
        close = difflib.get_close_matches(name.casefold(), DATASETS, n=1)
        suggestion = f"did you mean {close[0]!r}? " if close else ""
        raise SettingsError(f"unknown dataset {name!r}: {suggestion}expected auto, none, {', '.join(DATASETS)}")
    archive = DATASETS[name]
    root = archive.find_root(source)
    if root is None:
        found_there = archive.explain(source)
        reason = f"this is not {name}: expected {archive.expected}; " + (f"{found_there}; " if found_there else "")
        raise ReadError(source, f"{reason}leave --dataset out to read it without", code="wrong-dataset")
    return _open(archive, root, source)


def _open(archive: Archive, root: Path, source: Path) -> Dataset:
    dataset, advice = archive.open_at(root), archive.advise(source)
    return replace(dataset, remark="; ".join(filter(None, (advice, dataset.remark)))) if advice else dataset
