"""Training the compact encoder against the same network as it would be written first."""

from functools import partial

import numpy as np

from hemometric.bench.race import Untyped, check_same, need, one_torch_thread, race_with_one_thread
from hemometric.bench.results import Result

_N_SAMPLES = 1000


def bench_encoder(repeats: int, quick: bool) -> list[Result]:
    """A training step (forward, backward, AdamW) in fp32 with one thread: `compact` against plain nn.Conv1d layers.

    Both compute the same function with the same first weights, each from the layout of ECGs that suits it.
    """
    torch = need("torch", "torch", "train")
    from hemometric.bench.plain_encoder import write_plainly
    from hemometric.encoders import CompactEncoder, build_encoder

    n_ecgs = 4 if quick else 256
    ours = build_encoder("compact", seed=0)
    if not isinstance(ours, CompactEncoder):
        raise TypeError(f"expected the compact encoder, got {type(ours).__name__}")
    plain = write_plainly(ours)
    drawn = np.random.default_rng(0).normal(size=(n_ecgs, _N_SAMPLES, 12)).astype(np.float32)
    by_time = torch.from_numpy(drawn).transpose(1, 2)
    by_lead = by_time.contiguous()
    with one_torch_thread(torch):
        with torch.no_grad():
            check_same("encoder", ours(by_time).numpy(), plain(by_lead).numpy(), peer_name="nn.Conv1d")
        steps = [
            partial(_train_step, network, torch.optim.AdamW(network.parameters()), waveforms)
            for network, waveforms in ((ours, by_time), (plain, by_lead))
        ]
        for step in steps:
            step()
        label = ("encoder", f"compact, training step, batch {n_ecgs} of 12x{_N_SAMPLES}, fp32", "ECG/s")
        counts = (n_ecgs, n_ecgs)
        peer_name = "the same network in nn.Conv1d"
        return race_with_one_thread(label, *steps, counts=counts, repeats=repeats, peer_name=peer_name)


def _train_step(network: Untyped, optimizer: Untyped, waveforms: Untyped) -> None:
    optimizer.zero_grad(set_to_none=True)
    network(waveforms).square().mean().backward()
    optimizer.step()
