"""ECG files in, `Ecg` out: one file per format, chosen by content.

`FORMATS` says which are read. `read_ecg` reads one ECG, `find_records` lists the files of a folder, `list_parts` the
ECGs of a file that holds several.
"""

from hemometric.formats.apart import Place, find_places_apart, list_parts_apart, read_ecg_apart, read_places_apart
from hemometric.formats.find import find_format, find_records
from hemometric.formats.known import FORMATS, find_suffix
from hemometric.formats.read import list_parts, read_ecg
from hemometric.formats.sizes import seconds_to_list, seconds_to_read

__all__ = [
    "FORMATS",
    "Place",
    "find_format",
    "find_places_apart",
    "find_records",
    "find_suffix",
    "list_parts",
    "list_parts_apart",
    "read_ecg",
    "read_ecg_apart",
    "read_places_apart",
    "seconds_to_list",
    "seconds_to_read",
]
