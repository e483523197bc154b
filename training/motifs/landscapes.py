"""Motifs of land and sky."""

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.model import Colour, Image
from training.motifs.drawing import Motif, below, gradient, near, polygon, ridge, shade


def sky(*colours: Colour, rows: tuple[float, float] = (0.0, 1.0)) -> Motif:
    """Blend colours from top to bottom over a range of rows (shares of the height)."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        first, last = (round(row * canvas.shape[0]) for row in rows)
        canvas[first:last] = gradient([near(colour, rng) for colour in colours], last - first)

    return paint


def mountains(*colours: Colour, base: float = 0.75, peak: float = 0.4, snow: bool = False) -> Motif:
    """Paint ranges, the farthest first. `base` and `peak` are shares of the plate's height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        x = np.linspace(0, width, 24)
        for i, colour in enumerate(colours):
            rise = peak * (1 - 0.35 * i) * rng.uniform(0.8, 1.15)
            foot = base + 0.12 * i
            y = height * (foot - rise * ridge(rng, len(x), 0.12))
            tone = near(colour, rng)
            below(canvas, x, y, tone)
            if snow and i == 0:
                _snow(canvas, x, y, height * (foot - rise * 0.6), shade(tone, 1.75))

    return paint


def _snow(
    canvas: Image, x: NDArray[np.float64], y: NDArray[np.float64], line_px: float, colour: Colour
) -> None:
    """Whiten the part of a ridge above a line, with a ragged lower edge."""
    ragged = line_px + 6 * np.where(np.arange(len(x)) % 2, 1, -1)
    low = np.maximum(y, ragged)
    polygon(canvas, np.concatenate([np.stack([x, y], 1), np.stack([x, low], 1)[::-1]]), colour)


def hills(*colours: Colour, base: float = 0.7, rise: float = 0.1) -> Motif:
    """Paint rolling ground, one colour a fold, from `base` (share of the height) downwards."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        x = np.linspace(0, width, 40)
        for i, colour in enumerate(colours):
            phase, turns = rng.uniform(0, 6.3), rng.uniform(0.6, 1.6)
            y = height * (base + 0.1 * i + rise * np.sin(x / width * 6.3 * turns + phase) / 2)
            below(canvas, x, y, near(colour, rng))

    return paint


def sun(
    colour: Colour, *, x: float = 0.5, y: float = 0.6, radius: float = 0.2, rays: int = 0
) -> Motif:
    """Paint a sun at shares of the width and height, `radius` a share of the height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        tone = near(colour, rng)
        cx, cy = width * (x + rng.normal(0, 0.015)), height * (y + rng.normal(0, 0.015))
        turn = rng.uniform(0, 6.3)
        for i in range(rays):
            middle = turn + 2 * np.pi * i / rays
            ends = middle + np.array([-0.4, 0.4]) * np.pi / rays
            reach = 1.3 * width
            far = [(cx + reach * np.cos(a), cy + reach * np.sin(a)) for a in ends]
            polygon(canvas, [(cx, cy), *far], tone)
        cv2.circle(canvas, (round(cx), round(cy)), round(radius * height), tone, -1, cv2.LINE_AA)

    return paint


def sunset(*colours: Colour, disc: Colour, horizon: float = 0.72) -> Motif:
    """Paint an evening sky, top to bottom, with a sun on the horizon."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        sky(*colours, rows=(0, 1))(canvas, rng)
        place = float(rng.choice([0.2, 0.5, 0.8]))
        sun(disc, x=place, y=horizon, radius=rng.uniform(0.1, 0.22))(canvas, rng)

    return paint


def waves(*colours: Colour, base: float = 0.72) -> Motif:
    """Paint water from a share of the height downwards, one colour a wave."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        x = np.linspace(0, width, 80)
        for i, colour in enumerate(colours):
            phase, turns = rng.uniform(0, 6.3), rng.uniform(4, 9)
            y = height * (base + 0.08 * i + 0.018 * np.sin(x / width * 6.3 * turns + phase))
            below(canvas, x, y, near(colour, rng))

    return paint


def skyline(colour: Colour, base: float = 0.85, rise: float = 0.4) -> Motif:
    """Paint a row of towers from `base` upwards by at most `rise`, shares of the height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        tone, left = near(colour, rng), 0
        while left < width:
            right = left + int(rng.integers(14, 46))
            middle = 1 - abs((left + right) / width - 1)
            top = height * (base - rise * (0.2 + 0.8 * middle) * rng.uniform(0.3, 1))
            cv2.rectangle(canvas, (left, round(top)), (right, height), tone, -1)
            if rng.random() < 0.15:
                tip = round(top - height * 0.09)
                cv2.line(canvas, ((left + right) // 2, tip), ((left + right) // 2, height), tone, 3)
            left = right

    return paint


def forest(colour: Colour, base: float = 0.8, tree: float = 0.2) -> Motif:
    """Paint a line of firs at `base`, a share of the height; `tree` is their height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        tone = near(colour, rng)
        feet = np.arange(-10, width + 20, 22) + rng.uniform(-7, 7, (width + 49) // 22)
        tips = height * (base - tree * rng.uniform(0.45, 1, len(feet)))
        x = np.stack([feet - 15, feet, feet + 15], 1).ravel()
        y = np.stack([np.full(len(feet), height * base), tips, np.full(len(feet), height * base)])
        below(canvas, np.maximum.accumulate(x), y.T.ravel(), tone)

    return paint


def clouds(colour: Colour, count: int = 4, rows: tuple[float, float] = (0.05, 0.4)) -> Motif:
    """Paint heaps of cloud between two shares of the height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        tone = near(colour, rng, 4)
        for _ in range(count):
            x, y = rng.uniform(0, width), height * rng.uniform(*rows)
            for part in rng.uniform(-1, 1, (5, 2)):
                middle = (round(x + 40 * part[0]), round(y + 7 * part[1]))
                axes = (int(rng.integers(18, 42)), int(rng.integers(8, 18)))
                cv2.ellipse(canvas, middle, axes, 0, 0, 360, tone, -1, cv2.LINE_AA)

    return paint


def field_rows(*colours: Colour, base: float = 0.72) -> Motif:
    """Paint furrows that run from the lower edge to a point on the horizon."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        horizon, centre = height * base, width * rng.uniform(0.3, 0.7)
        feet = np.linspace(-0.6 * width, 1.6 * width, 15)
        for i in range(len(feet) - 1):
            # Each furrow starts as a short piece of the horizon, so that the ground has no gap.
            starts = centre + (feet[i : i + 2] - centre) * 0.48
            shape = [
                (float(starts[0]), horizon),
                (float(starts[1]), horizon),
                (float(feet[i + 1]), float(height)),
                (float(feet[i]), float(height)),
            ]
            polygon(canvas, shape, near(colours[i % len(colours)], rng, 4))

    return paint
