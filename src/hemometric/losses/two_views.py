"""Contrast between two sets of representations of the same ECGs: CLOCS and TF-C."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from hemometric.losses.contrast import check_temperature, nt_xent
from hemometric.losses.precision import products, unit_rows


def clocs(first: Tensor, second: Tensor, patient_codes: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Patient-contrastive loss (Kiyasseh, Zhu, Clifton, CLOCS, ICML 2021), for CMSC, CMLC and CMSMLC alike.

    Row i of `first` and row i of `second` are two views of one ECG: two halves (CMSC), two leads (CMLC), or leads of
    both halves (CMSMLC). In both directions, each row of one set picks among all rows of the other in proportion to
    exp(cosine / temperature); wanted are the rows of its patient. The mean of the -log-probabilities of the pairs of
    one ECG and that of the pairs of different ECGs of one patient have equal weight; where no patient has two ECGs,
    the former stands alone.

    The authors' code takes half of the pairs of different ECGs in one direction and half in the other ("technically
    need to add 1 more term for symmetry"); here all count in both.

    Args:
        first: Shape (n, d); L2-normalised here.
        second: Shape (n, d); L2-normalised here.
        patient_codes: Shape (n,), integers, equal where the patient is the same: patients, not places in the dataset.
        temperature: > 0.

    Raises:
        ValueError: Shapes that do not fit, fewer than two rows, or a temperature that is not positive.
    """
    check_temperature(temperature)
    n = len(first)
    if first.shape != second.shape or patient_codes.shape != (n,) or n < 2:
        raise ValueError(
            f"expected two sets of one shape (n, d), n >= 2, and n patient codes;"
            f" got {tuple(first.shape)}, {tuple(second.shape)}, {tuple(patient_codes.shape)}"
        )
    similarity = products(unit_rows(first), unit_rows(second)) / temperature
    surprise = -(functional.log_softmax(similarity, dim=1) + functional.log_softmax(similarity, dim=0)) / 2
    of_one_ecg = surprise.diagonal().mean()
    itself = torch.eye(n, dtype=torch.bool, device=similarity.device)
    others = (patient_codes[:, None] == patient_codes[None, :]) & ~itself
    if not bool(others.any()):
        return of_one_ecg
    return (of_one_ecg + surprise[others].mean()) / 2


class TfcRepresentations(NamedTuple):
    """What TF-C makes of a batch of ECGs, or of the augmented batch; four tensors with n rows.

    Attributes:
        time: (n, d) from the time encoder (the paper's h^T).
        frequency: (n, d') from the frequency encoder (h^F).
        joint_time: (n, k) projection of `time` into the joint space (z^T).
        joint_frequency: (n, k) projection of `frequency` into the joint space (z^F).
    """

    time: Tensor
    frequency: Tensor
    joint_time: Tensor
    joint_frequency: Tensor


def tfc(
    original: TfcRepresentations,
    augmented: TfcRepresentations,
    *,
    temperature: float = 0.2,
    margin: float | None = 1.0,
    contrast_weight: float = 0.2,
) -> Tensor:
    """Time-frequency consistency (Zhang, Zhao, Tsiligkaridis, Zitnik, TF-C, NeurIPS 2022).

    lambda (L_T + L_F) + (1 - lambda) L_C, where L_T and L_F contrast each ECG with its augmentation in time and in
    frequency, and L_C is `tfc_consistency`. Each contrast is NT-Xent over the 2 n rows of two sets.

    Args:
        original: Of the ECGs.
        augmented: Of their augmentations, row by row.
        temperature: > 0.
        margin: The paper's delta. None puts S(z^T, z^F) alone in place of L_C, as the authors' released code does when
            it trains (L_C has no hinge, so it also drives an ECG and its augmentation apart).
        contrast_weight: The paper's lambda, 0 to 1.

    Raises:
        ValueError: Shapes that do not fit, fewer than two rows, a temperature that is not positive, or a weight
            outside 0 to 1.
    """
    if not 0 <= contrast_weight <= 1:
        raise ValueError(f"contrast_weight must lie between 0 and 1, got {contrast_weight}")
    contrast = _contrast(original.time, augmented.time, temperature) + _contrast(
        original.frequency, augmented.frequency, temperature
    )
    if margin is None:
        consistency = _contrast(original.joint_time, original.joint_frequency, temperature)
    else:
        consistency = tfc_consistency(original, augmented, temperature=temperature, margin=margin)
    return contrast_weight * contrast + (1 - contrast_weight) * consistency


def tfc_consistency(
    original: TfcRepresentations,
    augmented: TfcRepresentations,
    *,
    temperature: float = 0.2,
    margin: float = 1.0,
) -> Tensor:
    """L_C of TF-C: time and frequency of an ECG agree more than where either is augmented.

    The sum over (z^T, ~z^F), (~z^T, z^F), (~z^T, ~z^F) of S(z^T, z^F) - S(pair) + delta, with S the NT-Xent contrast
    of two sets. There is no hinge at zero, so it can be negative.

    Args:
        original: Of the ECGs; the joint projections are used.
        augmented: Of their augmentations, row by row.
        temperature: > 0.
        margin: The paper's delta.

    Raises:
        ValueError: Shapes that do not fit, fewer than two rows, or a temperature that is not positive.
    """
    agreement = _contrast(original.joint_time, original.joint_frequency, temperature)
    others = (
        _contrast(original.joint_time, augmented.joint_frequency, temperature)
        + _contrast(augmented.joint_time, original.joint_frequency, temperature)
        + _contrast(augmented.joint_time, augmented.joint_frequency, temperature)
    )
    return 3 * (agreement + margin) - others


def _contrast(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    n = len(first)
    if first.shape != second.shape or n < 2:
        raise ValueError(
            f"expected two sets of one shape (n, d), n >= 2; got {tuple(first.shape)}, {tuple(second.shape)}"
        )
    codes = torch.arange(n, device=first.device).repeat(2)
    return nt_xent(torch.cat([first, second]), codes, temperature=temperature)
