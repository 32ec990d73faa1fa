"""Making the chunks of a cohort, in several processes."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import pyarrow as pa

from hemometric.simulation.population import People, draw_people, render_people
from hemometric.simulation.rendering import Microvolts
from hemometric.simulation.settings import CohortSettings
from hemometric.workers import map_in_order


class Chunk(NamedTuple):
    """A finished chunk.

    Attributes:
        people: Patients and visits.
        microvolts: Their ECGs, or None where only the people were asked for.
        ecgs: One row per ECG, or None.
    """

    people: People
    microvolts: Microvolts | None
    ecgs: pa.Table | None


def make_chunks(settings: CohortSettings, *, first_rendered: int) -> Iterator[Chunk]:
    """Make all chunks of a cohort, in order; the same for any number of workers.

    Args:
        settings: Of the cohort.
        first_rendered: Chunks before this one come without ECGs (an interrupted run has stored them).

    Raises:
        StoreError: A worker was killed.
    """
    make = partial(_make_chunk, settings, first_rendered)
    return map_in_order(make, range(settings.n_chunks), n_workers=min(settings.n_workers, settings.n_chunks))


def _make_chunk(settings: CohortSettings, first_rendered: int, number: int) -> Chunk:
    people = draw_people(settings, number)
    if number < first_rendered:
        return Chunk(people, None, None)
    microvolts, ecgs = render_people(settings, people)
    return Chunk(people, microvolts, ecgs)
