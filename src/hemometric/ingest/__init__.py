"""STEP ingest: ECG files into a store, with every record accounted for."""

from hemometric.ingest.settings import IngestSettings
from hemometric.ingest.step import ingest
from hemometric.ingest.summary import IngestSummary

__all__ = ["IngestSettings", "IngestSummary", "ingest"]
