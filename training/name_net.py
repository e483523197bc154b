"""The network that reads states' names: convolutions to columns, attention over them, one answer."""

from typing import Final

import torch
from torch import Tensor, nn

from services.recognition.models import NAMES_HEIGHT_PX, NAMES_WIDTH_PX
from training.reader_net import Mixer, Residual, convolve

COLUMNS: Final = NAMES_WIDTH_PX // 4
"""Columns of each of the two edges."""
LETTERS: Final = 27
"""A to Z, and no letter."""


class NameNet(nn.Module):
    """Maps a plate's two edges as uint8 pictures to logits of states."""

    def __init__(self, regions: int, widths: tuple[int, ...] = (16, 32, 64, 96)) -> None:
        super().__init__()
        a, b, c, d = widths
        self.body = nn.Sequential(
            convolve(3, a, (2, 2)),
            convolve(a, b, (2, 2)),
            Residual(b),
            convolve(b, c, (2, 1)),
            Residual(c),
            convolve(c, d, (2, 1)),
        )
        # Reduces the remaining height of an edge to one.
        self.flatten = nn.Conv2d(d, d, (-(-NAMES_HEIGHT_PX // 32), 1))
        self.letters = nn.Linear(d, LETTERS)
        self.place = nn.Parameter(torch.randn(2 * COLUMNS, d) * 0.02)
        self.mix = nn.Sequential(Mixer(d, 4), Mixer(d, 4))
        self.last = nn.LayerNorm(d)
        self.weigh = nn.Linear(d, 1)
        self.region = nn.Linear(2 * d, regions)

    def forward(self, edges: Tensor) -> Tensor:
        """(N, 80, 192, 3) uint8 BGR to logits (N, R)."""
        return self.read(self.columns(edges))

    def columns(self, edges: Tensor) -> Tensor:
        """(N, 80, 192, 3) uint8 BGR to features of the columns before attention, (N, 96, C): the upper edge's
        columns, then the lower edge's."""
        n, h, w, _ = edges.shape
        x = edges.permute(0, 3, 1, 2).float() / 255
        x = x - x.mean((1, 2, 3), keepdim=True)
        x = x / (x.square().mean((1, 2, 3), keepdim=True) + 1e-4).sqrt()
        # Each edge separately, so that no stroke of one spreads into the other.
        x = x.view(n, 3, 2, h // 2, w).transpose(1, 2).reshape(2 * n, 3, h // 2, w)
        x = self.flatten(self.body(x.contiguous(memory_format=torch.channels_last)))
        return x.squeeze(2).transpose(1, 2).reshape(n, 2 * COLUMNS, -1)

    def read(self, x: Tensor) -> Tensor:
        """Map features of the columns to logits (N, R)."""
        x = self.last(self.mix(x + self.place))
        weighed = (torch.softmax(self.weigh(x), 1) * x).sum(1)
        region: Tensor = self.region(torch.cat([weighed, x.amax(1)], 1))
        return region


class Exported(nn.Module):
    """The network as the service runs it: log-probabilities at a temperature instead of logits."""

    def __init__(self, net: NameNet, temperature: float) -> None:
        super().__init__()
        self.net = net
        self.temperature = temperature

    def forward(self, edges: Tensor) -> Tensor:
        """See the interface in services/recognition/engine/states.py."""
        return (self.net(edges) / self.temperature).log_softmax(1)
