"""The plate detector's network: for each cell of 8 by 8 px, a score and a plate's four corners."""

from typing import Final

import torch
from torch import Tensor, nn

STRIDE: Final = 8
CORNER_UNIT_PX: Final = 32.0
"""Unit of the predicted offsets from the cell's centre to the corners."""


def convolve(into: int, out: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, batch norm, SiLU."""
    return nn.Sequential(
        nn.Conv2d(into, out, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
        nn.SiLU(inplace=True),
    )


class Separable(nn.Module):
    """A depthwise 5 by 5 and a pointwise convolution, with a residual connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spatial = nn.Sequential(
            nn.Conv2d(width, width, 5, 1, 2, groups=width, bias=False), nn.BatchNorm2d(width)
        )
        self.grow = convolve(width, 2 * width, 1)
        self.shrink = nn.Sequential(
            nn.Conv2d(2 * width, width, 1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return x + self.shrink(self.grow(self.spatial(x)))


class DetectorNet(nn.Module):
    """Maps frames as uint8 pictures to score logits and corners of cells."""

    def __init__(self, widths: tuple[int, ...] = (24, 48, 80, 112), neck: int = 56) -> None:
        super().__init__()
        a, b, c, d = widths
        self.stem = nn.Sequential(
            nn.Conv2d(3, a, 6, 4, 1, bias=False), nn.BatchNorm2d(a), nn.SiLU(inplace=True)
        )
        self.eight = nn.Sequential(convolve(a, b, 3, 2), Separable(b), Separable(b))
        self.sixteen = nn.Sequential(convolve(b, c, 3, 2), Separable(c), Separable(c))
        self.thirty_two = nn.Sequential(
            convolve(c, d, 3, 2), Separable(d), Separable(d), Separable(d)
        )
        self.from_eight = nn.Conv2d(b, neck, 1)
        self.from_sixteen = nn.Conv2d(c, neck, 1)
        self.from_thirty_two = nn.Conv2d(d, neck, 1)
        self.merge_sixteen = Separable(neck)
        self.merge_eight = nn.Sequential(Separable(neck), Separable(neck))
        self.score = nn.Sequential(convolve(neck, neck, 1), nn.Conv2d(neck, 1, 1))
        self.corners = nn.Sequential(convolve(neck, neck, 1), nn.Conv2d(neck, 8, 1))
        nn.init.constant_(self.score[1].bias, -5.0)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H, W, 3) uint8 BGR to logits (N, H/8, W/8) and corners (N, H/8, W/8, 8) in px."""
        x = frames.permute(0, 3, 1, 2).float() * (1 / 64) - 2
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        eight = self.eight(x)
        sixteen = self.sixteen(eight)
        high = self.from_thirty_two(self.thirty_two(sixteen))
        middle = self.merge_sixteen(self.from_sixteen(sixteen) + _twice(high))
        low = self.merge_eight(self.from_eight(eight) + _twice(middle))
        score = self.score(low).squeeze(1)
        offsets = self.corners(low).permute(0, 2, 3, 1).float() * CORNER_UNIT_PX
        return score, offsets + _centres(offsets)


def _twice(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")


def _centres(like: Tensor) -> Tensor:
    """Centres of the cells in px, as x, y four times: (H, W, 8) for (N, H, W, 8)."""
    ones = torch.ones_like(like[0, :, :, 0])
    y = (ones.cumsum(0) - 0.5) * STRIDE
    x = (ones.cumsum(1) - 0.5) * STRIDE
    return torch.stack([x, y] * 4, dim=2)


class Exported(nn.Module):
    """The network as the service runs it: a probability instead of a logit."""

    def __init__(self, net: DetectorNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """See the interface in services/recognition/engine/detector.py."""
        score, corners = self.net(frames)
        return score.sigmoid(), corners
