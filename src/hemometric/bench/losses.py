"""Mining and losses, forward and backward: against a loop over anchors and against pytorch-metric-learning."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hemometric.bench.race import (
    Side,
    Untyped,
    check_same,
    count_calls,
    need,
    one_torch_thread,
    race_with_one_thread,
)
from hemometric.bench.results import Result
from hemometric.mining import Triplets, mine_by_distance

_LIBRARY = "pytorch-metric-learning"
_MARGIN = 0.2
_TEMPERATURE = 0.1


def bench_mining_loss(repeats: int, quick: bool) -> list[Result]:
    """Loss and gradient of embeddings, one thread: ours against others, at batches of 64 and 256.

    Triplet mining with the loss against a Python loop over anchors, as published code has it; the losses alone, on the
    same triplets or the same pairs, against pytorch-metric-learning.
    """
    torch = need("torch", "torch", "train")
    library = _load_library()
    with one_torch_thread(torch):
        return [r for n in ((6,) if quick else (64, 256)) for r in _race_batch(torch, library, n, repeats, quick=quick)]


def _race_batch(torch: Untyped, library: Untyped, n: int, repeats: int, *, quick: bool) -> list[Result]:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(n, 3))
    distances = np.linalg.norm(points[:, None] - points[None, :], axis=2).astype(np.float32)
    embeddings = torch.tensor(rng.normal(size=(n, 128)), dtype=torch.float32, requires_grad=True)
    results = []
    for what, ours, theirs, peer_name in (
        ("mining and triplet loss", *_mined_sides(torch, distances, embeddings), "loop over anchors"),
        ("triplet loss", *_triplet_sides(library, distances, embeddings), _LIBRARY),
        ("NT-Xent", *_nt_xent_sides(torch, library, embeddings), _LIBRARY),
    ):
        _check(ours, theirs, embeddings, peer_name=peer_name)
        label = ("mining-loss", f"{what}, batch {n}, embedding 128, forward + backward", "ms")
        counts = (1, 1) if quick else (count_calls(ours), count_calls(theirs))
        sides = [partial(_call, side, count) for side, count in zip((ours, theirs), counts, strict=True)]
        results += race_with_one_thread(label, *sides, counts=counts, repeats=repeats, peer_name=peer_name)
    return results


def _load_library() -> Untyped:
    for room in ("losses", "distances", "reducers"):
        need(f"pytorch_metric_learning.{room}", _LIBRARY, "dev")
    return need("pytorch_metric_learning", _LIBRARY, "dev")


def _mined_sides(torch: Untyped, distances: NDArray[np.float32], embeddings: Untyped) -> tuple[Side, Side]:
    ours = partial(_backward, embeddings, lambda points: _triplet_loss(points, _mine(distances)))
    return ours, partial(_backward, embeddings, partial(_loss_by_loop, torch, distances))


def _triplet_sides(library: Untyped, distances: NDArray[np.float32], embeddings: Untyped) -> tuple[Side, Side]:
    """The loss alone; theirs computes all distances of the batch, ours those of the triplets."""
    from torch import arange, from_numpy

    triplets = _mine(distances)
    loss = library.losses.TripletMarginLoss(
        margin=_MARGIN,
        distance=library.distances.LpDistance(p=2, power=2, normalize_embeddings=False),
        reducer=library.reducers.MeanReducer(),
    )
    ours = partial(_backward, embeddings, partial(_triplet_loss, triplets=triplets))
    labels, tuples = arange(len(distances)), tuple(from_numpy(rows) for rows in triplets)
    return ours, partial(_backward, embeddings, lambda points: loss(points, labels, indices_tuple=tuples))


def _nt_xent_sides(torch: Untyped, library: Untyped, embeddings: Untyped) -> tuple[Side, Side]:
    """Two rows of each code: with more positives the two definitions differ."""
    from hemometric.losses import nt_xent

    codes = torch.arange(len(embeddings)) // 2
    loss = library.losses.NTXentLoss(temperature=_TEMPERATURE)
    ours = partial(_backward, embeddings, partial(nt_xent, codes=codes, temperature=_TEMPERATURE))
    return ours, partial(_backward, embeddings, lambda points: loss(points, codes))


def _backward(embeddings: Untyped, loss: Callable[[Untyped], Untyped]) -> Untyped:
    embeddings.grad = None
    value = loss(embeddings)
    value.backward()
    return value


def _check(ours: Side, theirs: Side, embeddings: Untyped, *, peer_name: str) -> None:
    values, gradients = [], []
    for side in (ours, theirs):
        values.append(side().item())
        gradients.append(embeddings.grad.numpy().copy())
    check_same("mining-loss", *values, peer_name=peer_name)
    check_same("mining-loss", *gradients, peer_name=peer_name)


def _call(side: Side, count: int) -> None:
    for _ in range(count):
        side()


def _mine(distances: NDArray[np.float32]) -> Triplets:
    triplets, _ = mine_by_distance(distances, n_farthest=1, rng=np.random.default_rng(0))
    return triplets


def _triplet_loss(embeddings: Untyped, triplets: Triplets) -> Untyped:
    from torch import from_numpy

    from hemometric.losses import triplet

    return triplet(embeddings, *(from_numpy(rows) for rows in triplets), margin=_MARGIN)


def _loss_by_loop(torch: Untyped, distances: NDArray[np.float32], embeddings: Untyped) -> Untyped:
    terms = []
    for anchor in range(len(distances)):
        order = [other for other in np.argsort(distances[anchor]).tolist() if other != anchor]
        near = (embeddings[anchor] - embeddings[order[0]]).pow(2).sum()
        far = (embeddings[anchor] - embeddings[order[-1]]).pow(2).sum()
        terms.append(torch.relu(near - far + _MARGIN))
    return torch.stack(terms).mean()
