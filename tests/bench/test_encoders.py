import numpy as np
import pytest
import torch

from hemometric.bench import plain_encoder, run_benchmarks
from hemometric.bench.plain_encoder import PlainEncoder, write_plainly
from hemometric.encoders import build_encoder
from hemometric.errors import HemometricError


@pytest.mark.parametrize("training", [True, False])
def test_the_plain_network_gives_the_same_embeddings_and_the_same_gradients(training):
    encoder = build_encoder("compact", seed=3)
    rng = np.random.default_rng(0)
    with torch.no_grad():  # weights and statistics that tell every position from every other
        for name, value in encoder.state_dict().items():
            if value.is_floating_point():
                drawn = rng.normal(scale=0.1, size=value.shape)
                value.copy_(torch.from_numpy(np.exp(drawn) if name.endswith("running_var") else drawn))
    plain = write_plainly(encoder)
    waveforms = torch.from_numpy(rng.normal(size=(3, 12, 1000)).astype(np.float32))
    answers = []
    for network in (encoder.train(training), plain.train(training)):
        embeddings = network(waveforms)
        embeddings.square().mean().backward()
        answers.append((embeddings.detach().numpy(), network.blocks[3].down[0].weight.grad.numpy().ravel()))
    for ours, theirs in zip(*answers, strict=True):
        assert ours.std() > 0
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4 * np.abs(ours).max())


def test_the_plain_network_is_as_large():
    ours, plain = (
        sum(weights.numel() for weights in network.parameters())
        for network in (build_encoder("compact", seed=0), PlainEncoder())
    )
    assert ours <= plain <= 1.05 * ours


def test_a_network_that_computes_something_else_is_not_timed(monkeypatch):
    monkeypatch.setattr(plain_encoder, "write_plainly", lambda _: PlainEncoder())
    with pytest.raises(HemometricError, match=r"nn\.Conv1d disagree"):
        run_benchmarks(["encoder"], quick=True)


def test_the_number_of_threads_is_one_while_it_lasts_and_then_as_before(monkeypatch):
    before, seen = torch.get_num_threads(), []
    real = PlainEncoder.forward

    def look(self, waveforms):
        seen.append(torch.get_num_threads())
        return real(self, waveforms)

    monkeypatch.setattr(PlainEncoder, "forward", look)
    torch.set_num_threads(2)
    try:
        (wall, _) = run_benchmarks(["encoder"], repeats=1, quick=True)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {1}
    assert wall["threads"] == 1
