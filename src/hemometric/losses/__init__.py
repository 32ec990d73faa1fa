"""Losses on embeddings: tensors in, scalar out, computed in float32 at least."""

from hemometric.losses.contrast import multi_positive_info_nce, nt_xent
from hemometric.losses.triplets import triplet

__all__ = ["multi_positive_info_nce", "nt_xent", "triplet"]
