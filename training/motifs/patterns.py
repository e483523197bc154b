"""Motifs of bands, stripes, words and textures."""

from collections.abc import Sequence

import cv2
import numpy as np

from scenes.model import Colour, Image
from training.motifs.drawing import Motif, below, near, polygon
from training.motifs.emblems import EMBLEMS


def bands(
    top: Colour | None = None,
    bottom: Colour | None = None,
    top_share: float = 0.2,
    bottom_share: float = 0.16,
) -> Motif:
    """Paint a strip along the top, the bottom, or both; shares of the height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height = canvas.shape[0]
        if top:
            canvas[: round(height * top_share * rng.uniform(0.9, 1.1))] = near(top, rng)
        if bottom:
            canvas[height - round(height * bottom_share * rng.uniform(0.9, 1.1)) :] = near(
                bottom, rng
            )

    return paint


def fading_bands(
    top: Colour | None = None, bottom: Colour | None = None, share: float = 0.32
) -> Motif:
    """Fade a colour from the top or bottom edge into the paint below it."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        rows = round(canvas.shape[0] * share)
        fall = np.linspace(1, 0, rows, dtype=np.float32)[:, None, None]
        if top:
            edge = canvas[:rows]
            edge[:] = edge * (1 - fall) + np.array(near(top, rng), np.float32) * fall
        if bottom:
            edge = canvas[-rows:]
            edge[:] = edge * (1 - fall[::-1]) + np.array(near(bottom, rng), np.float32) * fall[::-1]

    return paint


def swoosh(*colours: Colour, y: float = 0.22, thickness: float = 0.05) -> Motif:
    """Paint curved ribbons across the plate, one below the other from a share of the height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        x = np.linspace(0, width, 30)
        bend = rng.uniform(-0.12, 0.12)
        curve = height * (y + bend * np.sin(np.pi * x / width) + rng.normal(0, 0.01))
        for i, colour in enumerate(colours):
            upper = curve + i * thickness * height * 1.15
            lower = upper + thickness * height
            edge = np.concatenate([np.stack([x, upper], 1), np.stack([x, lower], 1)[::-1]])
            polygon(canvas, edge, near(colour, rng))

    return paint


def rainbow(*colours: Colour, thickness: float = 0.05) -> Motif:
    """Paint a bow that spans the plate, the first colour outermost."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        line = max(2, round(height * thickness * rng.uniform(0.8, 1.2)))
        centre = (round(width * rng.uniform(0.46, 0.54)), round(height * rng.uniform(0.95, 1.08)))
        for i, colour in enumerate(colours):
            axes = (round(width * 0.46) - i * line, round(height * 0.82) - i * line)
            tone = near(colour, rng)
            cv2.ellipse(canvas, centre, axes, 0, 180, 360, tone, line, cv2.LINE_AA)

    return paint


def flag(stripes: Sequence[Colour], canton: Colour | None = None, waving: bool = True) -> Motif:
    """Paint stripes across the plate, with a starred field at the top left if given."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        rise = rng.uniform(4, 14) if waving else 0.0
        x = np.linspace(0, width, 24)
        wave = rise * np.sin(x / width * 6.3 + rng.uniform(0, 6.3))
        for i in range(7):
            y = height * i / 7 + (wave if i else wave * 0 - 1)
            below(canvas, x, y, near(stripes[i % len(stripes)], rng, 4))
        if canton:
            corner = (round(width * 0.36), round(height * 4 / 7))
            cv2.rectangle(canvas, (0, 0), corner, near(canton, rng), -1)
            for row in range(3):
                for column in range(4):
                    place = (corner[0] * (column + 0.5) / 4, corner[1] * (row + 0.5) / 3)
                    EMBLEMS["star"](canvas, place, 20, (240, 240, 240), rng)

    return paint


def diagonal(*colours: Colour, width: float = 0.1) -> Motif:
    """Paint slanting stripes from the lower left corner; `width` is a share of the plate's."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        high, wide = canvas.shape[:2]
        left = wide * rng.uniform(-0.1, 0.25)
        for colour in colours:
            right = left + wide * width
            lean = high * 0.6
            shape = [(left + lean, 0), (right + lean, 0), (right, high), (left, high)]
            polygon(canvas, [(x, float(y)) for x, y in shape], near(colour, rng))
            left = right + wide * 0.03

    return paint


def repeated_text(text: str, colour: Colour, size_px: int = 20) -> Motif:
    """Write a few words repeatedly in slanting lines, like a temporary plate or a security print."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        tone, scale = near(colour, rng), size_px / 22
        step = max(40, round(len(text) * size_px * 0.95))
        for row, y in enumerate(range(size_px, height + size_px, size_px * 3)):
            for x in range(-step // 2 * (row % 2), width, step):
                cv2.putText(canvas, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, tone, 1)

    return paint


def leaves(*colours: Colour, count: int = 10) -> Motif:
    """Scatter leaves, most of them near the edges."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        for _ in range(count):
            x, y = rng.uniform(0, width), height * float(rng.beta(0.4, 0.4))
            axes = (int(rng.integers(12, 30)), int(rng.integers(5, 12)))
            colour = near(colours[int(rng.integers(len(colours)))], rng)
            turn = float(rng.uniform(0, 180))
            cv2.ellipse(canvas, (round(x), round(y)), axes, turn, 0, 360, colour, -1, cv2.LINE_AA)

    return paint


def border(colour: Colour, thickness_px: int = 7, inset_px: int = 8) -> Motif:
    """Paint a line around the plate at a distance from its edge."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        far = (width - inset_px - 1, height - inset_px - 1)
        line = max(1, thickness_px + int(rng.integers(-2, 3)))
        cv2.rectangle(canvas, (inset_px, inset_px), far, near(colour, rng), line)

    return paint


def left_band(colour: Colour, share: float = 0.09, letters: str = "", ring: bool = False) -> Motif:
    """Paint a strip at the left edge, with a country's letters and a ring of stars if requested."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        edge = round(width * share)
        canvas[:, :edge] = near(colour, rng)
        if ring:
            for turn in np.arange(12) * np.pi / 6:
                place = (
                    round(edge / 2 + 0.28 * edge * np.cos(turn)),
                    round(height * 0.3 + 0.16 * height * np.sin(turn)),
                )
                cv2.circle(canvas, place, max(1, edge // 20), (40, 210, 245), -1, cv2.LINE_AA)
        if letters:
            scale = edge / (22.0 * len(letters) + 6)
            place = (round(edge * 0.12), round(height * 0.88))
            cv2.putText(canvas, letters, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (245, 245, 245), 3)

    return paint


def noise(strength: float = 6) -> Motif:
    """Mottle the whole plate softly, by about `strength` grey levels."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        coarse = rng.normal(0, strength, (6, 12)).astype(np.float32)
        soft = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        lighter = np.clip(soft, 0, 255).astype(np.uint8)
        darker = np.clip(-soft, 0, 255).astype(np.uint8)
        cv2.add(canvas, cv2.merge([lighter] * 3), dst=canvas)
        cv2.subtract(canvas, cv2.merge([darker] * 3), dst=canvas)

    return paint
