"""The store: a directory of int16 shards with one table row per ECG, and the split that every run uses."""

from hemometric.store.beginning import StoreSettings
from hemometric.store.changing import mend
from hemometric.store.doubles import Double, find_doubles, list_doubles
from hemometric.store.manifest import INCOMING, MANIFEST, SCHEMA_VERSION, Manifest
from hemometric.store.merging import MergeSummary, merge
from hemometric.store.quality import QualityCount, quality_of, quality_text, write_quality
from hemometric.store.reading import Store
from hemometric.store.shards import content_hashes, to_microvolts
from hemometric.store.splits import SPLITS, assign
from hemometric.store.splitting import (
    SplitSummary,
    describe_rule,
    split_as_table,
    split_by_hash,
    split_by_site,
    split_by_time,
)
from hemometric.store.tables import (
    ECGS_SCHEMA,
    LABELS_SCHEMA,
    LINKS_SCHEMA,
    TRUTH_SCHEMA,
    Reject,
    ecgs_schema,
    flag_column,
    write_store_files,
    write_store_table,
)
from hemometric.store.verification import verify
from hemometric.store.withdrawal import WithdrawalSummary, withdraw
from hemometric.store.writer import StoreWriter

__all__ = [
    "ECGS_SCHEMA",
    "INCOMING",
    "LABELS_SCHEMA",
    "LINKS_SCHEMA",
    "MANIFEST",
    "SCHEMA_VERSION",
    "SPLITS",
    "TRUTH_SCHEMA",
    "Double",
    "Manifest",
    "MergeSummary",
    "QualityCount",
    "Reject",
    "SplitSummary",
    "Store",
    "StoreSettings",
    "StoreWriter",
    "WithdrawalSummary",
    "assign",
    "content_hashes",
    "describe_rule",
    "ecgs_schema",
    "find_doubles",
    "flag_column",
    "list_doubles",
    "mend",
    "merge",
    "quality_of",
    "quality_text",
    "split_as_table",
    "split_by_hash",
    "split_by_site",
    "split_by_time",
    "to_microvolts",
    "verify",
    "withdraw",
    "write_quality",
    "write_store_files",
    "write_store_table",
]
