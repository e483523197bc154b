"""Drawing tools of all motifs: colours that vary, polygons, ridges and gradients."""

from collections.abc import Callable, Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.model import Colour, Image

WIDTH_PX, HEIGHT_PX = 600, 300


SIDE_SHARE = 0.26
"""Share of the width that a picture at the left covers, on plates that have one."""


Motif = Callable[[Image, np.random.Generator], None]


Emblem = Callable[[Image, tuple[float, float], float, Colour, np.random.Generator], None]
"""Paints around a centre (x, y) px, at a height in px, in one colour, varied by the generator."""


SHIFT = 4
"""Polygons are drawn on a grid of 1/16 px."""


def near(colour: Colour, rng: np.random.Generator, spread: float = 9) -> Colour:
    """Return a colour about `spread` grey levels from the given one in each channel."""
    blue, green, red = np.clip(np.asarray(colour) + rng.normal(0, spread, 3), 0, 255)
    return int(blue), int(green), int(red)


def shade(colour: Colour, brightness: float) -> Colour:
    """Darken a colour (brightness under 1), or mix white into it (1 to 2; 2 is white)."""
    values = np.asarray(colour, float)
    mixed = values * brightness if brightness <= 1 else values + (255 - values) * (brightness - 1)
    blue, green, red = np.clip(mixed, 0, 255)
    return int(blue), int(green), int(red)


def polygon(
    canvas: Image, points: Sequence[tuple[float, float]] | NDArray[np.float64], colour: Colour
) -> None:
    """Fill a polygon of points (n, 2), px, with smooth edges."""
    grid = np.rint(np.asarray(points, float) * (1 << SHIFT)).astype(np.int32)
    cv2.fillPoly(canvas, [grid], colour, cv2.LINE_AA, SHIFT)


def below(canvas: Image, x: NDArray[np.float64], y: NDArray[np.float64], colour: Colour) -> None:
    """Fill everything under a curve, down to the lower edge."""
    bottom = canvas.shape[0]
    foot = np.array([[x[-1], bottom], [x[0], bottom]])
    polygon(canvas, np.concatenate([np.stack([x, y], axis=1), foot]), colour)


def gradient(colours: Sequence[Colour], rows: int) -> NDArray[np.uint8]:
    """Return colours from top to bottom as (rows, 1, 3) uint8."""
    places = np.linspace(0, 1, rows)
    stops = np.linspace(0, 1, len(colours))
    channels = [np.interp(places, stops, [c[i] for c in colours]) for i in range(3)]
    return cast("NDArray[np.uint8]", np.stack(channels, axis=1)[:, None].astype(np.uint8))


def ridge(rng: np.random.Generator, points: int, roughness: float) -> NDArray[np.float64]:
    """Return a jagged line of `points` heights, 0 to 1, with a few main peaks."""
    x = np.linspace(0, 1, points)
    phase = rng.uniform(0, 2 * np.pi, 3)
    line = np.abs(np.sin(2.6 * x + phase[0]) * np.cos(7.5 * x + phase[1])) + 0.2 * np.sin(
        19 * x + phase[2]
    )
    line += rng.uniform(-roughness, roughness, points)
    return cast("NDArray[np.float64]", (line - line.min()) / max(float(np.ptp(line)), 1e-6))
