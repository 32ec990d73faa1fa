"""Linear heads start where ridge regression ends; kernel heads are kernel ridge regression."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from hemometric.training.contract import TargetContract
from hemometric.training.kernel_ridge import fit_kernel_ridge
from hemometric.training.ridge import set_to_kernel_fit, start_from_ridge
from hemometric.training.runs import Heads


def labelled(n: int, seed: int):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 16)) * np.linspace(0.01, 10, 16) + 3
    return torch.from_numpy(x).float(), 15 + 4 * (x[:, 0] - 3) / 0.01 * 0.5 + rng.normal(size=n)


def heads(kind: str, *, width: int = 16) -> Heads:
    contract = TargetContract(
        name="mpcwp", unit="mmHg", label_mean=15.0, label_sd=3.0, events=("mpcwp>15", "mpcwp>18"), head=kind
    )
    return Heads(contract, embedding_dim=width).eval()


def best_of_scikit_learn(train, validation, folds):
    """The penalty of least squared error over validation and held-out folds, one model after the other."""
    mean, sd = train[0].numpy().mean(0), train[0].numpy().std(0)
    x, y = (train[0].numpy() - mean) / sd, train[1]
    best = np.inf, None
    for penalty in 10.0 ** np.arange(-1, 5.1, 0.5):
        model = Ridge(penalty, fit_intercept=False).fit(x, y - 15)
        error = np.sum((model.predict((validation[0].numpy() - mean) / sd) + 15 - validation[1]) ** 2)
        for fold in range(folds.max() + 1) if folds.max() else ():
            inside = folds != fold
            error += np.sum((Ridge(penalty).fit(x[inside], y[inside]).predict(x[~inside]) - y[~inside]) ** 2)
        if error < best[0]:
            best = error, lambda z, model=model: model.predict((z.numpy() - mean) / sd) + 15
    return best[1]


@pytest.mark.parametrize("n_folds", [1, 5])
def test_the_head_says_what_the_best_ridge_model_says(n_folds: int):
    train, validation, test = labelled(80, 0), labelled(40, 1), labelled(30, 2)
    started, folds = heads("linear"), np.arange(80) % n_folds
    start_from_ridge(started, target="mpcwp", train=train, validation=validation, folds=folds)
    expected = best_of_scikit_learn(train, validation, folds)(test[0])
    with torch.no_grad():
        estimates, logits = started(test[0])
    assert np.allclose(estimates.numpy(), expected, atol=0.01)
    for column, threshold in enumerate((15.0, 18.0)):
        assert np.array_equal(logits[:, column].numpy() > 0, estimates.numpy() > threshold)


def test_few_validation_labels_do_not_choose_alone():
    """Two validation ECGs that chance to fit a wild model; the training labels hold against them."""
    rng = np.random.default_rng(4)
    x, y = torch.from_numpy(rng.normal(size=(60, 40))).float(), 15 + rng.normal(size=60)
    wild = np.linalg.lstsq(x.numpy() - x.numpy().mean(0), y - y.mean(), rcond=None)[0]
    lucky = torch.from_numpy(rng.normal(size=(2, 40))).float()
    validation = lucky, lucky.numpy() @ wild + 15
    sizes = []
    for folds in (np.zeros(60, dtype=np.intp), np.arange(60) % 5):
        started = heads("linear", width=40)
        start_from_ridge(started, target="mpcwp", train=(x, y), validation=validation, folds=folds)
        sizes.append(float(started.regression.layers[0].weight.detach().norm()))
    assert sizes[1] < 0.5 * sizes[0]


def test_a_head_with_hidden_layers_is_refused():
    train = labelled(20, 0)
    with pytest.raises(ValueError, match="linear"):
        start_from_ridge(heads("mlp"), target="mpcwp", train=train, validation=train, folds=np.arange(20) % 5)


def curved(n: int, seed: int):
    """A target that is high at both ends of an input, of which a line says nothing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)) * [5, 1, 1, 0.01, 1, 1] + 2
    return torch.from_numpy(x).float(), 13 + 3 * ((x[:, 0] - 2) / 5) ** 2 + rng.normal(0, 0.1, n)


@pytest.mark.parametrize("n_train", [60, 400])
def test_a_kernel_head_says_what_kernel_ridge_regression_says(n_train: int):
    """With fewer ECGs than landmarks, too."""
    train, validation, test = curved(n_train, 0), curved(50, 1), curved(40, 2)
    head, folds = heads("kernel", width=6), np.arange(n_train) % 5
    set_to_kernel_fit(head, target="mpcwp", train=train, validation=validation, folds=folds, seed=3)
    mean, sd = train[0].double().numpy().mean(0), train[0].double().numpy().std(0)

    def seen(inputs):
        return (inputs.double().numpy() - mean) / sd

    expected = fit_kernel_ridge(
        (seen(train[0]), (train[1] - 15) / 3),
        folds=folds,
        seed=3,
        validation=(seen(validation[0]), (validation[1] - 15) / 3),
    ).say(seen(test[0]))
    with torch.no_grad():
        estimates, logits = head(test[0])
    assert np.allclose(estimates.numpy(), expected * 3 + 15, atol=0.01)
    assert np.sqrt(np.mean((estimates.numpy() - test[1]) ** 2)) < 0.5 * test[1].std()
    for column, threshold in enumerate((15.0, 18.0)):
        far = np.abs(estimates.numpy() - threshold) > 0.01
        assert np.array_equal(logits[far, column].numpy() > 0, estimates.numpy()[far] > threshold)


def test_only_kernel_heads_are_set_to_a_kernel_fit():
    train = curved(20, 0)
    with pytest.raises(ValueError, match="only kernel heads"):
        set_to_kernel_fit(
            heads("linear", width=6), target="mpcwp", train=train, validation=train, folds=np.arange(20) % 5, seed=0
        )
