import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from hemometric.losses import TfcRepresentations, clocs, tfc, tfc_consistency

PATIENTS = torch.tensor([70, 71, 70, 72, 71, 70])
DATASET_ROWS = torch.arange(6)


def cosines(first, second):
    first, second = (np.asarray(z.tolist()) for z in (first, second))
    return [[u @ v / np.linalg.norm(u) / np.linalg.norm(v) for v in second] for u in first]


def clocs_by_loops(first, second, patients, temperature):
    similarity = cosines(first, second)
    n = len(patients)
    of_one_ecg, of_one_patient = [], []
    for i in range(n):
        for j in range(n):
            if patients[i] == patients[j]:
                wanted = math.exp(similarity[i][j] / temperature)
                forth = sum(math.exp(similarity[i][k] / temperature) for k in range(n))
                back = sum(math.exp(similarity[k][j] / temperature) for k in range(n))
                terms = of_one_ecg if i == j else of_one_patient
                terms += [-math.log(wanted / forth), -math.log(wanted / back)]
    return (np.mean(of_one_ecg) + np.mean(of_one_patient)) / 2 if of_one_patient else np.mean(of_one_ecg)


def nt_xent_by_loops(first, second, temperature):
    n = len(first)
    rows = torch.cat([first, second])
    similarity = cosines(rows, rows)
    terms = []
    for i in range(2 * n):
        others = [j for j in range(2 * n) if j != i]
        total = sum(math.exp(similarity[i][j] / temperature) for j in others)
        terms.append(-math.log(math.exp(similarity[i][(i + n) % (2 * n)] / temperature) / total))
    return np.mean(terms)


def consistency_by_loops(original, augmented, temperature, margin):
    wanted = nt_xent_by_loops(original.joint_time, original.joint_frequency, temperature)
    total = 0.0
    for time, frequency in (
        (original.joint_time, augmented.joint_frequency),
        (augmented.joint_time, original.joint_frequency),
        (augmented.joint_time, augmented.joint_frequency),
    ):
        total += wanted - nt_xent_by_loops(time, frequency, temperature) + margin
    return total


@pytest.fixture
def views(random_embeddings):
    return random_embeddings(n=6, seed=1), random_embeddings(n=6, seed=2)


@pytest.fixture
def both(random_embeddings):
    def representations(seed):
        return TfcRepresentations(*(random_embeddings(n=4, d=d, seed=seed + k) for k, d in enumerate((7, 6, 5, 5))))

    return representations(0), representations(10)


@pytest.mark.parametrize("patients", [PATIENTS, DATASET_ROWS], ids=["repeated-patients", "one-ecg-each"])
def test_clocs_equals_its_definition(patients, views):
    expected = clocs_by_loops(*views, patients.tolist(), 0.2)
    assert clocs(*views, patients, temperature=0.2).item() == pytest.approx(expected, rel=1e-5)


def test_positives_of_clocs_come_from_patients_and_not_from_places_in_the_dataset(views):
    first, second = views
    assert clocs(first, second, PATIENTS).item() != pytest.approx(clocs(first, second, DATASET_ROWS).item(), rel=1e-3)
    renamed = torch.tensor([3, 9, 3, 0, 9, 3])
    assert clocs(first, second, PATIENTS).item() == clocs(first, second, renamed).item()

    def pull(patients):  # how fast a step of descent brings ECG 0 and ECG 2, both of patient 70, together
        gradients = torch.autograd.grad(clocs(first, second, patients), (first, second))
        agreement = functional.cosine_similarity(first[0], second[2], dim=0)
        directions = torch.autograd.grad(agreement, (first, second))
        return -sum((g * d).sum().item() for g, d in zip(gradients, directions, strict=True))

    assert pull(PATIENTS) > 0 > pull(DATASET_ROWS)


def test_clocs_treats_both_sets_alike(views):
    first, second = views
    assert clocs(second, first, PATIENTS).item() == pytest.approx(clocs(first, second, PATIENTS).item(), rel=1e-6)


def test_clocs_has_closed_forms():
    same = torch.ones(6, 5)
    assert clocs(same, same, PATIENTS).item() == pytest.approx(math.log(6))
    apart = math.log(1 + 5 * math.exp(-2))
    assert clocs(torch.eye(6), torch.eye(6), DATASET_ROWS, temperature=0.5).item() == pytest.approx(apart)
    mixed = clocs(torch.eye(6), torch.eye(6), PATIENTS, temperature=0.5).item()
    assert mixed == pytest.approx((apart + apart + 2) / 2)


def test_tfc_equals_its_definition(both):
    original, augmented = both
    contrast = nt_xent_by_loops(original.time, augmented.time, 0.2) + nt_xent_by_loops(
        original.frequency, augmented.frequency, 0.2
    )
    consistency = consistency_by_loops(original, augmented, 0.2, 1.0)
    assert tfc_consistency(*both).item() == pytest.approx(consistency, rel=1e-4)
    assert tfc(*both).item() == pytest.approx(0.2 * contrast + 0.8 * consistency, rel=1e-4)
    agreement = nt_xent_by_loops(original.joint_time, original.joint_frequency, 0.2)
    assert tfc(*both, margin=None).item() == pytest.approx(0.2 * contrast + 0.8 * agreement, rel=1e-4)


def test_temperature_margin_and_weight_of_tfc_are_those_asked_for(both):
    consistency = consistency_by_loops(*both, 0.7, 0.1)
    assert tfc_consistency(*both, temperature=0.7, margin=0.1).item() == pytest.approx(consistency, rel=1e-4)
    alone = tfc(*both, temperature=0.7, margin=0.1, contrast_weight=0.0)
    assert alone.item() == pytest.approx(consistency, rel=1e-4)
    none_of_it = tfc(*both, temperature=0.7, margin=5.0, contrast_weight=1.0)
    assert none_of_it.item() == pytest.approx(tfc(*both, temperature=0.7, contrast_weight=1.0).item())


def test_tfc_of_equal_embeddings_has_a_closed_form():
    same = TfcRepresentations(*(torch.ones(4, 5) for _ in range(4)))
    assert tfc_consistency(same, same, margin=0.5).item() == pytest.approx(1.5)
    assert tfc(same, same).item() == pytest.approx(0.4 * math.log(7) + 0.8 * 3)


def test_both_encoders_and_both_projections_of_tfc_are_trained(both):
    original, augmented = both
    tfc(original, augmented).backward()
    assert all(part.grad.any() for part in (*original, *augmented))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda a, b: clocs(a, b[:5], PATIENTS), "two sets of one shape"),
        (lambda a, b: clocs(a, b, PATIENTS[:5]), "two sets of one shape"),
        (lambda a, b: clocs(a[:1], b[:1], PATIENTS[:1]), "n >= 2"),
        (lambda a, b: clocs(a, b, PATIENTS, temperature=0.0), "temperature"),
        (lambda a, b: tfc(TfcRepresentations(a, a, a, a), TfcRepresentations(a, b, b[:5], b)), "two sets"),
        (lambda a, b: tfc_consistency(TfcRepresentations(a, a, a, a[:, :3]), TfcRepresentations(a, a, b, b)), "two"),
        (lambda a, b: tfc(TfcRepresentations(a, a, a, a), TfcRepresentations(b, b, b, b), temperature=0), "temper"),
        (lambda a, b: tfc(TfcRepresentations(a, a, a, a), TfcRepresentations(b, b, b, b), contrast_weight=2), "weight"),
    ],
)
def test_a_wrong_call_is_named(call, said, views):
    with pytest.raises(ValueError, match=said):
        call(*views)
