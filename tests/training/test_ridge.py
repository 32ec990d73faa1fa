"""Linear heads start where ridge regression ends."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from hemometric.training.contract import TargetContract
from hemometric.training.ridge import start_from_ridge
from hemometric.training.runs import Heads


def labelled(n: int, seed: int):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 16)) * np.linspace(0.01, 10, 16) + 3
    return torch.from_numpy(x).float(), 15 + 4 * (x[:, 0] - 3) / 0.01 * 0.5 + rng.normal(size=n)


def heads(kind: str) -> Heads:
    contract = TargetContract(
        name="mpcwp", unit="mmHg", label_mean=15.0, label_sd=3.0, events=("mpcwp>15", "mpcwp>18"), head=kind
    )
    return Heads(contract, embedding_dim=16).eval()


def test_the_head_says_what_the_best_ridge_model_says():
    train, validation, test = labelled(80, 0), labelled(40, 1), labelled(30, 2)
    started = heads("linear")
    start_from_ridge(started, target="mpcwp", train=train, validation=validation)
    mean, sd = train[0].numpy().mean(0), train[0].numpy().std(0)
    best = np.inf
    for penalty in 10.0 ** np.arange(-1, 5.1, 0.5):
        model = Ridge(penalty, fit_intercept=False).fit((train[0].numpy() - mean) / sd, train[1] - 15)
        error = np.mean((model.predict((validation[0].numpy() - mean) / sd) + 15 - validation[1]) ** 2)
        if error < best:
            best, expected = error, model.predict((test[0].numpy() - mean) / sd) + 15
    with torch.no_grad():
        estimates, logits = started(test[0])
    assert np.allclose(estimates.numpy(), expected, atol=0.01)
    for column, threshold in enumerate((15.0, 18.0)):
        assert np.array_equal(logits[:, column].numpy() > 0, estimates.numpy() > threshold)


def test_a_head_with_hidden_layers_is_refused():
    with pytest.raises(ValueError, match="linear"):
        start_from_ridge(heads("mlp"), target="mpcwp", train=labelled(20, 0), validation=labelled(20, 1))
