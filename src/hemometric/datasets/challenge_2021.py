"""PhysioNet/CinC Challenges 2020 and 2021 (Perez Alday et al. 2020, Reyna et al. 2021; PhysioNet challenge-2021 1.0.3).

Records of eight archives as .mat and .hea: A (CPSC 2018), Q (CPSC-Extra), I (INCART), S (PTBDB), HR (PTB-XL),
E (Georgia), JS (Chapman-Shaoxing and Ningbo); age, sex and diagnoses stand in the header, patients do not. Those of HR
are told by the table of PTB-XL, those of S by the samples of PTBDB, where these lie beside.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from hemometric.datasets import ptb_xl
from hemometric.datasets.challenge_2021_ptb import match_ptbdb
from hemometric.datasets.facts import Dataset, Facts
from hemometric.datasets.headers import explain_headers
from hemometric.ecg import Ecg
from hemometric.errors import ReadError
from hemometric.formats.wfdb_header import Header, read_header

NAME = "challenge-2021"
EXPECTED = (
    "headers called A0001, Q0001, I0001, S0001, HR00001, E00001 or JS00001 that have a line '#Dx:', in the folder, in "
    "g1, g2, ..., or in training/georgia/g1 and the like"
)
REPAIRS = "E and HR records whose header states 4880/mV and 200/mV are read with 1000/mV"

_RECORD = re.compile(r"(?:[AQIS]\d{4}|(?:HR|JS|E)\d{5})")
_PTB_XL_RECORD = re.compile(r"HR(\d{5})")
_PARTS = (
    *("cpsc_2018", "cpsc_2018_extra", "st_petersburg_incart", "ptb", "ptb-xl", "georgia"),
    *("chapman_shaoxing", "ningbo"),
)
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_LOOKED_AT = 5
"""Headers that are opened to recognise the archive: more than one, since one may be damaged."""
_TRUE_GAIN = 1000.0
_WRONG_GAINS = (("E", 4880.0), ("HR", 200.0))
"""Of the first headers of 2020; those of 2021 state 1000 for the same samples."""
_FIRST_DAY_OF_CONVERSION = "2020"
"""The recordings are older; a later date in a header is that of the conversion to .mat."""


def find_root(source: Path) -> Path | None:
    """Return the folder that `source` is or lies in where it holds records of a Challenge, or None."""
    folder = source.absolute() if source.is_dir() else source.absolute().parent
    return folder if any(map(_holds_records, (folder, *_list_parts(folder)))) else None


def explain(source: Path) -> str:
    """Say which headers at `source` keep it from being a Challenge, or ""."""
    folder = source.absolute() if source.is_dir() else source.absolute().parent
    folders = (folder, *_list_parts(folder))
    named = next(
        (place for place in folders if any(_RECORD.fullmatch(file.stem) for file in place.glob("*.hea"))), None
    )
    strangers = explain_headers(folders, _RECORD)
    if strangers or named is None:
        return strangers
    return f"headers in {named.name}/ are named so, and none of the first {_LOOKED_AT} has the line"


def open_at(root: Path) -> Dataset:
    """Open the Challenge at `root`.

    The patient of HR00123 is that of ECG 123 of PTB-XL where `ptbxl_database.csv` lies in `root`, above it or in a
    folder beside it; the patient of S0001 is that of the record of PTBDB with the same samples where a PTBDB lies
    there. Every other patient is unknown.

    Raises:
        ReadError: The table of PTB-XL is damaged ("metadata").
    """
    places = tuple(_list_places(root))
    tables = [place for place in places if (place / ptb_xl.TABLE).is_file()]
    known = ptb_xl.open_at(tables[0]) if tables else None
    return Dataset(
        name=NAME,
        root=root,
        lookup=partial(find_facts, None if known is None else known.lookup, match_ptbdb(root, places)),
        tables=() if known is None else known.tables,
        mend=mend,
        repairs=REPAIRS,
    )


def find_facts(ptb_xl_facts: Callable[[Path], Facts] | None, ptbdb_facts: Mapping[str, Facts], record: Path) -> Facts:
    """Return what the archives from which the record at `record` was taken say about it.

    Args:
        ptb_xl_facts: From a record of PTB-XL to its facts, or None.
        ptbdb_facts: From the name of an S record to its facts.
        record: Path of the header.
    """
    number = _PTB_XL_RECORD.fullmatch(record.stem)
    if number is not None and ptb_xl_facts is not None:
        return ptb_xl_facts(Path(f"{number.group(1)}_hr"))
    return ptbdb_facts.get(record.stem, Facts())


def mend(record: Path, ecg: Ecg) -> Ecg:
    """Set right what headers of the Challenges are known to state wrongly: the gain of E and HR, and the date.

    A gain is repaired only where every signal states the wrong one; the note says so.

    Args:
        record: Path of the header.
        ecg: As it was read.
    """
    header = read_header(record.with_suffix(".hea"))
    stated = _find_wrong_gain(record.stem, header)
    if stated is not None:
        note = f"gain {stated:g}/mV, which this archive is known to state wrongly: read with {_TRUE_GAIN:g}/mV"
        scaled = (ecg.waveform * np.float32(stated / _TRUE_GAIN)).astype(np.float32, copy=False)
        ecg = replace(ecg, waveform=scaled, notes=(*ecg.notes, note))
    if ecg.acquired_at is not None and ecg.acquired_at >= _FIRST_DAY_OF_CONVERSION:
        note = f"{ecg.acquired_at} is when the file was converted: acquired_at taken as unknown"
        ecg = replace(ecg, acquired_at=None, notes=(*ecg.notes, note))
    return ecg


def _find_wrong_gain(name: str, header: Header) -> float | None:
    """Return the gain of a header where it is the one that this archive is known to state wrongly, or None."""
    if _RECORD.fullmatch(name) is None:
        return None
    stated = {signal.gain for signal in header.signals if signal.gain_stated}
    all_state_one = len(stated) == 1 and all(signal.gain_stated for signal in header.signals)
    wrong = {gain for prefix, gain in _WRONG_GAINS if name.rstrip("0123456789") == prefix}
    return next(iter(stated & wrong), None) if all_state_one else None


def _list_parts(folder: Path) -> Iterator[Path]:
    """Yield the folders below `folder` in which records of the Challenge lie, as it is published."""
    above = (folder, *(folder / name for name in _PARTS), *(folder / "training" / name for name in _PARTS))
    for part in above:
        if part != folder:
            yield part
        yield from sorted(part.glob("g[0-9]*"))


def _holds_records(folder: Path) -> bool:
    """Say whether a folder has headers, all are named as those of the Challenge, and one of the first has diagnoses."""
    headers = sorted(folder.glob("*.hea"))
    return all(_RECORD.fullmatch(header.stem) for header in headers) and any(map(_has_diagnoses, headers[:_LOOKED_AT]))


def _has_diagnoses(header: Path) -> bool:
    try:
        return any(comment.startswith("Dx:") for comment in read_header(header).comments)
    except (ReadError, OSError):
        return False


def _list_places(root: Path) -> Iterator[Path]:
    """Yield where another archive may lie: here, above, beside, also as PhysioNet has it (challenge-2021/1.0.3)."""
    yield from (root, *root.parents[:3])
    for folder in (root, root.parent):
        if folder != folder.parent:
            yield from sorted(place for place in folder.glob("*/") if place != root)
    if _VERSION.fullmatch(root.name):
        yield from sorted(place for place in root.parent.parent.glob("*/*/") if place != root)
