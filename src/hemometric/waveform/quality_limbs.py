"""Why the six limb leads do not belong together: leads in a wrong order, gains that are wrong, or zeros that are.

Of six leads that are sums of two, an error of one shows in four equations (Einthoven 1913, Goldberger 1942). What would
make all four true can be computed; where nothing does, that is said.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import LEADS, LEADS_FROM_INDEPENDENT, Waveform

LIMB_LEADS = LEADS[:6]

OBEYS = 0.02
"""Residual of the four equations, as a share of the leads' size, up to which they count as true.

554 real records leave 0.016 at most, by rounding, but for one with a burst in a limb lead."""

_SAME_GAIN = 0.02
"""Gains that differ by no more are called equal."""

_TELLS = 0.05
"""How much worse the second best gains must be: where I and II have one shape, many gains would do."""

_BETTER = 0.5
"""Other gains must leave no more than this share of what the file's gains leave."""

_OFFSET_STANDS_OUT = 3.0
"""How many times larger than the rest of the residual a wrong zero must be to explain it."""

_EQUATIONS: NDArray[np.float64] = np.hstack([-LEADS_FROM_INDEPENDENT[2:6, :2], np.eye(4)]).astype(np.float64)
"""Shape (4, 6); of leads that obey all are 0: III - II + I, aVR + (I + II) / 2, aVL - I + II / 2, aVF - II + I / 2."""
_WEIGHTS: NDArray[np.float64] = _EQUATIONS.T @ _EQUATIONS


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would make the limb leads obey.

    Attributes:
        kind: "offset" (the same with another zero), "order" (with other names), "gain", or "unknown".
        detail: A phrase for people.
    """

    kind: str
    detail: str


def explain_mismatch(limb_leads: Waveform) -> Explanation:
    """Find out what would make six limb leads obey Einthoven and Goldberger.

    Tried are another zero for each lead, then other names (of all 720 orders the one that moves the fewest leads) and
    another gain for each lead (the smallest eigenvector of the residual as a quadratic form of the gains). Where both
    would do, what changes fewer leads is told: lead I upside down obeys too if II and III, aVR and aVL are exchanged.
    Only ratios of gains can be known: those of most leads that agree are called 1.

    Args:
        limb_leads: Shape (6, n_samples), mV, in the order I, II, III, aVR, aVL, aVF; they do not obey.
    """
    centred = limb_leads.astype(np.float64)
    means = centred.mean(axis=1)
    centred -= means[:, None]
    spread = centred @ centred.T / centred.shape[1]
    if not (np.diag(spread) > 0).all():
        return Explanation("unknown", "a limb lead is flat")
    zeros = _EQUATIONS @ means
    if _residual(spread) <= OBEYS and np.abs(zeros).max() > _OFFSET_STANDS_OUT * _residual_mv(spread):
        told = ", ".join(f"{lead} {offset:+.3g} mV" for lead, offset in zip(LIMB_LEADS[2:], zeros, strict=True))
        return Explanation("offset", f"they obey but for their zeros (against I and II: {told}): check baselines")
    order, gains = _find_order(spread), _find_gains(spread)
    moved = [] if order is None else [number for number in range(6) if order[number] != number]
    changed = [] if gains is None else [number for number in range(6) if abs(gains[number] - 1) > _SAME_GAIN]
    if order is not None and (gains is None or len(moved) <= len(changed)):
        told = ", ".join(f"{LIMB_LEADS[order[number]]} as {LIMB_LEADS[number]}" for number in moved)
        return Explanation("order", f"they obey if renamed ({told}): check the order of the leads")
    if gains is not None:
        told = ", ".join(f"{LIMB_LEADS[number]} x {gains[number]:.3g}" for number in changed)
        before, after = _einthoven(spread), _einthoven(spread * np.outer(gains, gains))
        return Explanation(
            "gain",
            f"they obey with other gains ({told}, or a common multiple for all six; |II - I - III| / |II| goes from "
            f"{before:.2g} to {after:.2g}): check the gains of the file",
        )
    return Explanation("unknown", "no order, gains or zeros would make them obey: check what the file holds")


def _residual_mv(spread: NDArray[np.float64]) -> float:
    """What the equations leave, root mean square over them and over time."""
    return float(np.sqrt(max(float(np.sum(_WEIGHTS * spread)), 0.0) / len(_EQUATIONS)))


def _residual(spread: NDArray[np.float64]) -> float:
    """The same as a share of the root mean square of the leads."""
    return _residual_mv(spread) / float(np.sqrt(np.mean(np.diag(spread))))


def _einthoven(spread: NDArray[np.float64]) -> float:
    """|II - I - III| / |II|, root mean squares about the mean."""
    left = float(_EQUATIONS[0] @ spread @ _EQUATIONS[0])
    return float(np.sqrt(max(left, 0.0) / spread[1, 1]))


def _find_order(spread: NDArray[np.float64]) -> list[int] | None:
    """Which lead is truly the one called I, II, ...; None where the order is right, none obeys, or two move as few."""
    if _residual(spread) <= OBEYS:
        return None
    orders = np.array(list(itertools.permutations(range(6))))
    left = np.einsum("ij,oij->o", _WEIGHTS, spread[orders[:, :, None], orders[:, None, :]]) / len(_EQUATIONS)
    obeying = orders[left <= OBEYS**2 * np.mean(np.diag(spread))]
    if not len(obeying):
        return None
    n_moved = (obeying != np.arange(6)).sum(axis=1)
    fewest = obeying[n_moved == n_moved.min()]
    return fewest[0].tolist() if len(fewest) == 1 else None


def _find_gains(spread: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The six gains that leave the least, most of them 1; None where that is too much or others do as well."""
    size = np.sqrt(np.diag(spread))
    values, vectors = np.linalg.eigh(_WEIGHTS * spread / np.outer(size, size))
    gains = vectors[:, 0] / size
    if np.abs(vectors[:, 0]).min() < 1e-3 or np.sqrt(max(values[1], 0.0)) < _TELLS:
        return None
    agreeing = np.abs(gains[None, :] / gains[:, None] - 1) <= _SAME_GAIN
    group = agreeing[int(agreeing.sum(axis=1).argmax())]
    gains = gains / gains[group].mean()
    after = _residual(spread * np.outer(gains, gains))
    return gains if after <= min(OBEYS, _BETTER * _residual(spread)) else None
