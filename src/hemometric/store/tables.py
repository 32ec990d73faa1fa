"""The tables of a store: their schemas, and how they are read and written."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hemometric.errors import StoreError
from hemometric.store.changing import changing
from hemometric.store.manifest import read_manifest

ECGS_SCHEMA = pa.schema(
    [
        pa.field("ecg_id", pa.string(), nullable=False),
        pa.field("patient_id", pa.string(), nullable=False),
        pa.field("patient_id_known", pa.bool_(), nullable=False),
        pa.field("acquired_at", pa.string()),
        pa.field("age_years", pa.float32()),
        pa.field("sex", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("n_samples_original", pa.int32(), nullable=False),
        pa.field("sampling_rate_hz_original", pa.float64(), nullable=False),
        pa.field("content_hash", pa.string(), nullable=False),
    ]
)
"""`ecgs/*.parquet`, row for row with the shard of that number; behind these, one bool column per quality flag."""

LABELS_SCHEMA = pa.schema(
    [
        pa.field("patient_id", pa.string(), nullable=False),
        pa.field("measured_at", pa.string(), nullable=False),
        pa.field("time_known", pa.bool_(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("value_original", pa.float64(), nullable=False),
        pa.field("unit_original", pa.string(), nullable=False),
        pa.field("method", pa.string()),
    ]
)
"""`labels.parquet`: one row per catheter value; `value` in the target's unit, `measured_at` ISO 8601 without a zone."""

TRUTH_SCHEMA = pa.schema(
    [
        pa.field("patient_id", pa.string(), nullable=False),
        pa.field("visit_at", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("measured", pa.float64(), nullable=False),
    ]
)
"""`truth.parquet` of a simulated store: every visit and target; `measured` = `value` + measurement noise."""

LINKS_SCHEMA = pa.schema(
    [
        pa.field("ecg_id", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("measured_at", pa.string(), nullable=False),
        pa.field("gap_hours", pa.float64()),
    ]
)
"""`links.parquet`: `gap_hours` = ECG minus catheter (positive: the ECG is later), null where only dates are known."""

REJECTS, CARD = "rejects.csv", "card.md"
ATTRITION, GAPS, LABEL_REJECTS = "attrition.json", "gaps.png", "label_rejects.csv"
"""What `link` writes beside its tables: the account, a picture of it, and values that are not used."""
QUALITY = "quality.csv"
"""What ingest counts; see `store.quality`."""
NEIGHBORS = "neighbors"
"""The folder of what `mine` found."""

REJECT_COLUMNS = ("source", "reason_code", "detail")
_FLAG_PREFIX = "flag_"


@dataclass(frozen=True, slots=True)
class Reject:
    """A record, or with `#k` a window of an accepted record, that is not in the store.

    Attributes:
        source: As in the `source` column of the ECG table.
        reason_code: Short, without spaces.
        detail: One sentence.
    """

    source: str
    reason_code: str
    detail: str


def flag_column(code: str) -> str:
    """The column that holds a quality flag: "baseline-wander" is in `flag_baseline_wander`."""
    return _FLAG_PREFIX + code.replace("-", "_")


def ecgs_schema(flag_codes: Sequence[str]) -> pa.Schema:
    """`ECGS_SCHEMA` with one bool column per quality flag."""
    return pa.schema([*ECGS_SCHEMA, *(pa.field(flag_column(code), pa.bool_(), nullable=False) for code in flag_codes)])


def find_flags(schema: pa.Schema) -> dict[str, str]:
    """Quality flag -> its column, of an ECG table."""
    prefixed = [name for name in schema.names if name.startswith(_FLAG_PREFIX)]
    return {name.removeprefix(_FLAG_PREFIX).replace("_", "-"): name for name in prefixed}


def check_ecgs_schema(schema: pa.Schema, *, where: str) -> None:
    """Check that a table has the columns of `ECGS_SCHEMA`, then bool flags only.

    Raises:
        StoreError: It has not.
    """
    n_fixed = len(ECGS_SCHEMA)
    if not pa.schema(list(schema)[:n_fixed]).equals(ECGS_SCHEMA):
        raise StoreError(f"{where}: columns are {_describe(schema)}, expected {_describe(ECGS_SCHEMA)}")
    for field in list(schema)[n_fixed:]:
        if not field.name.startswith(_FLAG_PREFIX) or field.type != pa.bool_():
            raise StoreError(
                f"{where}: column {field.name} ({field.type}) is not a quality flag `flag_...` of type bool"
            )


def concat_ecgs(tables: Sequence[pa.Table]) -> pa.Table:
    """The ECG tables of several shards as one.

    Each was written with the quality flags that its hemometric knew. A flag that a table lacks is null of its ECGs: by
    that nobody has judged them. In no file is a null.

    Args:
        tables: One or more, as `check_ecgs_schema` wants them.
    """
    counts = Counter(name for table in tables for name in table.schema.names)
    fields = {field.name: field for table in tables for field in table.schema}
    schema = pa.schema(
        [field.with_nullable(field.nullable or counts[name] < len(tables)) for name, field in fields.items()]
    )
    return pa.concat_tables([_complete(table, schema) for table in tables])


def _complete(table: pa.Table, schema: pa.Schema) -> pa.Table:
    if table.schema.equals(schema):
        return table
    there = set(table.schema.names)
    columns = [table[name] if name in there else pa.nulls(table.num_rows, pa.bool_()) for name in schema.names]
    return pa.table(columns, schema=schema)


def _describe(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}{'' if field.nullable else ' not null'}" for field in schema)


def encode_table(table: pa.Table) -> bytes:
    """The bytes of a table as parquet; equal tables give equal bytes."""
    buffer = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(None), buffer, compression="zstd")
    encoded: bytes = buffer.getvalue().to_pybytes()
    return encoded


def read_table(path: Path) -> pa.Table:
    """Read a parquet file whole.

    Raises:
        StoreError: It is missing or not parquet.
    """
    try:
        return pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException) as error:
        raise _not_readable(path, error) from error


