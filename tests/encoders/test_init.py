"""The registry of encoders."""

import pytest
import torch

from hemometric.encoders import ENCODERS, build_encoder
from hemometric.errors import SettingsError


def test_an_unknown_encoder_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="did you mean 'resnet18'"):
        build_encoder("resnet81", seed=0)


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_says_how_wide_its_embedding_is(name: str):
    encoder = build_encoder(name, seed=0).eval()
    assert encoder(torch.zeros(2, 12, 64)).shape == (2, encoder.embedding_dim)
