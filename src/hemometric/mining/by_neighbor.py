"""Triplets, positives and partners from neighbours that were found over the whole archive."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hemometric.mining.pools import check_codes, draw, pairs_of_equal, strangers_first
from hemometric.mining.triplets import Booleans, MiningCounts, Triplets, count_patients

Rows = NDArray[np.int64]


def find_neighbors_in_batch(rows: Rows, neighbor_rows: Rows) -> Booleans:
    """Which ECGs of a batch are archive neighbours of which: the positives of a loss that takes several.

    Args:
        rows: Shape (n,), archive rows of the batch, each once.
        neighbor_rows: Shape (n_archive, k), archive rows of the neighbours of each ECG; -1 where there is none.

    Returns:
        (n, n): [i, j] is true where j is among the neighbours of i. Not symmetric, false on the diagonal.

    Raises:
        ValueError: Another shape, a row that the archive does not have, or a row twice in the batch.
    """
    neighbors = _neighbors_of(rows, neighbor_rows)
    place = np.full(len(neighbor_rows), -1, dtype=np.intp)
    place[rows] = np.arange(len(rows))
    places = np.where(neighbors >= 0, place[neighbors], -1)
    anchor, rank = np.nonzero(places >= 0)
    near = np.zeros((len(rows), len(rows)), dtype=bool)
    near[anchor, places[anchor, rank]] = True
    np.fill_diagonal(near, val=False)
    return near


def mine_by_neighbors(
    rows: Rows,
    neighbor_rows: Rows,
    *,
    patient_codes: ArrayLike | None = None,
    same_patient_negatives: bool = False,
    rng: np.random.Generator,
) -> tuple[Triplets, MiningCounts]:
    """Take as positive a random archive neighbour that is in the batch, as negative a random ECG that is none.

    The distance-based mining of Jeong, Stultz, Ghassemi (2022), with neighbours over the archive instead of the nearest
    of a batch: a true neighbour or none. Who has the anchor among its own neighbours is no negative either.

    Args:
        rows: Shape (n,), archive rows of the batch, each once.
        neighbor_rows: Shape (n_archive, k), archive rows of the neighbours of each ECG; -1 where there is none.
        patient_codes: Shape (n,), of the batch, equal where the patient is the same; None where each ECG is a patient
            of its own. Whether the same patient gives positives is settled by the table.
        same_patient_negatives: Whether the anchor's patient may give the negative like any other; with False it does
            only where no other ECG is left.
        rng: Where the draws come from.

    Returns:
        One triplet for each anchor that has a neighbour in the batch and an ECG that is none (it may be no anchor), and
        how often the same patient was involved.

    Raises:
        ValueError: As `find_neighbors_in_batch`, or codes of another length.
    """
    near = find_neighbors_in_batch(rows, neighbor_rows)
    codes = check_codes("patient_codes", patient_codes, len(near))
    unrelated = ~(near | near.T)
    np.fill_diagonal(unrelated, val=False)
    negatives = strangers_first(unrelated, pairs_of_equal(codes), same_patient_negatives=same_patient_negatives)
    anchor = np.flatnonzero(near.any(axis=1) & negatives.any(axis=1))
    triplets = Triplets(anchor, draw(near[anchor], rng), draw(negatives[anchor], rng))
    return triplets, count_patients(triplets, codes)


def mine_partners(
    rows: Rows,
    neighbor_rows: Rows,
    *,
    patient_codes: ArrayLike | None = None,
    same_patient_positives: bool = True,
    rng: np.random.Generator,
) -> tuple[Rows, MiningCounts]:
    """Draw for each ECG one of its archive neighbours, to be put into the batch as its positive.

    A batch seldom holds a neighbour by chance; drawn as partners, every ECG that has neighbours has one there
    (nearest-neighbour positives: Dwibedi et al., With a Little Help from My Friends, ICCV 2021).

    Args:
        rows: Shape (n,), archive rows, in any order, repeated as often as wanted.
        neighbor_rows: Shape (n_archive, k), archive rows of the neighbours of each ECG; -1 where there is none.
        patient_codes: Shape (n_archive,), equal where the patient is the same; None where each ECG is a patient of its
            own.
        same_patient_positives: Whether a neighbour of the same patient may be drawn.
        rng: Where the draws come from.

    Returns:
        Archive rows (n,), each neighbour as likely; -1 where there is none. And the counts: ECGs with a partner as
        anchors, partners of the same patient as positives.

    Raises:
        ValueError: Another shape, or a row that the archive does not have.
    """
    table = _check_table(rows, neighbor_rows)
    codes = check_codes("patient_codes", patient_codes, len(neighbor_rows))
    same = codes[rows][:, None] == codes[table]
    allowed = (table >= 0) & (table != rows[:, None])
    if not same_patient_positives:
        allowed &= ~same
    found = np.flatnonzero(allowed.any(axis=1))
    rank = draw(allowed[found], rng)
    partners = np.full(len(rows), -1, dtype=np.int64)
    partners[found] = table[found, rank]
    n_same = int(same[found, rank].sum())
    return partners, MiningCounts(len(found), n_same_patient_positives=n_same, n_same_patient_negatives=0)


def _neighbors_of(rows: Rows, neighbor_rows: Rows) -> Rows:
    table = _check_table(rows, neighbor_rows)
    if len(np.unique(rows)) < len(rows):
        raise ValueError("rows must be distinct: an ECG that is twice in the batch is no neighbour of itself")
    return table


def _check_table(rows: Rows, neighbor_rows: Rows) -> Rows:
    """The neighbours (n, k) of `rows`."""
    if rows.ndim != 1 or neighbor_rows.ndim != 2:
        raise ValueError(
            f"expected rows (n,) and neighbor_rows (n_archive, k), got {rows.shape} and {neighbor_rows.shape}"
        )
    n_archive = len(neighbor_rows)
    if len(rows) and not 0 <= rows.min() <= rows.max() < n_archive:
        raise ValueError(f"rows must be 0 to {n_archive - 1}, got {rows.min()} to {rows.max()}")
    table = neighbor_rows[rows]
    if table.size and not -1 <= table.min() <= table.max() < n_archive:
        raise ValueError(f"neighbor_rows must be -1 to {n_archive - 1}, got {table.min()} to {table.max()}")
    return table
