"""Neighbours over a whole archive: for each ECG the nearest others, by beats, by features or by whole strips."""

from hemometric.neighbors.archive import MINABLE
from hemometric.neighbors.pairs import PairDistances
from hemometric.neighbors.rows import neighbor_rows_by_vectors, read_neighbor_rows
from hemometric.neighbors.step import mine, mine_if_needed
from hemometric.neighbors.study import Known, plot_study, study_distances, study_text
from hemometric.neighbors.tables import NEIGHBORS_SCHEMA, SEARCHED_SCHEMA, Mined, neighbors_path, read_mined

__all__ = [
    "MINABLE",
    "NEIGHBORS_SCHEMA",
    "SEARCHED_SCHEMA",
    "Known",
    "Mined",
    "PairDistances",
    "mine",
    "mine_if_needed",
    "neighbor_rows_by_vectors",
    "neighbors_path",
    "plot_study",
    "read_mined",
    "read_neighbor_rows",
    "study_distances",
    "study_text",
]
