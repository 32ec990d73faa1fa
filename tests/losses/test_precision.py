import pytest
import torch

from hemometric.losses.precision import at_least_float32, distances, products, safe_root, unit_rows


def test_distances_are_euclidean_and_exact_for_near_duplicates(random_embeddings):
    points = random_embeddings(n=40, d=64).detach()
    points[1], points[2], points[3] = points[0], points[0], points[0] + 1e-5
    expected = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    assert torch.allclose(distances(points), expected, rtol=1e-5, atol=1e-6)
    assert distances(torch.tensor([[0.0, 0.0], [3.0, 4.0]])).tolist() == [[0, 5], [5, 0]]


def test_distances_have_the_gradient_of_differences_also_among_duplicates(random_embeddings):
    points = random_embeddings(n=20).detach()
    points[1] = points[0]
    points.requires_grad_()
    (ours,) = torch.autograd.grad(distances(points).sum(), points)
    exact = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    (expected,) = torch.autograd.grad(exact.sum(), points)
    assert torch.allclose(ours, expected, atol=1e-4)


def test_a_root_of_zero_has_no_gradient():
    squares = torch.tensor([0.0, 4.0], requires_grad=True)
    roots = safe_root(squares)
    roots.sum().backward()
    assert roots.tolist() == [0, 2]
    assert squares.grad.tolist() == [0, 0.25]


def test_a_row_of_zeros_stays_zero():
    assert unit_rows(torch.tensor([[0.0, 0.0], [3.0, 4.0]])).tolist() == [[0, 0], pytest.approx([0.6, 0.8])]


@pytest.mark.parametrize(
    ("given", "kept"),
    [(torch.float16, torch.float32), (torch.bfloat16, torch.float32), (torch.float64, torch.float64)],
)
def test_half_precision_becomes_float32_and_float64_stays(given, kept):
    assert at_least_float32(torch.ones(2, dtype=given)).dtype == kept


def test_products_are_not_coarsened_by_autocast(random_embeddings):
    rows = random_embeddings(d=64).detach()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours, coarse = products(rows, rows), rows @ rows.T
    assert torch.equal(ours, rows @ rows.T)
    assert not torch.equal(ours, coarse.float())
