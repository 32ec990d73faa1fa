"""ECGs of one store that another has already."""

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
        n_other_patient: Those of them that are there under another known patient.
    """

    n: int = 0
    n_renamed: int = 0
    n_other_patient: int = 0

    def __add__(self, other: "Copies") -> "Copies":
        return Copies(self.n + other.n, self.n_renamed + other.n_renamed, self.n_other_patient + other.n_other_patient)

    def sentences(self) -> list[str]:
        """What should be said of them."""
        if not self.n:
            return []
        renamed = f", {self.n_renamed:,} of them under another name" if self.n_renamed else ""
        lines = [f"not doubled: {self.n:,} ECGs whose very samples are there already{renamed}"]
        if self.n_other_patient:
            lines.append(
                f"warning: {self.n_other_patient:,} of these are there under another patient, who keeps them: find out "
                "whose they are"
            )
        return lines


def find_copies(there: pa.Table, new: pa.Table, *, where: str, advice: str) -> tuple[NDArray[np.bool_], Copies]:
    """Find the ECGs whose very samples are there already.

    Args:
        there: `IDENTITY` of the ECGs that are there.
        new: `IDENTITY` of others.
        where: What is added to, for the message.
        advice: What to do about two ECGs of one name, for the message.

    Returns:
        Shape (n_new,), True for a copy, and how many they are.

    Raises:
        StoreError: An ECG has the name of another one, with other samples.
    """
    hashes, names = there["content_hash"].combine_chunks(), there["ecg_id"].combine_chunks()
    known = pc.if_else(pc.equal(new["content_hash"], ""), None, new["content_hash"])
    first = pc.index_in(known, value_set=hashes, skip_nulls=True)
    copied, named = pc.is_valid(first), pc.is_in(new["ecg_id"], value_set=names)
    clashing = new["ecg_id"].filter(pc.and_(named, pc.invert(copied)))
    if len(clashing):
        shown = ", ".join(map(repr, clashing.to_pylist()[:_SHOWN]))
        raise StoreError(
            f"{where}: {len(clashing):,} ECGs have the name of another one that is there, but other samples ({shown}): "
            f"{advice}"
        )
    here, before = new.filter(copied), there.take(first.drop_null())
    both_known = pc.and_(here["patient_id_known"], before["patient_id_known"])
    differing = pc.and_(both_known, pc.not_equal(here["patient_id"], before["patient_id"]))
    return (
        copied.to_numpy().astype(np.bool_),
        Copies(
            n=here.num_rows,
            n_renamed=here.num_rows - int(pc.sum(named.filter(copied)).as_py() or 0),
            n_other_patient=int(pc.sum(differing).as_py() or 0),
        ),
    )
