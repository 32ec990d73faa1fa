"""The journal of a store that is being written: what is kept of a finished shard until the store is complete."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemometric.errors import StoreError
from hemometric.store.manifest import INCOMING
from hemometric.store.reading import shard_path, table_path
from hemometric.store.shards import find_shard
from hemometric.store.tables import Reject, count_rows


@dataclass(frozen=True, slots=True)
class Journal:
    """What is kept of a finished shard.

    Attributes:
        n_rows: ECGs in it.
        shard_hash: SHA-256 of the shard.
        table_hash: SHA-256 of its table.
        cursor: JSON from which a resumed run knows where to go on.
        rejects: What was rejected since the shard before.
    """

    n_rows: int
    shard_hash: str
    table_hash: str
    cursor: dict[str, Any]
    rejects: tuple[Reject, ...]

    def encode(self) -> bytes:
        """Its bytes."""
        rejects = [[reject.source, reject.reason_code, reject.detail] for reject in self.rejects]
        content = [self.n_rows, self.shard_hash, self.table_hash, self.cursor, rejects]
        return json.dumps(content).encode()

    @classmethod
    def decode(cls, path: Path) -> "Journal":
        """Read it again.

        Raises:
            StoreError: It is missing or is something else.
        """
        try:
            n_rows, shard_hash, table_hash, cursor, rejects = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: the store cannot go on ({error}); remove the store and start anew") from error
        return cls(n_rows, shard_hash, table_hash, cursor, tuple(Reject(*reject) for reject in rejects))


def journal_path(store: Path, number: int) -> Path:
    """The journal of the shard of that number."""
    return store / INCOMING / "journal" / f"{number:05d}.json"


def read_journals(store: Path) -> list[Journal]:
    """Find the finished shards: those that have a table.

    Raises:
        StoreError: A finished shard does not fit its journal.
    """
    journals: list[Journal] = []
    while table_path(store, len(journals)).exists():
        number = len(journals)
        journal = Journal.decode(journal_path(store, number))
        n_rows = {find_shard(shard_path(store, number)).shape[0], count_rows(table_path(store, number))}
        if n_rows != {journal.n_rows}:
            raise StoreError(f"{shard_path(store, number)}: not as it was written; remove the store and start anew")
        journals.append(journal)
    return journals
