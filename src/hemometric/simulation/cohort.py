"""The step that writes a virtual cohort as an ordinary store, with the truth beside it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from hemometric.ecg import INDEPENDENT_LEADS
from hemometric.progress import say, track
from hemometric.simulation.card import write_card
from hemometric.simulation.chunks import Chunk, make_chunks
from hemometric.simulation.population import SIMULATOR_VERSION, People, labels_table, truth_table
from hemometric.simulation.rendering import Microvolts
from hemometric.simulation.settings import PATIENTS_PER_CHUNK, CohortSettings
from hemometric.store import StoreSettings, StoreWriter


def simulate(out: str | Path, *, settings: CohortSettings, resume: bool = False) -> None:
    """Write a virtual cohort: ECGs, catheter labels of about one visit in ten, and the truth of every visit.

    Args:
        out: The store to be made.
        settings: What the cohort is; they alone decide the bytes.
        resume: Go on after the last finished shard; begin where there is none; do nothing where it is complete.

    Raises:
        StoreError: `out` is not free, was begun with other settings, cannot be written, or a worker was killed.
    """
    writer = StoreWriter.open(out, settings=_to_store_settings(settings), resume=resume)
    try:
        if not writer.finished:
            _fill(writer, settings)
    except KeyboardInterrupt:
        say(f"interrupted: {writer.n_rows:,} ECGs in {writer.n_shards} finished shards are kept; go on with --resume")
        raise
    finally:
        writer.close()


def _to_store_settings(settings: CohortSettings) -> StoreSettings:
    return StoreSettings(
        sampling_rate_hz=settings.sampling_rate_hz,
        n_samples=settings.n_samples,
        stored_leads=INDEPENDENT_LEADS,
        simulated=True,
        provenance={
            "made_by": "simulate",
            "simulator_version": SIMULATOR_VERSION,
            "settings": settings.model_dump(mode="json", exclude={"n_workers", "sampling_rate_hz"}),
        },
    )


def _fill(writer: StoreWriter, settings: CohortSettings) -> None:
    done = writer.cursor.get("chunks", 0)
    shard = _OpenShard(settings)
    people: list[People] = []
    for chunk in _watch(make_chunks(settings, first_rendered=done), settings, done=done):
        people.append(chunk.people)
        shard.add(chunk)
        is_last = len(people) == settings.n_chunks
        if shard.n_ecgs >= settings.shard_size or (is_last and shard.n_ecgs):
            writer.write_shard(*shard.take(), rejects=[], cursor={"chunks": len(people)})
    writer.finish(
        card=write_card(settings, people, n_ecgs=writer.n_rows),
        labels=pa.concat_tables([labels_table(settings, chunk) for chunk in people]),
        truth=pa.concat_tables([truth_table(chunk) for chunk in people]),
    )


def _watch(chunks: Iterator[Chunk], settings: CohortSettings, *, done: int) -> Iterator[Chunk]:
    """Show progress, of the chunks that are still to be rendered."""
    for _ in range(done):
        yield next(chunks)
    unit = f"x {PATIENTS_PER_CHUNK} patients"
    yield from track(chunks, total=settings.n_chunks, unit=unit, title="simulate", done=done)


class _OpenShard:
    """The shard that is being filled; its memory is reserved once, for the largest last chunk that there can be."""

    def __init__(self, settings: CohortSettings) -> None:
        largest_chunk = PATIENTS_PER_CHUNK * settings.visits.most * len(settings.visits.ecgs)
        shape = (settings.shard_size + largest_chunk, len(INDEPENDENT_LEADS), settings.n_samples)
        self._microvolts: Microvolts = np.empty(shape, dtype=np.int16)
        self._tables: list[pa.Table] = []
        self.n_ecgs = 0

    def add(self, chunk: Chunk) -> None:
        if chunk.microvolts is not None and chunk.ecgs is not None:
            end = self.n_ecgs + len(chunk.microvolts)
            self._microvolts[self.n_ecgs : end] = chunk.microvolts
            self._tables.append(chunk.ecgs)
            self.n_ecgs = end

    def take(self) -> tuple[Microvolts, pa.Table]:
        """The shard; valid until the next ECGs are added."""
        microvolts, ecgs = self._microvolts[: self.n_ecgs], pa.concat_tables(self._tables)
        self._tables, self.n_ecgs = [], 0
        return microvolts, ecgs
