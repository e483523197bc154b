"""The pictures on plates: backgrounds behind a serial, and emblems within one.

Shapes are drawn from memory of how plates look on the road, simplified and jittered, so that no two paintings
are alike; none is a state's artwork. A motif paints a flat plate of
(`HEIGHT_PX`, `WIDTH_PX`, 3) uint8 BGR in place, before the serial is pressed into it.
"""

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from scenes.model import Image
from training.motifs.drawing import HEIGHT_PX, SIDE_SHARE, WIDTH_PX, Motif
from training.motifs.emblems import EMBLEMS
from training.motifs.figures import scattered, side_picture, silhouette
from training.motifs.landscapes import (
    clouds,
    field_rows,
    forest,
    hills,
    mountains,
    sky,
    skyline,
    sun,
    sunset,
    waves,
)
from training.motifs.patterns import (
    bands,
    border,
    diagonal,
    fading_bands,
    flag,
    leaves,
    left_band,
    noise,
    rainbow,
    repeated_text,
    swoosh,
)

__all__ = ["EMBLEMS", "HEIGHT_PX", "MOTIFS", "SIDE_SHARE", "WIDTH_PX", "Motif", "together"]


def together(*motifs: Motif) -> Motif:
    """Paint several motifs, the first at the back."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        for motif in motifs:
            motif(canvas, rng)

    return paint


def faint(motif: Motif, strength: float) -> Motif:
    """Paint a motif as a watermark: 0 is invisible, 1 full strength."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        painted = canvas.copy()
        motif(painted, rng)
        share = float(np.clip(strength * rng.uniform(0.7, 1.3), 0, 1))
        cv2.addWeighted(painted, share, canvas, 1 - share, 0, dst=canvas)

    return paint


def upper(motif: Motif, share: float) -> Motif:
    """Paint a motif into the upper part of the plate only; `share` is of the height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        motif(canvas[: round(canvas.shape[0] * share)], rng)

    return paint


MOTIFS: Mapping[str, Callable[..., Motif]] = {
    draw.__name__: draw
    for draw in (
        faint,
        upper,
        sky,
        mountains,
        hills,
        sun,
        sunset,
        bands,
        fading_bands,
        swoosh,
        waves,
        rainbow,
        skyline,
        forest,
        silhouette,
        scattered,
        side_picture,
        flag,
        diagonal,
        repeated_text,
        leaves,
        clouds,
        border,
        left_band,
        field_rows,
        noise,
    )
}
"""The motifs that a style file may name."""
