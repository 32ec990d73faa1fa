"""Metric learning on labels."""

import dataclasses

import numpy as np
import pytest
import torch

from hemometric.errors import SettingsError
from hemometric.losses import MarginBetas, log_ratio, margin_loss, rank_n_contrast, supervised_contrastive, triplet
from hemometric.mining import mine_by_label, mine_semi_hard
from hemometric.objectives import resolve
from hemometric.objectives.supervised_dml import SUPERVISED_DML, supervised_dml_loss
from hemometric.settings import PretrainSettings


class Sight:
    """Gives the same embeddings of whatever it sees."""

    def __init__(self, embeddings, heads=None):
        self.embeddings, self.heads = embeddings, heads

    def __call__(self, ecgs):
        return self.embeddings


def chosen(**changed) -> PretrainSettings:
    return resolve(PretrainSettings(objective="supervised-dml", temperature=0.1, **changed))


def loss_of(batch, embeddings, heads=None, seed=0, **changed):
    return supervised_dml_loss(Sight(embeddings, heads), batch, chosen(**changed), np.random.default_rng(seed))


@pytest.fixture
def embeddings():
    return torch.randn(12, 16, generator=torch.Generator().manual_seed(1)).requires_grad_()


def as_tensors(triplets):
    return [torch.from_numpy(places) for places in triplets]


def test_the_paper_s_triplets_are_label_nearest_and_label_farthest(labeled_batch, embeddings):
    """By loops: labels rise by 3 from ECG to ECG, so that the nearest is beside it and the farthest at an end."""
    found = []

    def remember(values, **asked):
        triplets, counts = mine_by_label(values, **asked)
        found.append(triplets)
        return triplets, counts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hemometric.objectives.supervised_dml.mine_by_label", remember)
        parts = loss_of(labeled_batch, embeddings, n_farthest=1)
    (triplets,) = found
    assert (np.abs(triplets.anchor - triplets.positive) == 1).all()
    codes = labeled_batch.patient_codes
    for anchor, negative in zip(triplets.anchor, triplets.negative, strict=True):
        strangers = [j for j in range(12) if codes[j] != codes[anchor]]
        assert abs(negative - anchor) == max(abs(j - anchor) for j in strangers)
    assert torch.allclose(parts.loss, triplet(embeddings, *as_tensors(triplets), margin=0.2))
    assert parts.facts == {"n_anchors": 12, "n_same_patient_positives": 0, "n_same_patient_negatives": 0}


def test_negatives_of_the_same_patient_are_counted(labeled_batch, embeddings):
    one = dataclasses.replace(labeled_batch, patient_codes=np.zeros(12, dtype=np.int64))
    assert loss_of(one, embeddings, event="mpcwp>15", miner="batch-hard").facts["n_same_patient_negatives"] == 12


def test_the_positive_by_label_is_of_another_patient(labeled_batch, embeddings):
    """Where the two ECGs of a patient have one label they would be the positives of each other."""
    values = 5.0 + 3.0 * (np.arange(12) % 6)
    of_visits = dataclasses.replace(labeled_batch, labels=dataclasses.replace(labeled_batch.labels, values=values))
    assert loss_of(of_visits, embeddings).facts["n_same_patient_positives"] == 0
    alone = dataclasses.replace(labeled_batch, patient_codes=np.zeros(12, dtype=np.int64))
    parts = loss_of(alone, embeddings)
    assert (float(parts.loss.detach()), parts.facts["n_anchors"]) == (0.0, 0.0)


def test_losses_on_whole_batches_see_the_labels(labeled_batch, embeddings):
    values = torch.from_numpy(labeled_batch.labels.values).float()
    assert torch.allclose(
        loss_of(labeled_batch, embeddings, metric_loss="rnc").loss, rank_n_contrast(embeddings, values)
    )
    expected = log_ratio(embeddings, values, label_epsilon=0.1 * labeled_batch.labels.sd)
    assert torch.allclose(loss_of(labeled_batch, embeddings, metric_loss="log-ratio").loss, expected)
    high = (torch.from_numpy(labeled_batch.labels.values) > 18).float()
    expected = supervised_contrastive(embeddings, high, temperature=0.1)
    assert torch.allclose(loss_of(labeled_batch, embeddings, metric_loss="supcon", event="mpcwp>18").loss, expected)


def test_semi_hard_triplets_are_mined_by_the_distances_of_the_loss(labeled_batch):
    embeddings = 0.2 * torch.randn(12, 4, generator=torch.Generator().manual_seed(2))
    squared = torch.cdist(embeddings.double(), embeddings.double()).square().numpy()
    classes = labeled_batch.labels.values > 15
    codes, rng = labeled_batch.patient_codes, np.random.default_rng(0)
    triplets, counts = mine_semi_hard(squared, classes, margin=0.2, patient_codes=codes, rng=rng)
    assert counts.n_anchors > 3
    parts = loss_of(labeled_batch, embeddings, event="mpcwp>15")
    assert torch.allclose(parts.loss, triplet(embeddings, *as_tensors(triplets), margin=0.2))
    unit = torch.nn.functional.normalize(embeddings.double())
    rng = np.random.default_rng(0)
    distances = torch.cdist(unit, unit).numpy()
    triplets, _ = mine_semi_hard(distances, classes, margin=0.2, patient_codes=codes, rng=rng)
    betas = MarginBetas(2)
    parts = loss_of(labeled_batch, embeddings, heads=betas, event="mpcwp>15", metric_loss="margin")
    assert torch.allclose(parts.loss, margin_loss(embeddings, *as_tensors(triplets), betas=1.2))


