"""Public archives and a user's own table: which patient a record belongs to, and what else its file does not say.

`open_dataset` recognises the archives of `DATASETS` by their files, `read_metadata` reads the CSV file of
--metadata, and `match_rows` finds the record of each of its rows. What neither knows stays None; it is never invented.
"""

from hemometric.datasets.archives import DATASETS, open_dataset
from hemometric.datasets.facts import CatheterValue, Dataset, Facts
from hemometric.datasets.matching import Matched, RecordName, match_rows
from hemometric.datasets.metadata import read_metadata

__all__ = [
    "DATASETS",
    "CatheterValue",
    "Dataset",
    "Facts",
    "Matched",
    "RecordName",
    "match_rows",
    "open_dataset",
    "read_metadata",
]
