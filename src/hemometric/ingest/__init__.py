"""STEP ingest: ECG files into a store, with every record accounted for."""

from hemometric.ingest.appending import AppendSummary, append, settings_of
from hemometric.ingest.settings import IngestSettings
from hemometric.ingest.step import ingest
from hemometric.ingest.summary import IngestSummary

__all__ = ["AppendSummary", "IngestSettings", "IngestSummary", "append", "ingest", "settings_of"]
