"""Neighbours over a whole archive: for each ECG the nearest others, by the distance of typical beats or features."""

from hemometric.neighbors.step import MINED_BY, NEIGHBORS_SCHEMA, Mined, mine, read_mined
from hemometric.neighbors.study import Known, plot_study, study_distances, study_text

__all__ = [
    "MINED_BY",
    "NEIGHBORS_SCHEMA",
    "Known",
    "Mined",
    "mine",
    "plot_study",
    "read_mined",
    "study_distances",
    "study_text",
]
