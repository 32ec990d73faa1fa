"""Neighbours over a whole archive: for each ECG the nearest others, by beats, by features or by whole strips."""

from hemometric.neighbors.archive import MINABLE
from hemometric.neighbors.step import mine
from hemometric.neighbors.study import Known, plot_study, study_distances, study_text
from hemometric.neighbors.tables import NEIGHBORS_SCHEMA, SEARCHED_SCHEMA, Mined, neighbors_path, read_mined

__all__ = [
    "MINABLE",
    "NEIGHBORS_SCHEMA",
    "SEARCHED_SCHEMA",
    "Known",
    "Mined",
    "mine",
    "neighbors_path",
    "plot_study",
    "read_mined",
    "study_distances",
    "study_text",
]
