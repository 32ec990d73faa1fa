"""The encoder of the papers: a one-dimensional ResNet-18 (He et al. 2016; Jeong et al. 2022, 2023)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from hemometric.ecg import LEADS

WIDTHS = (64, 128, 256, 512)
STEM_KERNEL = 15
BLOCK_KERNEL = 7
EMBEDDING_DIM = 128


def _convolution(in_width: int, width: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_width, width, (1, kernel), stride=(1, stride), padding=(0, kernel // 2), bias=False)


class _BasicBlock(nn.Module):
    """Two convolutions of seven taps and a shortcut (He et al. 2016, figure 2)."""

    def __init__(self, in_width: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _convolution(in_width, width, BLOCK_KERNEL, stride),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            _convolution(width, width, BLOCK_KERNEL),
            nn.BatchNorm2d(width),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_width != width:
            self.shortcut = nn.Sequential(_convolution(in_width, width, 1, stride), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.body(x) + self.shortcut(x), inplace=True)


class ResNet18(nn.Module):
    """Stem of 15 taps, eight basic blocks of 7 taps with widths 64-128-256-512, mean over time, a linear layer.

    Written with two-dimensional convolutions of height one and channels last in memory, which processors and GPUs have
    faster kernels for.

    Attributes:
        embedding_dim: 128.
    """

    embedding_dim = EMBEDDING_DIM

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _convolution(len(LEADS), WIDTHS[0], STEM_KERNEL, stride=2),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.ReLU(inplace=True),
            nn.MaxPool2d((1, 3), stride=(1, 2), padding=(0, 1)),
        )
        blocks: list[nn.Module] = []
        in_width = WIDTHS[0]
        for width in WIDTHS:
            blocks += [_BasicBlock(in_width, width, 1 if width == WIDTHS[0] else 2), _BasicBlock(width, width, 1)]
            in_width = width
        self.blocks = nn.Sequential(*blocks)
        self.embed = nn.Linear(WIDTHS[-1], EMBEDDING_DIM)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, waveforms: Tensor) -> Tensor:
        """Embed ECGs.

        Args:
            waveforms: (n, 12, n_samples) float32 mV, at least 32 samples.

        Returns:
            (n, 128) float32.
        """
        embedding: Tensor = self.embed(self.pool(self.blocks(self.stem(self.read(waveforms)))))
        return embedding.float()

    @staticmethod
    def read(waveforms: Tensor) -> Tensor:
        """What the stem takes of (n, 12, n_samples): (n, 12, 1, n_samples), channels last in memory."""
        return waveforms.unsqueeze(2).contiguous(memory_format=torch.channels_last)

    @staticmethod
    def pool(features: Tensor) -> Tensor:
        """Mean over time, float32: what the last layer takes of (n, d, 1, t), (n, d)."""
        return features.float().mean(dim=(2, 3))
