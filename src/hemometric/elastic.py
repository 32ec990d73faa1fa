"""DTW and soft-DTW as tensors: batched over pairs, on any device, soft-DTW with a gradient.

The dynamic programme runs over anti-diagonals, since the cells of one depend only on the two before it. Soft-DTW
(Cuturi and Blondel, ICML 2017) replaces the minimum by -gamma log sum exp(-/gamma); its divergence (Blondel, Mensch and
Vert, AISTATS 2021) is zero on itself, which soft-DTW is not. On processors `hemometric.distances` is the faster one.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

_CELLS_AT_ONCE = 2**24
"""Values of one anti-diagonal that may be in memory (64 MiB)."""


def pairwise_dtw(x: Tensor, y: Tensor, *, radius: int) -> Tensor:
    """DTW distance of every ECG of `x` to every ECG of `y`, as `hemometric.distances.pairwise` defines it.

    Args:
        x: Shape (n, n_leads, n_samples), mV.
        y: Shape (m, n_leads, n_samples), mV, on the same device.
        radius: Largest |i - j| between matched samples, >= 0.

    Returns:
        Shape (n, m), mV, without gradient.
    """
    _check(x, y, radius, pairs=False)
    rows = max(1, _CELLS_AT_ONCE // max(1, len(y) * x.shape[1] * (radius + 1)))
    with torch.no_grad():
        parts = [_run(x[start : start + rows, None], y[None], radius, _minimum) for start in range(0, len(x), rows)]
    return torch.cat(parts).sqrt() if parts else x.new_zeros((0, len(y)))


def soft_dtw(x: Tensor, y: Tensor, *, radius: int, gamma: float) -> Tensor:
    """Soft-DTW of each pair; below the squared DTW distance, which it approaches as gamma goes to 0.

    Args:
        x: Shape (p, n_leads, n_samples), mV.
        y: The same shape: the partner of each row of `x`.
        radius: Largest |i - j| between matched samples, >= 0.
        gamma: Softness in mV squared, > 0.

    Returns:
        Shape (p,), mV squared; may be negative.
    """
    _check(x, y, radius, pairs=True)
    if not gamma > 0:
        raise ValueError(f"expected gamma > 0, got {gamma}")
    value: Tensor = _SoftDtw.apply(x, y, radius, gamma)  # type: ignore[no-untyped-call]
    return value


def soft_dtw_divergence(x: Tensor, y: Tensor, *, radius: int, gamma: float) -> Tensor:
    """Soft-DTW less half of that of each with itself: >= 0, zero on itself, symmetric.

    Args:
        x: Shape (p, n_leads, n_samples), mV.
        y: The same shape: the partner of each row of `x`.
        radius: Largest |i - j| between matched samples, >= 0.
        gamma: Softness in mV squared, > 0.

    Returns:
        Shape (p,), mV squared.
    """
    own = soft_dtw(x, x, radius=radius, gamma=gamma) + soft_dtw(y, y, radius=radius, gamma=gamma)
    return soft_dtw(x, y, radius=radius, gamma=gamma) - 0.5 * own


def _check(x: Tensor, y: Tensor, radius: int, *, pairs: bool) -> None:
    same = x.shape == y.shape if pairs else x.shape[1:] == y.shape[1:]
    if x.ndim != 3 or y.ndim != 3 or not same or 0 in x.shape[1:]:
        raise ValueError(
            f"expected ECGs (n, n_leads, n_samples) of equal shape, got {tuple(x.shape)}, {tuple(y.shape)}"
        )
    if radius < 0:
        raise ValueError(f"expected radius >= 0, got {radius}")


def _rows(n_samples: int, radius: int) -> list[tuple[int, int]]:
    """First row i of each anti-diagonal i + j = k inside the band, and one past its last."""
    return [
        (max(0, k - n_samples + 1, -((radius - k) // 2)), min(n_samples - 1, k, (k + radius) // 2) + 1)
        for k in range(2 * n_samples - 1)
    ]


def _costs(x: Tensor, flipped: Tensor, rows: tuple[int, int], k: int) -> Tensor:
    """Differences of the samples that meet on anti-diagonal k, shape (..., n_leads, n rows)."""
    start, end = rows
    offset = flipped.shape[-1] - 1 - k
    return x[..., start:end] - flipped[..., start + offset : end + offset]


_Minimum = Callable[[Tensor, Tensor, Tensor], Tensor]


def _minimum(up: Tensor, left: Tensor, both: Tensor) -> Tensor:
    return torch.minimum(torch.minimum(up, left), both)


def _soft_minimum(up: Tensor, left: Tensor, both: Tensor, *, gamma: float) -> Tensor:
    return -gamma * torch.logsumexp(torch.stack((up, left, both)) / -gamma, dim=0)


def _run(x: Tensor, y: Tensor, radius: int, minimum: _Minimum, keep: list[Tensor] | None = None) -> Tensor:
    """The programme's last cell; `keep` collects every anti-diagonal, rows (start - 1) to end."""
    flipped = y.flip(-1)
    n_samples = x.shape[-1]
    shape = torch.broadcast_shapes(x.shape[:-2], y.shape[:-2])  # type: ignore[no-untyped-call]
    before, last, now = (x.new_full((*shape, n_samples + 2), torch.inf) for _ in range(3))
    for k, rows in enumerate(_rows(n_samples, radius)):
        start, end = rows
        now[..., start : end + 2] = torch.inf  # rows start - 1 to end: what the next two anti-diagonals look at
        cost = _costs(x, flipped, rows, k).square().sum(-2)
        best = minimum(last[..., start:end], last[..., start + 1 : end + 1], before[..., start:end]) if k else 0.0
        now[..., start + 1 : end + 1] = cost + best
        if keep is not None:
            keep.append(now[..., start : end + 2].clone())
        before, last, now = last, now, before
    return last[..., n_samples].clone()


