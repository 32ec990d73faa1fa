"""Two encoders in one: the first reads the waveform, the second its spectrum (TF-C; Zhang et al., NeurIPS 2022)."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from hemometric.encoders.compact import CompactEncoder
from hemometric.encoders.resnet import ResNet18

Branch = CompactEncoder | ResNet18

N_BINS = 512
"""Frequencies that the second branch reads, from 0 to half the sampling rate."""


def spectrum(waveforms: Tensor) -> Tensor:
    """The size of each frequency of each lead, in mV.

    The discrete Fourier transform, scaled so that its mean square is that of the waveform (Parseval), averaged or
    spread to `N_BINS` frequencies. So a crop and the whole window have a beat's harmonics at the same places, which
    the transform alone, with a frequency every 1 / duration, has not.

    Args:
        waveforms: (n, n_leads, n_samples) mV.

    Returns:
        (n, n_leads, N_BINS) float32, >= 0.
    """
    sizes = torch.fft.rfft(waveforms.float(), dim=2, norm="ortho").abs()
    return functional.adaptive_avg_pool1d(sizes, N_BINS)


class _SideBySide(nn.Module):
    """Two linear layers of one shape, each with an input of its own; their outputs side by side."""

    def __init__(self, first: nn.Linear, second: nn.Linear) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([first.weight.detach(), second.weight.detach()]))
        self.bias = nn.Parameter(torch.stack([first.bias.detach(), second.bias.detach()]))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        inputs = zip((first, second), self.weight, self.bias, strict=True)
        return torch.cat([functional.linear(x, weight, bias) for x, weight, bias in inputs], dim=1)


class TimeFrequencyEncoder(nn.Module):
    """One encoder of a kind for the waveform and one for its spectrum; their embeddings side by side.

    The layers of both lie in `stem`, `blocks` and `embed`, as in the encoder that they are made of, so that layers of
    one depth are found together (layer-wise learning rates).

    Args:
        kind: The class of both.

    Attributes:
        embedding_dim: 256: the first 128 are of the waveform, the last of the spectrum.
    """

    embedding_dim: int

    def __init__(self, kind: type[Branch]) -> None:
        super().__init__()
        time, frequency = kind(), kind()
        self._kind = kind
        self.stem = nn.ModuleList([*time.stem, *frequency.stem])
        self.blocks = nn.ModuleList(nn.ModuleList(pair) for pair in zip(time.blocks, frequency.blocks, strict=True))
        self.embed = _SideBySide(time.embed, frequency.embed)
        self.embedding_dim = 2 * kind.embedding_dim

    def forward(self, waveforms: Tensor, of_spectrum: Tensor | None = None) -> Tensor:
        """Embed ECGs.

        Args:
            waveforms: (n, 12, n_samples) float32 mV, at least 32 samples.
            of_spectrum: (n, 12, n_samples) float32 mV, whose spectrum the second branch reads; None: that of the first.

        Returns:
            (n, 256) float32.
        """
        spectra = spectrum(waveforms if of_spectrum is None else of_spectrum)
        pooled = self._pool_branch(waveforms, 0), self._pool_branch(spectra, 1)
        embedding: Tensor = self.embed(*pooled)
        return embedding.float()

    def _pool_branch(self, inputs: Tensor, branch: int) -> Tensor:
        """All of a branch but its last layer."""
        features = self._kind.read(inputs)
        depth = len(self.stem) // 2
        for layer in self.stem[branch * depth : (branch + 1) * depth]:
            features = layer(features)
        for pair in self.blocks:
            features = cast(nn.ModuleList, pair)[branch](features)
        return self._kind.pool(features)
