"""ECGs of one store that another has already: what need not be doubled, and what must, since it ties two patients."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hemometric.errors import StoreError

IDENTITY = ["ecg_id", "patient_id", "patient_id_known", "content_hash"]
"""The columns by which copies are found."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Copies:
    """How many ECGs are there already.

    Attributes:
        n: ECGs whose very samples are there; they are not doubled.
        n_renamed: Those of them that have another name there.
        n_tying: Further ones whose very samples are there under another patient; they are kept under both.
    """

    n: int = 0
    n_renamed: int = 0
    n_tying: int = 0

    def __add__(self, other: "Copies") -> "Copies":
        return Copies(self.n + other.n, self.n_renamed + other.n_renamed, self.n_tying + other.n_tying)

    def sentences(self) -> list[str]:
        """What should be said of them."""
        lines = []
        if self.n:
            renamed = f", {self.n_renamed:,} of them under another name" if self.n_renamed else ""
            lines.append(f"not doubled: {self.n:,} ECGs whose very samples are there already{renamed}")
        if self.n_tying:
            lines.append(
                f"warning: the very samples of {self.n_tying:,} ECGs are there under another patient: they are kept "
                "under both, and these patients share a split; find out whose they are (hemometric inspect names some)"
            )
        return lines


def find_copies(there: pa.Table, new: pa.Table, *, where: str, advice: str) -> tuple[NDArray[np.bool_], Copies]:
    """Find the ECGs that need not be added, since the store says the same of the same patients without them.

    An ECG whose very samples are there under another patient ties the two: they must share a split with all their ECGs,
    those that come later too (`splits.join_copied`). So it is a copy only where its own patient has it; and where its
    patient is not known and all ECGs of that record are those of one patient who is there, since then it ties nobody.

    Args:
        there: `IDENTITY` of the ECGs that are there.
        new: `IDENTITY` of others.
        where: What is added to, for the message.
        advice: What to do about two ECGs of one name, for the message.

    Returns:
        Shape (n_new,), True for a copy, and how many they are.

    Raises:
        StoreError: An ECG has the name of another one, with other samples or under another patient.
    """
    hashes_there, hashes = _number(there["content_hash"], new["content_hash"])
    owners_there, owners = _number(there["patient_id"], new["patient_id"])
    n_hashes, n_owners = _count(hashes_there, hashes), _count(owners_there, owners)
    first_owner = np.full(n_hashes, -1, dtype=np.int64)
    first_owner[hashes_there[::-1]] = owners_there[::-1]
    told = pc.not_equal(new["content_hash"], "").to_numpy().astype(np.bool_)
    is_there = told & (first_owner[hashes] >= 0)
    own = np.isin(hashes + n_hashes * owners, hashes_there + n_hashes * owners_there)
    of_nobody = _find_strangers(new, owners, owners_there, n_owners)
    ties_nobody = _have_one_source(owners, np.where(is_there, first_owner[hashes], -1), n_owners)
    is_copy = is_there & (own | (of_nobody & ties_nobody)[owners])
    named = pc.is_in(new["ecg_id"], value_set=there["ecg_id"].combine_chunks()).to_numpy().astype(np.bool_)
    _check_names(there, new.filter(pa.array(named & ~is_copy)), where=where, advice=advice)
    return is_copy, Copies(
        n=int(is_copy.sum()), n_renamed=int((is_copy & ~named).sum()), n_tying=int((is_there & ~is_copy).sum())
    )


def _number(there: pa.ChunkedArray, new: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers from 0 in place of the texts of two columns, equal where these are."""
    whole = pa.chunked_array([*there.chunks, *new.chunks], pa.string()).combine_chunks().dictionary_encode()
    numbers = whole.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers[: len(there)], numbers[len(there) :]


def _count(there: NDArray[np.int64], new: NDArray[np.int64]) -> int:
    return int(max(there.max(initial=-1), new.max(initial=-1))) + 1


def _find_strangers(
    new: pa.Table, owners: NDArray[np.int64], owners_there: NDArray[np.int64], n_owners: int
) -> NDArray[np.bool_]:
    """For each patient whether it is a record whose patient nobody knows, and that is not in the store."""
    is_stranger = np.ones(n_owners, dtype=np.bool_)
    is_stranger[owners_there] = False
    is_stranger[owners[new["patient_id_known"].to_numpy().astype(np.bool_)]] = False
    return is_stranger


def _have_one_source(owners: NDArray[np.int64], sources: NDArray[np.int64], n_owners: int) -> NDArray[np.bool_]:
    """For each patient whether all ECGs come from one patient who is there; -1 stands for none."""
    least, most = np.full(n_owners, np.iinfo(np.int64).max), np.full(n_owners, -1, dtype=np.int64)
    np.minimum.at(least, owners, sources)
    np.maximum.at(most, owners, sources)
    same: NDArray[np.bool_] = (least == most) & (least >= 0)
    return same


def _check_names(there: pa.Table, clashing: pa.Table, *, where: str, advice: str) -> None:
    """Refuse names that are taken.

    Raises:
        StoreError: There are some; the first are named.
    """
    if not clashing.num_rows:
        return
    rows = pc.index_in(clashing["ecg_id"], value_set=there["ecg_id"].combine_chunks())
    before = there.take(rows.combine_chunks())
    is_same = pc.and_(
        pc.equal(clashing["content_hash"], before["content_hash"]), pc.not_equal(clashing["content_hash"], "")
    )
    others = clashing.filter(pc.invert(is_same))
    if others.num_rows:
        shown = ", ".join(map(repr, others["ecg_id"].to_pylist()[:_SHOWN]))
        raise StoreError(
            f"{where}: {others.num_rows:,} ECGs have the name of another one that is there, but other samples "
            f"({shown}): {advice}"
        )
    pairs = zip(clashing["ecg_id"].to_pylist()[:_SHOWN], _tell_owners(before), _tell_owners(clashing), strict=False)
    shown = "; ".join(f"{name!r}: {earlier} there, {now} now" for name, earlier, now in pairs)
    raise StoreError(
        f"{where}: {clashing.num_rows:,} ECGs are there under another patient ({shown}): where the one there is wrong, "
        "hemometric withdraw that patient first; where the two are one, say the id that is there with --metadata; else "
        f"{advice}"
    )


def _tell_owners(ecgs: pa.Table) -> list[str]:
    first = ecgs.slice(0, _SHOWN)
    pairs = zip(first["patient_id"].to_pylist(), first["patient_id_known"].to_pylist(), strict=True)
    return [f"patient {patient!r}" if known else "an unknown patient" for patient, known in pairs]
