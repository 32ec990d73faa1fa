"""Random numbers that depend on seed, purpose and step alone."""

import torch

from hemometric.training.randomness import Purpose, numpy_rng, seeded_layers, torch_generator, torch_seed

CPU = torch.device("cpu")


def test_purposes_steps_and_seeds_have_streams_of_their_own():
    seeds = [torch_seed(seed, purpose, step) for seed in (0, 1) for purpose in Purpose for step in range(20)]
    assert len(set(seeds)) == len(seeds)
    draws = {float(numpy_rng(0, purpose, 3).random()) for purpose in Purpose}
    assert len(draws) == len(Purpose)


def test_the_same_place_draws_the_same():
    first, second = (torch.randn(5, generator=torch_generator(1, Purpose.VIEWS, 2, device=CPU)) for _ in range(2))
    assert torch.equal(first, second)


def test_layers_are_seeded_and_the_global_state_comes_back():
    before = torch.random.get_rng_state()
    with seeded_layers(0, Purpose.DROPOUT, 1, device=CPU):
        first = torch.rand(3)
    torch.rand(7)
    with seeded_layers(0, Purpose.DROPOUT, 1, device=CPU):
        assert torch.equal(torch.rand(3), first)
    torch.random.set_rng_state(before)
