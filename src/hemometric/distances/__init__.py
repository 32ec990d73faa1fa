"""Distances between ECGs: >= 0, zero on itself, symmetric; smaller is closer."""

from hemometric.distances.dtw import dtw_path, whiten_independent
from hemometric.distances.pairwise import DISTANCES, of_pairs, pairwise
from hemometric.distances.representations import align_to_r

__all__ = ["DISTANCES", "align_to_r", "dtw_path", "of_pairs", "pairwise", "whiten_independent"]
