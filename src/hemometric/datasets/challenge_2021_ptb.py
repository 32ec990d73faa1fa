"""Which records of PTBDB the S records of the Challenges are: by their samples, since no table says it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemometric.datasets import ptbdb
from hemometric.datasets.facts import Facts
from hemometric.ecg import LEADS
from hemometric.errors import ReadError
from hemometric.formats.leads import name_lead
from hemometric.formats.wfdb_header import Signal, read_header

_N_COMPARED = 400
"""Samples of each lead, from the middle of the record."""
_ROUNDING_MV = 0.0011
"""PTBDB has steps of 0.5 uV, the Challenges of 1 uV; a different beat differs by tens of microvolts."""
_LEAST_RANGE_MV = 0.02
"""Below it no heart was recorded in the samples that are compared, and all such records would be alike."""


@dataclass(frozen=True, slots=True)
class _Excerpt:
    """Some samples of a record.

    Attributes:
        n_samples: Of the whole record.
        millivolts: Shape (12, n), leads in the order of `LEADS`, from the middle of the record.
    """

    n_samples: int
    millivolts: NDArray[np.float64]


def match_ptbdb(root: Path, places: Sequence[Path]) -> dict[str, Facts]:
    """Return what PTBDB says about the S records at `root`, by their names; nothing where no PTBDB lies beside.

    A record is taken for one of PTBDB where number of samples and all 12 leads agree to the rounding of both archives.

    Args:
        root: Folder of the Challenge.
        places: Where a PTBDB may lie.
    """
    records = sorted(root.rglob("S[0-9][0-9][0-9][0-9].hea"))
    archive = next(filter(None, map(ptbdb.find_root, places)), None) if records else None
    if archive is None:
        return {}
    dataset = ptbdb.open_at(archive)
    known: defaultdict[int, list[tuple[Path, _Excerpt]]] = defaultdict(list)
    for header in sorted(archive.rglob("s[0-9]*.hea")):
        excerpt = _read_excerpt(header)
        if excerpt is not None:
            known[excerpt.n_samples].append((header, excerpt))
    found = {}
    for record in records:
        excerpt = _read_excerpt(record)
        alike = [] if excerpt is None else [h for h, other in known[excerpt.n_samples] if _are_alike(excerpt, other)]
        if len(alike) == 1:
            found[record.stem] = dataset.facts(alike[0])
    return found


def _are_alike(one: _Excerpt, other: _Excerpt) -> bool:
    return bool(np.abs(one.millivolts - other.millivolts).max() <= _ROUNDING_MV)


def _read_excerpt(header: Path) -> _Excerpt | None:
    """Return samples of a record of whole 16-bit numbers; None where it cannot be read so, or they show no heart."""
    try:
        parsed = read_header(header)
        places = {name_lead(signal.description): signal for signal in parsed.signals}
        if parsed.n_frames is None or not set(LEADS) <= set(places):
            return None
        leads = [places[lead] for lead in LEADS]
        first = max(0, parsed.n_frames // 2 - _N_COMPARED // 2)
        n = min(_N_COMPARED, parsed.n_frames)
        millivolts = _read_frames(header, parsed.signals, leads, first=first, n=n)
    except (ReadError, OSError, ValueError):
        return None
    if millivolts is None or np.ptp(millivolts, axis=1).max() < _LEAST_RANGE_MV:
        return None
    return _Excerpt(parsed.n_frames, millivolts)


def _read_frames(
    header: Path, signals: Sequence[Signal], leads: Sequence[Signal], *, first: int, n: int
) -> NDArray[np.float64] | None:
    """Return frames of leads that share one file of format 16, in mV, or None where they are stored otherwise."""
    if {(lead.file_name, lead.storage, lead.offset) for lead in leads} != {(leads[0].file_name, "16", leads[0].offset)}:
        return None
    beside = [signal for signal in signals if signal.file_name == leads[0].file_name]
    offset = leads[0].offset + 2 * len(beside) * first
    frames = np.fromfile(header.parent / leads[0].file_name, dtype="<i2", count=len(beside) * n, offset=offset)
    digital = frames.reshape(n, len(beside)).T.astype(np.float64)
    return np.stack([(digital[beside.index(lead)] - lead.baseline) / lead.gain for lead in leads])
