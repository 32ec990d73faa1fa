"""Neighbours of the training ECGs: found over the archive before training, found anew by the embedding meanwhile."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemometric.errors import SettingsError
from hemometric.neighbors import MINABLE, mine_if_needed, neighbor_rows_by_vectors, read_neighbor_rows
from hemometric.progress import say
from hemometric.settings import PretrainSettings, suggest
from hemometric.store import Store
from hemometric.training.files import write_whole
from hemometric.training.plan import PretrainingPlan

Rows = NDArray[np.int64]

BY_EMBEDDING = "embedding"
NOT_USED = "none"


@dataclass
class Neighborhood:
    """The table of neighbours that holds at a step.

    Every refresh depends on the weights at its step alone and is kept beside the checkpoint, so that a run that was
    killed and resumed goes on with the neighbours that it had.

    Attributes:
        plan: Of the training; its training rows have neighbours among themselves.
        n_neighbors: Of each ECG.
        every: Steps between two refreshes; None: never.
        folder: Where refreshed tables are kept.
        embed: From rows of the store to their embeddings by the present weights, (m, d).
        table: (n_ecgs of the store, n_neighbors), -1 where there are not as many; None before the first.
        since: The step from which on it holds.
    """

    plan: PretrainingPlan
    n_neighbors: int
    every: int | None
    folder: Path
    embed: Callable[[Rows], NDArray[np.float32]]
    table: Rows | None
    since: int = 0

    def at(self, step: int) -> Rows | None:
        """The neighbours for a step, found anew if that is due."""
        due = 0 if self.every is None else step // self.every * self.every
        if due != self.since:
            path = self.folder / f"neighbors-{due:09d}.npy"
            if path.exists():
                self.table = np.load(path, allow_pickle=False)
            else:
                self.table = self._find_anew(path)
            self.since = due
        return self.table

    def _find_anew(self, path: Path) -> Rows:
        rows = np.unique(self.plan.train_rows)
        codes = self.plan.patient_codes
        vectors = self.embed(rows)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        table = neighbor_rows_by_vectors(rows, vectors, codes[rows], n_ecgs=len(codes), n_neighbors=self.n_neighbors)
        for older in self.folder.glob("neighbors-*.npy"):
            if older.name < self.folder.joinpath(f"neighbors-{self.since:09d}.npy").name:
                older.unlink()
        write_array(path, table)
        return table


def write_array(path: Path, array: Rows) -> None:
    """Write an array as .npy, as a whole or not at all."""
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=False)
    write_whole(path, sink.getvalue())


def check_neighbors(settings: PretrainSettings) -> None:
    """Refuse neighbours that cannot be had.

    Raises:
        SettingsError: An unknown name, or a refresh without neighbours.
    """
    known = [*MINABLE, BY_EMBEDDING, NOT_USED]
    if settings.neighbors not in known:
        raise SettingsError(f"unknown neighbors {settings.neighbors!r}{suggest(settings.neighbors, known)}")
    if settings.neighbors == BY_EMBEDDING and settings.refresh_epochs is None:
        raise SettingsError("neighbors=embedding are found during training: say how often by refresh_epochs=N")
    if settings.neighbors == NOT_USED and settings.refresh_epochs is not None:
        raise SettingsError("refresh_epochs finds neighbours, neighbors=none wants none of them: leave one out")


def find_first_neighbors(store: Store, plan: PretrainingPlan, settings: PretrainSettings) -> Rows | None:
    """The neighbours that training begins with; the store is mined if it was not, and only if they are needed.

    Returns:
        (n_ecgs of the store, n_neighbors); None where there are none before the first refresh, or none are needed.
    """
    if settings.neighbors in (BY_EMBEDDING, NOT_USED):
        return None
    alone = sum(len(np.unique(rows)) == 1 for rows in plan.train)
    if not alone and not settings.exclude_neighbors:
        return None
    say(f"{alone:,} training patients have one ECG: neighbours by {settings.neighbors} are their partners")
    mine_if_needed(store, distance=settings.neighbors, n_neighbors=settings.n_neighbors)
    return read_neighbor_rows(
        store, distance=settings.neighbors, among=plan.train_rows, n_neighbors=settings.n_neighbors
    )
