"""ECGs of a store that are exact copies of one another."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class Double:
    """ECGs with the very same samples.

    Attributes:
        ecg_ids: Two or more, in the order of the store.
        patient_ids: Of each of them.
    """

    ecg_ids: tuple[str, ...]
    patient_ids: tuple[str, ...]

    @property
    def n_patients(self) -> int:
        """Under how many patients the ECG stands."""
        return len(set(self.patient_ids))

    def text(self) -> str:
        """The ECGs in a line, with their patients where these differ."""
        if self.n_patients == 1:
            return f"{' = '.join(self.ecg_ids)} (patient {self.patient_ids[0]})"
        pairs = zip(self.ecg_ids, self.patient_ids, strict=True)
        return " = ".join(f"{ecg} (patient {patient})" for ecg, patient in pairs)


def find_doubles(ecgs: pa.Table) -> tuple[Double, ...]:
    """Find all exact copies by the hashes of their samples.

    Args:
        ecgs: Of a store, or some of its rows.

    Returns:
        Each ECG that is there more than once, in the order in which they begin in the store.
    """
    counts = pc.value_counts(ecgs["content_hash"])
    repeated = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    rows = ecgs.select(["content_hash", "ecg_id", "patient_id"])
    rows = rows.filter(
        pc.and_(pc.is_in(rows["content_hash"], value_set=repeated), pc.not_equal(rows["content_hash"], ""))
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for content, ecg, patient in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        found.setdefault(content, []).append((ecg, patient))
    return tuple(Double(*zip(*ecgs_of, strict=True)) for ecgs_of in found.values())


def list_doubles(doubles: Sequence[Double], *, most: int) -> list[str]:
    """One line for each of the first `most`, those under several patients first, and how many more there are."""
    ordered = sorted(doubles, key=lambda double: double.n_patients == 1)
    lines = [double.text() for double in ordered[:most]]
    return lines + ([f"... and {len(ordered) - most:,} more"] if len(ordered) > most else [])
