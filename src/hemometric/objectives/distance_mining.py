"""Deep metric learning by distances in input space, as in the papers (Jeong et al. 2022, 2023), within a batch."""

from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hemometric.distances import DISTANCES, whiten_independent
from hemometric.distances.representations import BEAT_RATE_HZ, to_beats, to_features
from hemometric.ecg import INDEPENDENT_ROWS, derive_leads
from hemometric.errors import SettingsError
from hemometric.losses import triplet
from hemometric.mining import Triplets, mine_by_distance
from hemometric.neighbors import PairDistances
from hemometric.objectives.objective import Batch, LossParts, Recipe, See
from hemometric.settings import PretrainSettings, suggest
from hemometric.waveform import resample

Floats = NDArray[np.float32]

PAPER = Recipe(batch_size=64, optimizer="adam", learning_rate=1e-4, weight_decay=0.0)
"""Batch 64, Adam at 1e-4. The papers' script adds weight_decay = 0.1 to the gradient; the text does not, nor do we."""


class _Compared(NamedTuple):
    """What is compared of a batch: the places of the ECGs that can be, (m,), their representation, and its rate."""

    places: NDArray[np.intp]
    prepared: Floats
    rate_hz: float


def _strips(batch: Batch, settings: PretrainSettings) -> _Compared:
    rate_hz = min(settings.dtw_rate_hz, batch.sampling_rate_hz)
    slow = resample(_waveforms(batch), from_hz=batch.sampling_rate_hz, to_hz=rate_hz)
    return _Compared(np.arange(len(slow)), whiten_independent(slow), rate_hz)


def _beats(batch: Batch, settings: PretrainSettings) -> _Compared:
    del settings
    places, beats = _one_by_one(to_beats, batch)
    return _Compared(places, whiten_independent(beats[:, INDEPENDENT_ROWS]), BEAT_RATE_HZ)


def _features(batch: Batch, settings: PretrainSettings) -> _Compared:
    del settings
    places, features = _one_by_one(to_features, batch)
    return _Compared(places, features, batch.sampling_rate_hz)


def _one_by_one(describe: Callable[[Floats, float], Floats], batch: Batch) -> tuple[NDArray[np.intp], Floats]:
    """Describe the ECGs that have a typical beat."""
    places, described = [], []
    for place, ecg in enumerate(derive_leads(_waveforms(batch))):
        try:
            described.append(describe(ecg[None], batch.sampling_rate_hz)[0])
        except ValueError:
            continue
        places.append(place)
    return np.array(places, dtype=np.intp), np.stack(described) if described else np.zeros((0, 12, 1), np.float32)


def _waveforms(batch: Batch) -> Floats:
    waveforms: Floats = batch.independent.detach().cpu().contiguous().numpy()
    return waveforms


class _Comparison(NamedTuple):
    """How a batch is prepared for a distance, and the distance between what was prepared."""

    prepare: Callable[[Batch, PretrainSettings], _Compared]
    between: str


_COMPARISONS: MappingProxyType[str, _Comparison] = MappingProxyType(
    {
        "dtw": _Comparison(_strips, "dtw"),
        "euclidean": _Comparison(_strips, "euclidean"),
        "soft-dtw": _Comparison(_strips, "soft-dtw"),
        "beat-dtw": _Comparison(_beats, "dtw"),
        "beat-euclidean": _Comparison(_beats, "euclidean"),
        "features": _Comparison(_features, "euclidean"),
    }
)


def remember_distances(distance: str, settings: PretrainSettings) -> PairDistances:
    """Distances for the batches of a training, each pair computed once while there is room.

    Args:
        distance: A key of `hemometric.distances.DISTANCES`.
        settings: `band_ms` and `pair_memory_mib` are used.

    Raises:
        SettingsError: There is no such distance.
    """
    if distance not in _COMPARISONS:
        raise SettingsError(f"unknown distance {distance!r}{suggest(distance, list(DISTANCES))}")
    between = _COMPARISONS[distance].between
    return PairDistances(distance=between, band_ms=settings.band_ms, memory_mib=settings.pair_memory_mib)


def mined_triplet_loss(
    see: See,
    batch: Batch,
    settings: PretrainSettings,
    rng: np.random.Generator,
    *,
    distance: str,
) -> LossParts:
    """`triplets_by_distance` of the ECGs as they are, since those are what is near or far.

    Args:
        see: The model without projection.
        batch: ECGs, each once.
        settings: As there.
        rng: Draws the negatives.
        distance: What "nearest" means, unless the settings say otherwise.
    """
    return triplets_by_distance(see(batch.independent), batch, settings, rng, distance=distance)


def triplets_by_distance(
    embeddings: Tensor,
    batch: Batch,
    settings: PretrainSettings,
    rng: np.random.Generator,
    *,
    distance: str,
) -> LossParts:
    """Triplet loss on squared distances: the positive is the nearest other ECG of the batch, the negative a far one.

    Distances are taken between the ECGs as prepared, over all leads together: strips at `dtw_rate_hz`, typical beats or
    measured features. ECGs without a typical beat take no part where beats are compared, and are counted.

    Args:
        embeddings: (n, d), of the ECGs of the batch.
        batch: ECGs, each once.
        settings: `distance`, `dtw_rate_hz`, `band_ms`, `n_farthest` and `margin` are used.
        rng: Draws the negatives.
        distance: What "nearest" means, unless the settings say otherwise.
    """
    name = settings.distance or distance
    compared = _COMPARISONS[name].prepare(batch, settings)
    facts = {"n_without_beat": float(len(batch.rows) - len(compared.places))}
    if len(compared.places) < 3:  # nobody has both a positive and a negative
        return LossParts(0.0 * embeddings.sum(), facts)
    pairs = remember_distances(name, settings) if batch.distances is None else batch.distances
    distances = pairs.matrix(batch.rows[compared.places], compared.prepared, sampling_rate_hz=compared.rate_hz)
    codes = batch.patient_codes[compared.places]
    found, counts = mine_by_distance(distances, patient_codes=codes, n_farthest=settings.n_farthest, rng=rng)
    triplets = Triplets(*(compared.places[places] for places in found))
    anchor, positive, negative = (torch.from_numpy(places).to(embeddings.device) for places in triplets)
    loss = triplet(embeddings, anchor, positive, negative, margin=settings.margin, squared=True)
    return LossParts(loss, facts | {fact: float(count) for fact, count in counts._asdict().items()})
