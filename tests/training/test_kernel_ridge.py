"""Kernel ridge regression on landmarks against scikit-learn's exact one, and what it must not do."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import KernelCenterer

from hemometric.training import kernel_ridge
from hemometric.training.kernel_ridge import N_LANDMARKS, PENALTIES, fit_kernel_ridge, kernel


def curved(n: int, *, seed: int, noise: float = 0.3):
    """Two inputs that act together, two that do not matter."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    return x, 15 + 4 * np.sin(x[:, 0]) * x[:, 1] + noise * rng.normal(size=n)


def error(fit, seed: int = 9) -> float:
    x, y = curved(500, seed=seed)
    return float(np.sqrt(np.mean((fit.say(x) - y) ** 2)))


def test_the_kernel_is_that_of_scikit_learn_however_many_rows_there_are(monkeypatch):
    a, b = np.random.default_rng(0).normal(size=(50, 7)), np.random.default_rng(1).normal(size=(9, 7))
    expected = rbf_kernel(a, b, gamma=0.3)
    assert np.allclose(kernel(a, b, gamma=0.3), expected)
    monkeypatch.setattr(kernel_ridge, "_CHUNK_ELEMENTS", 20)
    assert np.allclose(kernel(a, b, gamma=0.3), expected)


def test_with_every_ecg_a_landmark_it_is_exact_kernel_ridge_regression():
    x, y = curved(120, seed=0)
    fit = fit_kernel_ridge((x, y), folds=np.arange(120) % 5, seed=0)
    centre = KernelCenterer()
    within = centre.fit_transform(rbf_kernel(x, x, gamma=fit.gamma))
    new = curved(40, seed=1)[0]
    exact = KernelRidge(alpha=fit.penalty, kernel="precomputed").fit(within, y - y.mean())
    expected = exact.predict(centre.transform(rbf_kernel(new, x, gamma=fit.gamma))) + y.mean()
    assert np.allclose(fit.say(new), expected, atol=0.02)


def test_it_bends_where_a_line_cannot():
    x, y = curved(250, seed=0)
    fit = fit_kernel_ridge((x, y), folds=np.arange(250) % 5, seed=0)
    slope = np.linalg.lstsq(np.c_[x, np.ones(250)], y, rcond=None)[0]
    new, truth = curved(500, seed=9)
    line = float(np.sqrt(np.mean((np.c_[new, np.ones(500)] @ slope - truth) ** 2)))
    assert error(fit) < 0.6 * line


def test_landmarks_cost_little_against_all_ecgs():
    x, y = curved(900, seed=0)
    fit = fit_kernel_ridge((x, y), folds=np.arange(900) % 5, seed=0)
    assert fit.landmarks.shape == (N_LANDMARKS, 4)
    best = min(
        float(
            np.sqrt(
                np.mean((KernelRidge(alpha=a, kernel="rbf", gamma=fit.gamma).fit(x, y - 15).predict(x9) + 15 - y9) ** 2)
            )
        )
        for x9, y9 in [curved(500, seed=9)]
        for a in PENALTIES
    )
    assert error(fit) < 1.1 * best


def test_of_noise_it_says_the_mean():
    rng = np.random.default_rng(0)
    y = 15 + rng.normal(size=200)
    fit = fit_kernel_ridge((rng.normal(size=(200, 30)), y), folds=np.arange(200) % 5, seed=0)
    assert np.std(fit.say(rng.normal(size=(300, 30)))) < 0.3


def test_out_of_fold_values_come_from_fits_without_the_fold():
    x, y = curved(100, seed=0)
    folds = np.arange(100) % 5
    fit = fit_kernel_ridge((x, y), folds=folds, seed=0)
    moved = y.copy()
    moved[folds == 2] += 0.5
    again = fit_kernel_ridge((x, moved), folds=folds, seed=0)
    if (again.gamma, again.penalty) != (fit.gamma, fit.penalty):
        pytest.fail("the shift was to be too small to change the choice")
    assert np.allclose(fit.out_of_fold[folds == 2], again.out_of_fold[folds == 2])
    assert not np.allclose(fit.out_of_fold[folds != 2], again.out_of_fold[folds != 2])


def test_validation_labels_have_a_part_in_the_choice_and_none_in_the_fit():
    x, y = curved(60, seed=0, noise=3.0)
    folds = np.zeros(60, dtype=np.intp)
    strict = fit_kernel_ridge((x, y), folds=folds, seed=0, validation=(x + 9, np.full(60, y.mean())))
    loose = fit_kernel_ridge((x, y), folds=folds, seed=0, validation=(x, y))
    assert loose.penalty == PENALTIES[0]
    assert strict.penalty > loose.penalty or strict.gamma != loose.gamma


def test_the_same_seed_gives_the_same_fit_and_another_other_landmarks():
    x, y = curved(400, seed=0)
    folds = np.arange(400) % 5
    one, two, three = (fit_kernel_ridge((x, y), folds=folds, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.weights, two.weights)
    assert not np.array_equal(one.landmarks, three.landmarks)


def test_doubled_ecgs_and_inputs_that_never_change_do_no_harm():
    x, y = curved(50, seed=0)
    x = np.c_[np.repeat(x, 3, axis=0), np.zeros(150)]
    fit = fit_kernel_ridge((x, np.repeat(y, 3)), folds=np.repeat(np.arange(50) % 5, 3), seed=0)
    assert np.all(np.isfinite(fit.say(x)))


def test_it_agrees_with_a_gaussian_process_of_the_same_kernel():
    """The mean of a Gaussian process with noise variance alpha is kernel ridge regression (Rasmussen 2006, 2.2)."""
    x, y = curved(80, seed=3)
    fit = fit_kernel_ridge((x, y), folds=np.arange(80) % 5, seed=0)
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    shape = ConstantKernel(1e4) + RBF(1 / np.sqrt(2 * fit.gamma))  # the constant stands for the intercept
    process = GaussianProcessRegressor(shape, alpha=fit.penalty, optimizer=None).fit(x, y - y.mean())
    new = curved(30, seed=4)[0]
    assert np.allclose(fit.say(new), process.predict(new) + y.mean(), atol=0.05)


@pytest.mark.parametrize(
    ("x", "y", "folds", "message"),
    [
        (np.zeros((5, 2)), np.zeros(4), np.arange(5), "expected inputs"),
        (np.zeros((1, 2)), np.zeros(1), np.arange(1), "n >= 2"),
        (np.zeros((5, 2)), np.zeros(5), np.zeros(5, dtype=int), "nothing to choose the penalty by"),
    ],
)
def test_what_cannot_be_fitted_is_refused(x, y, folds, message):
    with pytest.raises(ValueError, match=message):
        fit_kernel_ridge((x, y), folds=folds, seed=0)