class _SoftDtw(torch.autograd.Function):
    """Soft-DTW with the backward recursion of Cuturi and Blondel, algorithm 2, over anti-diagonals."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, y: Tensor, radius: int, gamma: float) -> Tensor:
        kept: list[Tensor] = []
        value = _run(x, y, radius, partial(_soft_minimum, gamma=gamma), kept)
        ctx.save_for_backward(x, y, *kept)
        ctx.radius, ctx.gamma = radius, gamma  # type: ignore[attr-defined]
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, wanted: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, y, *kept = ctx.saved_tensors  # type: ignore[attr-defined]
        radius, gamma = ctx.radius, ctx.gamma  # type: ignore[attr-defined]
        flipped = y.flip(-1)
        to_x, to_flipped = torch.zeros_like(x), torch.zeros_like(flipped)
        for k, share, rows in _shares(x, flipped, kept, radius, gamma):
            start, end = rows
            offset = flipped.shape[-1] - 1 - k
            pull = 2.0 * (wanted[:, None] * share)[:, None] * _costs(x, flipped, rows, k)
            to_x[..., start:end] += pull
            to_flipped[..., start + offset : end + offset] -= pull
        return to_x, to_flipped.flip(-1), None, None


def _shares(
    x: Tensor, flipped: Tensor, kept: Sequence[Tensor], radius: int, gamma: float
) -> Iterator[tuple[int, Tensor, tuple[int, int]]]:
    """Yield (k, derivative of the result to each cell's cost, rows) from the last anti-diagonal to the first."""
    n_samples = x.shape[-1]
    share, after, later = (x.new_zeros((len(x), n_samples + 2)) for _ in range(3))
    value, value_after, value_later = (x.new_full((len(x), n_samples + 2), -torch.inf) for _ in range(3))
    for k, (start, end) in reversed(list(enumerate(_rows(n_samples, radius)))):
        reached = kept[k][:, 1:-1]
        share[:, start : end + 2], value[:, start : end + 2] = 0.0, -torch.inf
        own = share[:, start + 1 : end + 1]
        if k == 2 * n_samples - 2:
            own += 1.0
        else:
            for shares, values, shift in ((after, value_after, 1), (after, value_after, 0), (later, value_later, 1)):
                cells = slice(start + 1 + shift, end + 1 + shift)
                own += shares[:, cells] * torch.exp((values[:, cells] - reached) / gamma)
        value[:, start + 1 : end + 1] = reached - _costs(x, flipped, (start, end), k).square().sum(-2)
        yield k, own.clone(), (start, end)
        share, after, later = later, share, after
        value, value_after, value_later = value_later, value, value_after