@pytest.mark.parametrize(("event", "n_betas"), [(None, 1), ("mpcwp>15", 2)])
def test_the_boundaries_of_the_margin_loss_are_learned(labeled_batch, embeddings, event, n_betas):
    heads = SUPERVISED_DML.heads(16, chosen(metric_loss="margin", event=event, beta=0.9))
    assert heads.betas.tolist() == pytest.approx([0.9] * n_betas)
    parts = loss_of(labeled_batch, embeddings, heads=heads, metric_loss="margin", event=event, miner="soft-hard")
    parts.loss.backward()
    assert (heads.betas.grad != 0).all()
    assert parts.facts["beta"] == pytest.approx(0.9)


def test_the_class_of_the_anchor_says_which_boundary(labeled_batch, embeddings):
    heads = MarginBetas(2)
    heads.betas.data = torch.tensor([0.5, 1.5])
    parts = loss_of(labeled_batch, embeddings, heads=heads, metric_loss="margin", event="mpcwp>15", miner="batch-hard")
    points = torch.nn.functional.normalize(embeddings.detach())
    classes, codes = labeled_batch.labels.values > 15, labeled_batch.patient_codes
    terms = []
    for i in range(12):
        apart = (points - points[i]).norm(dim=1)
        near = max(float(apart[j]) for j in range(12) if j != i and classes[j] == classes[i])
        far = min(float(apart[j]) for j in range(12) if classes[j] != classes[i] and codes[j] != codes[i])
        beta = 1.5 if classes[i] else 0.5
        terms += [max(0.0, 0.2 + near - beta), max(0.0, 0.2 + beta - far)]
    assert float(parts.loss.detach()) == pytest.approx(sum(terms) / sum(term > 0 for term in terms), rel=1e-4)


def test_angles_are_kept_to_ecgs_of_others_that_are_farther_in_label(labeled_batch, embeddings):
    asked = []

    def remember(points, anchor, positive, *, negatives):
        asked.append((anchor, positive, negatives))
        return points.sum()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hemometric.objectives.supervised_dml.angular_n_pair", remember)
        loss_of(labeled_batch, embeddings, metric_loss="angular")
    ((anchor, positive, negatives),) = asked
    values, codes = labeled_batch.labels.values, labeled_batch.patient_codes
    for i, j, mask in zip(anchor.tolist(), positive.tolist(), negatives, strict=True):
        gap = abs(values[i] - values[j])
        expected = [abs(values[i] - values[k]) > gap and codes[k] != codes[i] for k in range(12)]
        assert mask.tolist() == expected
    assert loss_of(labeled_batch, embeddings, metric_loss="angular").loss > 0


@pytest.mark.parametrize("metric_loss", ["triplet", "margin", "angular", "rnc", "log-ratio"])
def test_embeddings_in_the_order_of_labels_have_a_lower_loss_than_shuffled_ones(labeled_batch, metric_loss):
    angle = torch.linspace(0, 2, 12)
    ordered = torch.stack([angle.cos(), angle.sin()], dim=1)
    shuffled = ordered[torch.randperm(12, generator=torch.Generator().manual_seed(0))]
    heads = MarginBetas(1, beta=0.5)
    asked = {"heads": heads, "metric_loss": metric_loss}
    assert loss_of(labeled_batch, ordered, **asked).loss < loss_of(labeled_batch, shuffled, **asked).loss


@pytest.mark.parametrize("metric_loss", ["triplet", "margin", "angular", "supcon"])
@pytest.mark.parametrize("miner", ["semi-hard", "soft-hard", "batch-hard"])
def test_a_batch_of_one_class_gives_finite_gradients(labeled_batch, embeddings, metric_loss, miner):
    low = dataclasses.replace(labeled_batch.labels, values=np.full(12, 8.0))
    batch = dataclasses.replace(labeled_batch, labels=low)
    parts = loss_of(batch, embeddings, heads=MarginBetas(2), metric_loss=metric_loss, miner=miner, event="mpcwp>15")
    parts.loss.backward()
    assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"target": "wedge"}, "unknown target 'wedge'"),
        ({"event": "mpap>20"}, "unknown event 'mpap>20' of mpcwp"),
        ({"metric_loss": "supcon"}, "needs classes: say event=mpcwp>15"),
        ({"metric_loss": "rnc", "event": "mpcwp>15"}, "compares measurements: leave out event"),
    ],
)
def test_what_does_not_fit_together_is_refused(changed, message):
    with pytest.raises(SettingsError, match=message):
        chosen(**changed)


def test_it_reads_labels_and_its_target_is_mpcwp_unless_another_is_named():
    assert SUPERVISED_DML.labels
    assert chosen().target == "mpcwp"
    assert chosen(target="co", event="co<4").target == "co"
