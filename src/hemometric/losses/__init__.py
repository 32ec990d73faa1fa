"""Losses on embeddings: tensors in, scalar out, computed in float32 at least."""

from hemometric.losses.continuous import log_ratio, rank_n_contrast
from hemometric.losses.contrast import multi_positive_info_nce, nt_xent, supervised_contrastive
from hemometric.losses.pairs import angular, angular_n_pair, n_pair
from hemometric.losses.triplets import MarginBetas, margin_loss, triplet
from hemometric.losses.two_views import TfcRepresentations, clocs, tfc, tfc_consistency

__all__ = [
    "MarginBetas",
    "TfcRepresentations",
    "angular",
    "angular_n_pair",
    "clocs",
    "log_ratio",
    "margin_loss",
    "multi_positive_info_nce",
    "n_pair",
    "nt_xent",
    "rank_n_contrast",
    "supervised_contrastive",
    "tfc",
    "tfc_consistency",
    "triplet",
]
