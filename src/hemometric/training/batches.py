"""From rows of a store to tensors: prepared once, kept in memory where they fit, drawn in a reproducible order."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from hemometric.distances.dtw import usable_threads
from hemometric.ecg import INDEPENDENT_LEADS, LEADS_FROM_INDEPENDENT
from hemometric.progress import track
from hemometric.store import Store
from hemometric.training.contract import ModelContract, prepare
from hemometric.training.randomness import Purpose, numpy_rng

Rows = NDArray[np.int64]
_CHUNK = 512
_MILLIVOLT_PER_STEP = 0.001


class PreparedEcgs:
    """Chosen rows of a store, made ready for a model; the eight independent leads as int16 microvolts.

    Kept in memory where they need no more than `memory_gib`, else prepared anew for every batch. Both round to the
    microvolt, which is the store's own step, so that training does not depend on the memory of the machine.

    Args:
        store: Where the ECGs lie.
        rows: Which of them may be asked for.
        contract: Of the model.
        memory_gib: What the ECGs may need; 2 * 8 * contract.n_samples bytes each.
    """

    def __init__(self, store: Store, rows: Rows, *, contract: ModelContract, memory_gib: float) -> None:
        self._store = store
        self._contract = contract
        self._rows = np.unique(rows)
        self._kept: NDArray[np.int16] | None = None
        shape = (len(self._rows), contract.n_samples, len(INDEPENDENT_LEADS))
        if 2 * np.prod(shape, dtype=np.float64) <= memory_gib * 2**30:
            self._kept = np.empty(shape, dtype=np.int16)
            self._fill(self._kept)

    def _fill(self, kept: NDArray[np.int16]) -> None:
        def fill(start: int) -> None:
            kept[start : start + _CHUNK] = self._prepare(self._rows[start : start + _CHUNK])

        starts = range(0, len(self._rows), _CHUNK)
        pool = ThreadPoolExecutor(usable_threads())
        try:
            # One thread a chunk: threads that wait for each other within small matrix products were ten times slower
            # where the cores are shared.
            with threadpool_limits(1):
                chunks = pool.map(fill, starts)
                deque(track(chunks, total=len(starts), unit=f"x {_CHUNK} ECGs", title="prepare"), maxlen=0)
        finally:
            pool.shutdown(cancel_futures=True)

    def _prepare(self, rows: Rows) -> NDArray[np.int16]:
        waveforms = self._store.take_independent(rows)
        prepared = prepare(waveforms, sampling_rate_hz=self._store.sampling_rate_hz, contract=self._contract)
        limits = np.iinfo(np.int16)
        steps = np.clip(np.rint(prepared / np.float32(_MILLIVOLT_PER_STEP)), limits.min, limits.max)
        by_time: NDArray[np.int16] = steps.astype(np.int16).transpose(0, 2, 1)
        return by_time

    def take(self, rows: Rows, *, device: torch.device) -> Tensor:
        """Read ECGs.

        Args:
            rows: Rows of the store, in any order.
            device: Where to put them.

        Returns:
            (n, 8, n_samples) float32 mV, time before leads in memory.
        """
        if self._kept is None:
            steps = np.ascontiguousarray(self._prepare(rows))
        else:
            steps = self._kept[np.searchsorted(self._rows, rows)]
        return (torch.from_numpy(steps).to(device) * _MILLIVOLT_PER_STEP).transpose(1, 2)


def derive_all(independent: Tensor) -> Tensor:
    """Compute all twelve leads from the eight independent ones.

    Args:
        independent: (n, 8, n_samples) mV.

    Returns:
        (n, 12, n_samples) mV, time before leads in memory.
    """
    matrix = torch.from_numpy(LEADS_FROM_INDEPENDENT.copy()).to(independent.device)
    return (independent.transpose(1, 2) @ matrix.T).transpose(1, 2)


def draw_ecgs(rows: Rows, *, batch_size: int, step: int, seed: int) -> Rows:
    """Draw the rows of one step: every row once before any comes again (a rest smaller than a batch is left out).

    Args:
        rows: What to draw from; all of them if there are no more than `batch_size`.
        batch_size: Rows in a step.
        step: 0 or more. The draw depends on step and seed alone, not on earlier draws.
        seed: Of the order.
    """
    return rows[_places(len(rows), min(batch_size, len(rows)), step, seed)]


def draw_pairs(patients: Sequence[Rows], *, n_patients: int, step: int, seed: int) -> Rows:
    """Draw two different ECGs of each of `n_patients` patients; of a patient with one ECG, that one twice.

    Args:
        patients: The rows of each patient.
        n_patients: Patients in a step.
        step: 0 or more. The draw depends on step and seed alone.
        seed: Of the order and of the pairs.

    Returns:
        (2 * n_patients,): the first ECG of every patient, then the second.
    """
    places = _places(len(patients), min(n_patients, len(patients)), step, seed)
    rng = numpy_rng(seed, Purpose.PAIRS, step)
    return pair_rows([patients[place] for place in places], rng=rng)


def pair_rows(patients: Sequence[Rows], *, rng: np.random.Generator) -> Rows:
    """Draw two ECGs of each patient, different ones where there are two: first all firsts, then all seconds."""
    counts = np.array([len(rows) for rows in patients])
    first = rng.integers(0, counts)
    second = (first + rng.integers(1, np.maximum(counts, 2))) % counts
    pairs = zip(patients, first, second, strict=True)
    drawn = np.array([(rows[i], rows[j]) for rows, i, j in pairs], dtype=np.int64)
    return drawn.T.reshape(-1)


def draw_mates(rows: Rows, patients: Sequence[Rows], *, rng: np.random.Generator) -> Rows:
    """Draw for each row another one of its patient; the row itself where there is none.

    Args:
        rows: (n,).
        patients: For each of them, all rows of its patient.
        rng: Where the draws come from.
    """
    others = [unit[unit != row] for row, unit in zip(rows, patients, strict=True)]
    places = rng.integers(0, [max(len(unit), 1) for unit in others])
    drawn = [unit[place] if len(unit) else row for row, unit, place in zip(rows, others, places, strict=True)]
    return np.array(drawn, dtype=np.int64)


def _places(n: int, n_drawn: int, step: int, seed: int) -> NDArray[np.int64]:
    """The places of one step in an order that is new in every round."""
    round_number, position = divmod(step, n // n_drawn)
    return _order(n, seed, round_number)[position * n_drawn : (position + 1) * n_drawn]


@lru_cache(maxsize=2)
def _order(n: int, seed: int, round_number: int) -> NDArray[np.int64]:
    order: NDArray[np.int64] = numpy_rng(seed, Purpose.ORDER, round_number).permutation(n)
    order.setflags(write=False)
    return order