def count_rows(path: Path) -> int:
    """Rows of a parquet file, from its footer alone.

    Raises:
        StoreError: It is missing or not parquet.
    """
    try:
        n_rows: int = pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException) as error:
        raise _not_readable(path, error) from error
    return n_rows


def _not_readable(path: Path, error: Exception) -> StoreError:
    first_line = str(error).partition("\n")[0]
    return StoreError(f"{path}: not a readable table ({first_line}); restore it or make it anew")


def read_optional_table(path: Path, schema: pa.Schema) -> pa.Table | None:
    """Read a table of a known schema, or None where the file does not exist.

    Raises:
        StoreError: The file is not such a table.
    """
    if not path.exists():
        return None
    table = read_table(path)
    if not table.schema.equals(schema):
        raise StoreError(f"{path}: columns are {_describe(table.schema)}, expected {_describe(schema)}")
    return table


def encode_rejects(rejects: Sequence[Reject]) -> bytes:
    """The bytes of `rejects.csv`."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(REJECT_COLUMNS)
    rows.writerows((reject.source, reject.reason_code, reject.detail) for reject in rejects)
    return text.getvalue().encode()


def decode_rejects(path: Path) -> list[Reject]:
    """Read `rejects.csv`.

    Raises:
        StoreError: It is missing or not such a table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); restore it or make the store anew") from error
    if tuple(header) != REJECT_COLUMNS or any(len(row) != len(REJECT_COLUMNS) for row in rows):
        raise StoreError(f"{path}: expected the columns {', '.join(REJECT_COLUMNS)}")
    return [Reject(*row) for row in rows]


def write_store_table(store: Path, name: str, table: pa.Table) -> None:
    """Add a table to a complete store, or replace it, in one step, and note its hash in the manifest.

    Args:
        store: The store's directory.
        name: File name, such as "links.parquet".
        table: The whole table.

    Raises:
        StoreError: The store cannot be written.
    """
    write_store_files(store, {name: encode_table(table)})


def write_store_files(
    store: Path, pieces: Mapping[str, bytes], *, without: Sequence[str] = (), fingerprint: str | None = None
) -> None:
    """Add files to a complete store, or replace them, with their hashes in the manifest: all together or not at all.

    Args:
        store: The store's directory.
        pieces: File name, such as "links.parquet", and content.
        without: Names of files that are taken away, whether they are there or not.
        fingerprint: Of the ECGs that the files were made from.

    Raises:
        StoreError: The store cannot be written, another process is writing it, or it has other ECGs by now.
    """
    with changing(store, doing="writing tables") as change:
        manifest = read_manifest(store)
        if fingerprint not in (None, manifest.fingerprint):
            raise StoreError(f"{store}: its ECGs were changed meanwhile by another command: do this again")
        for name, encoded in pieces.items():
            change.put(name, [encoded])
        for name in without:
            change.remove(name)
        change.commit(manifest)
