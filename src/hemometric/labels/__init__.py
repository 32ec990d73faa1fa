"""STEP link: catheter values joined to the ECGs of the same patient by time."""

from hemometric.labels.attrition import EcgStep, LinkSummary, TargetCount, ValueStep
from hemometric.labels.catheter_csv import read_catheter_csv
from hemometric.labels.definitions import read_definitions
from hemometric.labels.layout import Layout, ValueColumn, parse_layout
from hemometric.labels.linked import LinkedLabels, linked_labels, measured_labels
from hemometric.labels.linking import WINDOW_HOURS, Side, join
from hemometric.labels.step import link, targets_of
from hemometric.labels.values import CatheterTable, LabelReject

__all__ = [
    "WINDOW_HOURS",
    "CatheterTable",
    "EcgStep",
    "LabelReject",
    "Layout",
    "LinkSummary",
    "LinkedLabels",
    "Side",
    "TargetCount",
    "ValueColumn",
    "ValueStep",
    "join",
    "link",
    "linked_labels",
    "measured_labels",
    "parse_layout",
    "read_catheter_csv",
    "read_definitions",
    "targets_of",
]
