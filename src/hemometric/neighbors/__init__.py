"""Neighbours over a whole archive: for each ECG the nearest others, by the distance of typical beats or features."""

from hemometric.neighbors.step import MINED_BY, NEIGHBORS_SCHEMA, Mined, mine, read_mined

__all__ = ["MINED_BY", "NEIGHBORS_SCHEMA", "Mined", "mine", "read_mined"]
