"""The plate reader's network: convolutions to two rows of columns, attention over them, CTC."""

from collections.abc import Mapping
from typing import Final, Self

import torch
from torch import Tensor, nn

from services.recognition.models import ALPHABET, READER_HEIGHT_PX, READER_WIDTH_PX

CLASSES: Final = len(ALPHABET) + 1
USUAL: Final = (32, 64, 96, 128, 160)
"""Channels of the convolutions, from the first to the last size."""
ROWS, COLUMNS = READER_HEIGHT_PX // 32, READER_WIDTH_PX // 4
"""The upper and the lower half of the plate, each as 40 columns: 80 steps in reading order."""


def convolve(into: int, out: int, stride: tuple[int, int] = (1, 1)) -> nn.Sequential:
    """3 by 3 convolution, batch norm, SiLU."""
    return nn.Sequential(
        nn.Conv2d(into, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.SiLU(inplace=True)
    )


class Residual(nn.Module):
    """Two convolutions with a residual connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = convolve(width, width)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        )
        self.act = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return self.act(x + self.second(self.first(x)))


class Mixer(nn.Module):
    """One transformer layer, norm first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.feed = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.SiLU(inplace=True),
            nn.Linear(2 * width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) to the same."""
        n, t, c = x.shape
        q, k, v = (
            self.qkv(self.before(x))
            .view(n, t, 3, self.heads, c // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        weights = torch.softmax(q @ k.transpose(-1, -2) * (c // self.heads) ** -0.5, dim=-1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(n, t, c))
        return x + self.feed(x)


class ReaderNet(nn.Module):
    """Maps plates as uint8 pictures to log-probabilities of characters, region, and being a plate."""

    def __init__(self, regions: int, widths: tuple[int, ...] = USUAL) -> None:
        super().__init__()
        a, b, c, d, e = widths
        self.body = nn.Sequential(
            convolve(3, a, (2, 2)),
            convolve(a, b, (2, 2)),
            Residual(b),
            convolve(b, c, (2, 1)),
            Residual(c),
            convolve(c, d, (2, 1)),
            Residual(d),
            Residual(d),
            convolve(d, e, (2, 1)),
        )
        self.early = nn.Linear(e, CLASSES)
        self.place = nn.Parameter(torch.randn(ROWS * COLUMNS, e) * 0.02)
        self.mix = nn.Sequential(Mixer(e, 4), Mixer(e, 4))
        self.last = nn.LayerNorm(e)
        self.characters = nn.Linear(e, CLASSES)
        self.whole = nn.Sequential(nn.Linear(2 * e, 96), nn.SiLU(inplace=True))
        self.region = nn.Linear(96, regions)
        self.plate = nn.Linear(96, 1)

    @classmethod
    def of(cls, weights: Mapping[str, Tensor]) -> Self:
        """Return the network of these weights, as wide as they are."""
        widths = tuple(len(weights[f"body.{number}.0.weight"]) for number in (0, 1, 3, 5, 8))
        net = cls(len(weights["region.weight"]), widths)
        net.load_state_dict(weights)
        return net

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 64, 160, 3) uint8 BGR to logits: (N, 80, 37), (N, R), (N,)."""
        return self.read(self.columns(pictures))

    def columns(self, pictures: Tensor) -> Tensor:
        """(N, 64, 160, 3) uint8 BGR to features of the columns before attention, (N, 80, C)."""
        x = pictures.permute(0, 3, 1, 2).float() / 255
        # Normalises each picture by its own brightness and contrast, so that deep shade makes no difference.
        x = x - x.mean((1, 2, 3), keepdim=True)
        x = x / (x.square().mean((1, 2, 3), keepdim=True) + 1e-4).sqrt()
        x = self.body(x.contiguous(memory_format=torch.channels_last))
        return x.flatten(2).transpose(1, 2)

    def read(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map features of the columns to logits: (N, 80, 37), (N, R), (N,)."""
        x = self.last(self.mix(x + self.place))
        whole = self.whole(torch.cat([x.mean(1), x.amax(1)], 1))
        return self.characters(x), self.region(whole), self.plate(whole).squeeze(1)


class Exported(nn.Module):
    """The network as the service runs it: probabilities instead of logits."""

    def __init__(self, net: ReaderNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, plates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the interface in services/recognition/engine/reader.py."""
        characters, region, plate = self.net(plates)
        return characters.log_softmax(2), region.log_softmax(1), plate.sigmoid()
