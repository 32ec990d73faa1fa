"""Distances between ECGs: >= 0, zero on itself, symmetric; smaller is closer."""

from hemometric.distances.dtw import dtw_path, whiten_independent
from hemometric.distances.pairwise import DISTANCES, pairwise

__all__ = ["DISTANCES", "dtw_path", "pairwise", "whiten_independent"]
