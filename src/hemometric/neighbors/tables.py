"""The files of neighbours: their schemas, what they say of themselves, how they are written and read again."""

import io
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hemometric.errors import StoreError
from hemometric.store.durable import cannot_write, publish, write_aside

VERSION = 2
"""Of what is compared and how candidates are found; files of another version are mined anew."""

NEIGHBORS_SCHEMA = pa.schema(
    [
        pa.field("ecg_id", pa.string(), nullable=False),
        pa.field("others_only", pa.bool_(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("neighbor_id", pa.string(), nullable=False),
        pa.field("distance", pa.float32(), nullable=False),
        pa.field("same_patient", pa.bool_(), nullable=False),
    ]
)
"""For each ECG its nearest (rank 1 = nearest), and again with `others_only` its nearest among other patients."""

SEARCHED_SCHEMA = pa.schema(
    [
        pa.field("ecg_id", pa.string(), nullable=False),
        pa.field("patient_id", pa.string(), nullable=False),
        pa.field("content_hash", pa.string(), nullable=False),
    ]
)
"""The ECGs that were searched, so that only what is new is compared when others are added."""

_KEY = b"hemometric"


@dataclass(frozen=True, slots=True)
class Mined:
    """What was found.

    Attributes:
        distance: Of the neighbours.
        n_neighbors: For each ECG.
        n_candidates: Compared exactly for each ECG.
        band_ms: Half width of the band of a distance that warps; None: a tenth of what is compared.
        fingerprint: Of the store.
        version: Of the method.
        n_ecgs: ECGs that have neighbours.
        n_without: ECGs that cannot be compared (no typical beat).
        recall: Share of the true neighbours that were found, on a sample of ECGs compared with the whole store.
        recall_others: The same among other patients.
        n_sampled: ECGs in that sample.
    """

    distance: str
    n_neighbors: int
    n_candidates: int
    band_ms: float | None
    fingerprint: str
    version: int = VERSION
    n_ecgs: int = 0
    n_without: int = 0
    recall: float | None = None
    recall_others: float | None = None
    n_sampled: int = 0

    def plan(self, *, of_store: bool = True) -> "Mined":
        """What was asked for, without what was found; of any store if so wished."""
        asked = Mined(self.distance, self.n_neighbors, self.n_candidates, self.band_ms, self.fingerprint, self.version)
        return asked if of_store else replace(asked, fingerprint="")


def neighbors_path(store: Path, distance: str) -> Path:
    """Where a store's neighbours by a distance are."""
    return store / "neighbors" / f"{distance}.parquet"


def searched_path(store: Path, distance: str) -> Path:
    """Where it stands which ECGs were searched."""
    return store / "neighbors" / f"{distance}.searched.parquet"


def read_mined(path: Path) -> Mined | None:
    """Read what a neighbour file says of itself; None where there is none.

    Raises:
        StoreError: The file is not one that `mine` wrote.
    """
    if not path.exists():
        return None
    try:
        told = json.loads(pq.read_schema(path).metadata[_KEY])
        if told.get("version", 1) != VERSION:
            return Mined(str(told["distance"]), 0, 0, None, "", version=1)
        return Mined(**told)
    except (KeyError, TypeError, AttributeError, ValueError, OSError) as error:
        raise StoreError(f"{path}: not a file of neighbours ({error}); remove it and mine again") from error


def write_part(path: Path, table: pa.Table) -> None:
    """Write a table as a whole or not at all."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    aside = path.with_name(f".{path.name}.part")
    write_aside(aside, [sink.getvalue()])
    publish(aside, path)


def write_neighbors(store: Path, parts: Sequence[Path], searched: pa.Table, mined: Mined) -> None:
    """Write the parts as one file with what `mined` says of them, one part in memory at a time."""
    told = {_KEY: json.dumps(asdict(mined)).encode()}
    write_part(searched_path(store, mined.distance), searched.cast(SEARCHED_SCHEMA).replace_schema_metadata(told))
    path = neighbors_path(store, mined.distance)
    aside = path.with_name(f".{path.name}.part")
    schema = NEIGHBORS_SCHEMA.with_metadata(told)
    try:
        with aside.open("wb") as file:
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for part in parts:
                    writer.write_table(pq.read_table(part).cast(schema))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise cannot_write(path, error) from error
    publish(aside, path)
