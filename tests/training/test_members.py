"""The models of a run come back as they were written, and are averaged."""

import numpy as np
import pytest
import torch

from hemometric.encoders import build_encoder
from hemometric.errors import RunError
from hemometric.training.contract import FeatureContract, ModelContract, TargetContract
from hemometric.training.members import (
    Estimator,
    estimate_members,
    join_estimates,
    load_members,
    member_seed,
    new_heads,
    write_members,
)
from hemometric.training.runs import Run

CPU = torch.device("cpu")
TARGET = TargetContract(
    name="mpcwp", unit="mmHg", label_mean=15.0, label_sd=8.0, events=("mpcwp>15", "mpcwp>18"), head="mlp"
)
CONTRACT = ModelContract(
    encoder="compact",
    embedding_dim=128,
    sampling_rate_hz=100,
    n_samples=1000,
    band_hz=None,
    precision="fp32",
    targets=(TARGET,),
    features=FeatureContract(names=("a", "b"), centre=(0.0, 1.0), spread=(1.0, 2.0)),
    n_members=3,
)


def members() -> list[Estimator]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return [Estimator(build_encoder("compact", seed=k), new_heads(CONTRACT)).eval() for k in range(3)]


def inputs() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(7, 130, generator=generator) for _ in range(3)]


def test_all_members_come_back_from_their_directory(tmp_path):
    written = members()
    write_members(tmp_path, written)
    assert (tmp_path / "heads.safetensors").exists()
    read = load_members(Run(path=tmp_path, contract=CONTRACT, settings={}), device=CPU)
    for one, other in zip(written, read, strict=True):
        assert all(
            torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        )
        assert not other.training
    (tmp_path / "members" / "2" / "heads.safetensors").unlink()
    with pytest.raises(RunError, match="missing"):
        load_members(Run(path=tmp_path, contract=CONTRACT, settings={}), device=CPU)


def test_the_answer_is_the_mean_of_the_members_and_the_spread_their_sd():
    seen, ours = inputs(), members()
    each = [estimate_members([one], [x])[0] for one, x in zip(ours, seen, strict=True)]
    (together,) = estimate_members(ours, seen)
    values = np.stack([one.values for one in each])
    assert np.allclose(together.values, values.mean(axis=0))
    assert np.allclose(together.spread, values.std(axis=0, ddof=1))
    assert np.allclose(together.logits, np.mean([one.logits for one in each], axis=0))
    assert each[0].spread is None


def test_parts_are_put_after_each_other():
    (whole,) = estimate_members(members(), inputs())
    parts = [estimate_members(members(), [x[at] for x in inputs()])[0] for at in (slice(3), slice(3, 7))]
    joined = join_estimates(parts)
    assert np.allclose(joined.values, whole.values, atol=1e-5)
    assert joined.logits.shape == (7, 2)
    assert joined.spread.shape == (7,)


def test_of_several_targets_each_is_averaged_over_its_own_heads_and_all_come_back(tmp_path):
    rap = TargetContract(name="rap", unit="mmHg", label_mean=8.0, label_sd=4.0, events=("rap>8",), head="mlp")
    contract = CONTRACT.model_copy(update={"targets": (TARGET, rap)})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ours = [Estimator(build_encoder("compact", seed=k), new_heads(contract)).eval() for k in range(3)]
    said = estimate_members(ours, inputs())
    for number, (of_target, n_events) in enumerate(zip(said, (2, 1), strict=True)):
        with torch.no_grad():
            each = [one.heads.by_target()[number](x) for one, x in zip(ours, inputs(), strict=True)]
        assert np.allclose(of_target.values, np.mean([values.numpy() for values, _ in each], axis=0), atol=1e-5)
        assert of_target.logits.shape == (7, n_events)
    write_members(tmp_path, ours)
    read = load_members(Run(path=tmp_path, contract=contract, settings={}), device=CPU)
    again = estimate_members(read, inputs())
    assert all(np.array_equal(one.values, other.values) for one, other in zip(said, again, strict=True))
    with pytest.raises(RunError, match="cannot be loaded"):
        load_members(Run(path=tmp_path, contract=CONTRACT, settings={}), device=CPU)


def test_the_weights_of_the_first_target_are_named_as_those_of_a_run_of_one():
    several = CONTRACT.model_copy(update={"targets": (TARGET, TARGET)})
    alone, both = (list(new_heads(contract).state_dict()) for contract in (CONTRACT, several))
    assert both[: len(alone)] == alone
    assert all(name.startswith(("regression.", "event.")) for name in alone)
    assert all(name.startswith("more.0.") for name in both[len(alone) :])


def test_every_member_has_a_seed_of_its_own_and_the_first_that_of_the_run():
    seeds = [member_seed(seed, number) for seed in range(4) for number in range(5)]
    assert len(set(seeds)) == 20
    assert [member_seed(seed, 0) for seed in range(4)] == [0, 1, 2, 3]
