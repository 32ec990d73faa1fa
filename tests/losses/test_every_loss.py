"""What holds for all losses alike."""

import numpy as np
import pytest
import torch
from torch import nn

from hemometric import losses

ROWS = torch.tensor([0, 1, 2]), torch.tensor([3, 4, 5]), torch.tensor([6, 7, 0])
CODES = torch.tensor([0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 5, 5])
PRESSURES = torch.tensor([8.0, 12.0, 12.0, 31.0, 22.0, 15.0, 9.0, 18.0, 18.0, 26.0, 7.0, 40.0])
POSITIVES = torch.from_numpy(np.random.default_rng(1).random((12, 12)) < 0.1)
EXCLUDED = torch.from_numpy(np.random.default_rng(2).random((12, 12)) < 0.2)


def tfc_parts(z):
    return losses.TfcRepresentations(z[:3], z[3:6], z[6:9], z[9:]), losses.TfcRepresentations(
        z[9:], z[:3], z[3:6], z[6:9]
    )


CASES = {
    "triplet": lambda z: losses.triplet(z, *ROWS),
    "triplet, plain": lambda z: losses.triplet(z, *ROWS, squared=False),
    "margin_loss": lambda z: losses.margin_loss(z, *ROWS),
    "margin_loss, three betas": lambda z: losses.margin_loss(z, *ROWS, betas=torch.tensor([0.7, 1.1, 1.5])),
    "n_pair": lambda z: losses.n_pair(z, *ROWS[:2]),
    "angular": lambda z: losses.angular(z, *ROWS[:2]),
    "angular_n_pair": lambda z: losses.angular_n_pair(z, *ROWS[:2]),
    "multi_positive_info_nce": lambda z: losses.multi_positive_info_nce(z, POSITIVES, excluded=EXCLUDED),
    "nt_xent": lambda z: losses.nt_xent(z, CODES),
    "nt_xent, cold": lambda z: losses.nt_xent(z, CODES, temperature=0.01),
    "supervised_contrastive": lambda z: losses.supervised_contrastive(z, CODES),
    "supervised_contrastive, in": lambda z: losses.supervised_contrastive(z, CODES, variant="in"),
    "rank_n_contrast": lambda z: losses.rank_n_contrast(z, PRESSURES),
    "log_ratio": lambda z: losses.log_ratio(z, PRESSURES),
    "log_ratio, softened": lambda z: losses.log_ratio(z, PRESSURES, label_epsilon=1.0),
    "clocs": lambda z: losses.clocs(z[:6], z[6:], CODES[:6]),
    "tfc": lambda z: losses.tfc(*tfc_parts(z)),
    "tfc, as released": lambda z: losses.tfc(*tfc_parts(z), margin=None),
    "tfc_consistency": lambda z: losses.tfc_consistency(*tfc_parts(z)),
}
EVERY_LOSS = pytest.mark.parametrize("loss", CASES.values(), ids=CASES.keys())


def test_every_loss_is_in_this_table():
    public = {name for name in losses.__all__ if not isinstance(getattr(losses, name), type)}
    assert public == {name.partition(",")[0] for name in CASES}
    assert issubclass(losses.MarginBetas, nn.Module)


@EVERY_LOSS
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("length", [1, 1000])
def test_half_precision_is_computed_in_float32(loss, dtype, length, random_embeddings):
    points = (length * random_embeddings().detach()).to(dtype).requires_grad_()
    value = loss(points)
    value.backward()
    assert value.dtype == torch.float32
    assert value.shape == ()
    assert value.item() == loss(points.detach().float()).item()
    assert torch.isfinite(points.grad).all()


@EVERY_LOSS
def test_float64_stays_float64(loss, random_embeddings):
    points = random_embeddings(dtype=torch.float64)
    assert loss(points).dtype == torch.float64
    assert loss(points).item() != loss(points.float()).item()


@EVERY_LOSS
def test_autocast_does_not_coarsen_it(loss, random_embeddings):
    points = random_embeddings(d=64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = loss(points)
    assert coarse.item() == loss(points).item()


@EVERY_LOSS
def test_gradients_are_those_of_finite_differences(loss, random_embeddings):
    points = random_embeddings(dtype=torch.float64)
    assert torch.autograd.gradcheck(loss, (points,))
    loss(points).backward()
    assert points.grad.any()


@EVERY_LOSS
@pytest.mark.parametrize("length", [0.0, 1.0, 300.0])
def test_equal_embeddings_have_finite_gradients(loss, length):
    points = torch.full((12, 5), length, requires_grad=True)
    value = loss(points)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(points.grad).all()


@EVERY_LOSS
def test_duplicates_among_others_have_finite_gradients(loss, random_embeddings):
    points = random_embeddings().detach()
    points[3:6] = points[:3]
    points[7] = points[6]
    points.requires_grad_()
    loss(points).backward()
    assert torch.isfinite(points.grad).all()
