"""Motifs that show an emblem large."""

import cv2
import numpy as np

from scenes.model import Colour, Image
from training.motifs.drawing import SIDE_SHARE, Motif, near, polygon
from training.motifs.emblems import EMBLEMS


def silhouette(
    emblem: str, colour: Colour, *, size: float = 0.75, x: float = 0.5, y: float = 0.53
) -> Motif:
    """Paint one emblem large; `size` is a share of the height, x and y its middle."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        EMBLEMS[emblem](canvas, (width * x, height * y), height * size, colour, rng)

    return paint


def scattered(*colours: Colour, emblem: str, count: int = 9, size: float = 0.16) -> Motif:
    """Paint small emblems all over, each in one of the colours."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        for x, y in rng.uniform(0, 1, (count, 2)):
            colour = colours[int(rng.integers(len(colours)))]
            high = height * size * rng.uniform(0.7, 1.3)
            EMBLEMS[emblem](canvas, (x * width, y * height), high, colour, rng)

    return paint


def side_picture(emblem: str, colour: Colour, ground: Colour | None = None) -> Motif:
    """Paint a picture at the left, on a ground of its own if given; the serial is to the right of it."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        edge = round(width * SIDE_SHARE)
        if ground:
            form = int(rng.integers(3))
            tone = near(ground, rng)
            if form == 0:
                cv2.rectangle(canvas, (0, 0), (edge, height), tone, -1)
            elif form == 1:
                axes = (edge // 2 - 8, round(height * 0.32))
                cv2.ellipse(
                    canvas, (edge // 2, height // 2), axes, 0, 0, 360, tone, -1, cv2.LINE_AA
                )
            else:
                polygon(canvas, [(0, 0), (edge + 18, 0), (edge - 18, height), (0, height)], tone)
        centre = (edge / 2 + 2, height * rng.uniform(0.48, 0.56))
        EMBLEMS[emblem](canvas, centre, height * rng.uniform(0.42, 0.55), colour, rng)

    return paint
