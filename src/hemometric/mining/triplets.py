"""What miners return: row numbers into a batch, and what was done with ECGs of the same patient."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]
Booleans = NDArray[np.bool_]


class Triplets(NamedTuple):
    """Row numbers into a batch, three arrays of one length."""

    anchor: Indices
    positive: Indices
    negative: Indices


class NPairs(NamedTuple):
    """Pairs with many negatives each, as the n-pair and the angular loss take them.

    Attributes:
        anchor: Shape (t,), row numbers into a batch of n.
        positive: Shape (t,).
        negatives: Shape (t, n), true for the rows that a pair keeps away from, at least one.
    """

    anchor: Indices
    positive: Indices
    negatives: Booleans

    def to_triplets(self) -> Triplets:
        """One triplet for each negative of each pair, pair by pair."""
        pair, negative = np.nonzero(self.negatives)
        return Triplets(self.anchor[pair], self.positive[pair], negative)


class MiningCounts(NamedTuple):
    """What mining did with ECGs of the same patient.

    Attributes:
        n_anchors: Anchors of the batch that got a triplet.
        n_same_patient_positives: Triplets (pairs of n-pairs) whose positive is another ECG of the anchor's patient
            (welcome, but to be known).
        n_same_patient_negatives: Triplets whose negative is of the anchor's patient: taken only where the anchor has
            no other, unless asked for.
    """

    n_anchors: int
    n_same_patient_positives: int
    n_same_patient_negatives: int


def count_patients(triplets: Triplets, codes: NDArray[np.generic]) -> MiningCounts:
    """Count same patients in triplets of a batch whose (n,) `codes` are equal where the patient is."""
    anchors = codes[triplets.anchor]
    return MiningCounts(
        n_anchors=len(np.unique(triplets.anchor)),
        n_same_patient_positives=int((anchors == codes[triplets.positive]).sum()),
        n_same_patient_negatives=int((anchors == codes[triplets.negative]).sum()),
    )
