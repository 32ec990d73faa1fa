"""STEP link: catheter values joined to the ECGs of the same patient by time."""

from hemometric.labels.catheter_csv import CatheterTable, read_catheter_csv
from hemometric.labels.linked import LinkedLabels, linked_labels, measured_labels
from hemometric.labels.linking import WINDOW_HOURS, LinkSummary, Step, join, link

__all__ = [
    "WINDOW_HOURS",
    "CatheterTable",
    "LinkSummary",
    "LinkedLabels",
    "Step",
    "join",
    "link",
    "linked_labels",
    "measured_labels",
    "read_catheter_csv",
]
