"""A small residual network for processors: 12 x 1000 at 100 Hz, about 0.2 million weights."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from hemometric.ecg import INDEPENDENT_ROWS

WIDTHS = (48, 64, 96, 128)
PATCH = 4
EMBEDDING_DIM = 128


class _Block(nn.Module):
    """Halve the time axis unless first, then one residual three-tap convolution."""

    def __init__(self, in_width: int, width: int) -> None:
        super().__init__()
        self.down: nn.Module = nn.Identity()
        if in_width != width:
            self.down = nn.Sequential(
                nn.Conv2d(in_width, width, (1, 4), stride=(1, 2), padding=(0, 1), bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            )
        self.residual = nn.Sequential(
            nn.Conv2d(width, width, (1, 3), padding=(0, 1), bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        return functional.relu(self.residual(x) + x, inplace=True)


class CompactEncoder(nn.Module):
    """Four samples become one patch, four residual blocks, mean and maximum over time, a linear layer.

    The convolutions are two-dimensional with a height of one and the channels last in memory, because the processor's
    kernels for that layout trained 1.6 times as many ECGs a second as one-dimensional convolutions written as matrix
    products (docs/decisions). The encoder reads the eight independent leads (I, II, V1-V6: rows 0, 1 and 6 to 11);
    the other four are sums of them, so that the stem could learn nothing else from them.

    Attributes:
        embedding_dim: 128.
    """

    embedding_dim = EMBEDDING_DIM

    def __init__(self) -> None:
        super().__init__()
        n_leads = len(INDEPENDENT_ROWS)
        self.stem = nn.Sequential(
            nn.Conv2d(n_leads * PATCH, WIDTHS[0], (1, 3), padding=(0, 1), bias=False),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.ReLU(inplace=True),
        )
        pairs = zip((WIDTHS[0], *WIDTHS[:-1]), WIDTHS, strict=True)
        self.blocks = nn.Sequential(*(_Block(in_width, width) for in_width, width in pairs))
        self.embed = nn.Linear(2 * WIDTHS[-1], EMBEDDING_DIM)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, waveforms: Tensor) -> Tensor:
        """Embed ECGs.

        Args:
            waveforms: (n, 12, n_samples) float32 mV, at least 32 samples; fastest if time comes before leads in memory.

        Returns:
            (n, 128) float32.
        """
        embedding: Tensor = self.embed(self.pool(self.blocks(self.stem(self.read(waveforms)))))
        return embedding.float()

    @staticmethod
    def read(waveforms: Tensor) -> Tensor:
        """What the stem takes of (n, 12, n_samples): four samples of eight leads a patch, (n, 32, 1, n_patches)."""
        by_time = waveforms.transpose(1, 2)
        by_time = torch.cat([by_time[:, :, :2], by_time[:, :, 6:]], dim=2)
        n_ecgs, n_samples, n_leads = by_time.shape
        n_patches = n_samples // PATCH
        patches = by_time[:, : n_patches * PATCH].reshape(n_ecgs, 1, n_patches, PATCH * n_leads)
        return patches.permute(0, 3, 1, 2)

    @staticmethod
    def pool(features: Tensor) -> Tensor:
        """Mean and maximum over time, float32: what the last layer takes of (n, d, 1, t), (n, 2 d)."""
        features = features.float()
        return torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
