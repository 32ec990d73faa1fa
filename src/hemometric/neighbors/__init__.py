"""Neighbours over a whole archive: for each ECG the nearest others, by the distance of typical beats or features."""

from hemometric.neighbors.step import NEIGHBORS_SCHEMA, SEARCHED_BY, Mined, mine, read_mined

__all__ = ["NEIGHBORS_SCHEMA", "SEARCHED_BY", "Mined", "mine", "read_mined"]
