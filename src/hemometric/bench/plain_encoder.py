"""The compact encoder as a user of PyTorch would write it first: one-dimensional convolutions over twelve leads."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from hemometric.ecg import INDEPENDENT_ROWS, LEADS
from hemometric.encoders import CompactEncoder
from hemometric.encoders.compact import EMBEDDING_DIM, PATCH, WIDTHS

_STEM_TAPS = 3


class _Block(nn.Module):
    def __init__(self, in_width: int, width: int) -> None:
        super().__init__()
        self.down: nn.Module = nn.Identity()
        if in_width != width:
            self.down = nn.Sequential(
                nn.Conv1d(in_width, width, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm1d(width),
                nn.ReLU(inplace=True),
            )
        self.residual = nn.Sequential(nn.Conv1d(width, width, 3, padding=1, bias=False), nn.BatchNorm1d(width))

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        return functional.relu(self.residual(x) + x, inplace=True)


class PlainEncoder(nn.Module):
    """The same function as `CompactEncoder`, with the same receptive field and, but for the derived leads, its weights.

    The stem's three taps over patches of four samples are one kernel of twelve samples with a stride of four.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv1d(len(LEADS), WIDTHS[0], _STEM_TAPS * PATCH, stride=PATCH, padding=PATCH, bias=False),
            nn.BatchNorm1d(WIDTHS[0]),
            nn.ReLU(inplace=True),
        )
        pairs = zip((WIDTHS[0], *WIDTHS[:-1]), WIDTHS, strict=True)
        self.blocks = nn.Sequential(*(_Block(in_width, width) for in_width, width in pairs))
        self.embed = nn.Linear(2 * WIDTHS[-1], EMBEDDING_DIM)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Embed ECGs.

        Args:
            waveforms: (n, 12, n_samples) float32 mV, n_samples a multiple of 4.

        Returns:
            (n, 128) float32.
        """
        features = self.blocks(self.stem(waveforms))
        pooled = torch.cat([features.mean(dim=2), features.amax(dim=2)], dim=1)
        embedding: Tensor = self.embed(pooled)
        return embedding


def write_plainly(encoder: CompactEncoder) -> PlainEncoder:
    """Return the plain network that gives the same embeddings."""
    weights = {name: value.squeeze(2) if value.ndim == 4 else value for name, value in encoder.state_dict().items()}
    # Within a patch the compact stem counts time before leads.
    taps = weights["stem.0.weight"].reshape(WIDTHS[0], PATCH, len(INDEPENDENT_ROWS), _STEM_TAPS)
    stem = taps.new_zeros(WIDTHS[0], len(LEADS), _STEM_TAPS * PATCH)
    stem[:, list(INDEPENDENT_ROWS)] = taps.permute(0, 2, 3, 1).flatten(2)
    plain = PlainEncoder()
    plain.load_state_dict(weights | {"stem.0.weight": stem})
    return plain
