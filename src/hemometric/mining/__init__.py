"""Choose anchors, positives and negatives for a batch: one function per miner, arrays in, `Triplets` out.

Positive is near and negative is far, an anchor is never its own positive or negative, and ECGs of the same patient are
counted: as positives they are welcome, as negatives the last choice unless asked for.
"""

from hemometric.mining.by_class import mine_batch_hard, mine_n_pairs, mine_semi_hard, mine_soft_hard
from hemometric.mining.by_distance import mine_by_distance
from hemometric.mining.by_label import mine_by_label
from hemometric.mining.by_neighbor import find_neighbors_in_batch, mine_by_neighbors, mine_partners
from hemometric.mining.triplets import MiningCounts, NPairs, Triplets

__all__ = [
    "MiningCounts",
    "NPairs",
    "Triplets",
    "find_neighbors_in_batch",
    "mine_batch_hard",
    "mine_by_distance",
    "mine_by_label",
    "mine_by_neighbors",
    "mine_n_pairs",
    "mine_partners",
    "mine_semi_hard",
    "mine_soft_hard",
]
