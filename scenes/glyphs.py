"""The 36 characters of a license plate die, as strokes.

US plates are pressed from dies with strokes of one width and round ends, so a character is a path and not an
outline. A path lies in a box 6 wide and 10 high, y down. It is a string of
`M x y` (start), `L x y` (line), `A cx cy rx ry from to` (elliptic arc, degrees, 0 right and 90 down,
either direction) and `Z` (close).
"""

import math
from functools import cache

import cv2
import numpy as np

from scenes.model import Colour, Image, Points

BOX_WIDTH, BOX_HEIGHT = 6.0, 10.0
_ARC_STEP_DEG = 9.0
_SUBPIXEL_BITS = 4

PATHS = {
    "0": "A 3 3 3 3 180 360 A 3 7 3 3 0 180 Z",
    "1": "M 1.1 2.1 L 3.3 0 L 3.3 10",
    "2": "A 3 2.9 3 2.9 185 385 L 0 10 L 6 10",
    "3": "A 3 2.5 2.8 2.5 190 450 L 2.2 5 M 3 5 A 3 7.4 3 2.6 270 530",
    "4": "M 4.6 10 L 4.6 0 L 0 7 L 6 7",
    "5": "M 5.6 0 L 0.8 0 L 0.5 4.6 A 3 6.8 3 3.2 228 520",
    "6": "A 3 3 3 3 335 180 L 0 6.9 A 3 6.9 3 3.1 180 540",
    "7": "M 0 0 L 6 0 L 2.3 10",
    "8": "A 3 2.5 2.7 2.5 90 450 Z M 3 5 A 3 7.45 3 2.55 270 630 Z",
    "9": "A 3 7 3 3 155 0 L 6 3.1 A 3 3.1 3 3.1 0 360",
    "A": "M 0 10 L 3 0 L 6 10 M 1.1 6.9 L 4.9 6.9",
    "B": "M 0 5 L 0 0 L 3.3 0 A 3.3 2.4 2.4 2.4 270 450 L 0 4.8 M 3.3 4.8 "
    "A 3.3 7.4 2.7 2.6 270 450 L 0 10 L 0 4.8",
    "C": "A 3 3 3 3 338 180 L 0 7 A 3 7 3 3 180 22",
    "D": "M 0 0 L 2.7 0 A 2.7 3.3 3.3 3.3 270 360 L 6 6.7 A 2.7 6.7 3.3 3.3 0 90 L 0 10 Z",
    "E": "M 5.7 0 L 0.3 0 L 0.3 10 L 5.7 10 M 0.3 4.8 L 4.7 4.8",
    "F": "M 5.7 0 L 0.3 0 L 0.3 10 M 0.3 4.8 L 4.7 4.8",
    "G": "A 3 3 3 3 338 180 L 0 7 A 3 7 3 3 180 0 L 6 5.4 L 3.5 5.4",
    "H": "M 0 0 L 0 10 M 6 0 L 6 10 M 0 4.8 L 6 4.8",
    "I": "M 3 0 L 3 10",
    "J": "M 5.4 0 L 5.4 7.2 A 2.8 7.2 2.6 2.8 0 175",
    "K": "M 0 0 L 0 10 M 5.8 0 L 0 6.2 M 2 4.2 L 6 10",
    "L": "M 0.4 0 L 0.4 10 L 5.8 10",
    "M": "M -0.3 10 L -0.3 0 L 3 6.4 L 6.3 0 L 6.3 10",
    "N": "M 0 10 L 0 0 L 6 10 L 6 0",
    "O": "M 0 5 L 0 1.7 A 1.7 1.7 1.7 1.7 180 270 L 4.3 0 A 4.3 1.7 1.7 1.7 270 360 L 6 8.3 "
    "A 4.3 8.3 1.7 1.7 0 90 L 1.7 10 A 1.7 8.3 1.7 1.7 90 180 Z",
    "P": "M 0.2 10 L 0.2 0 L 3.3 0 A 3.3 2.8 2.7 2.8 270 450 L 0.2 5.6",
    "Q": "A 3 3 3 3 180 360 A 3 7 3 3 0 180 Z M 3.4 7 L 6.4 10.6",
    "R": "M 0.2 10 L 0.2 0 L 3.3 0 A 3.3 2.6 2.6 2.6 270 450 L 0.2 5.2 M 3 5.2 L 6 10",
    "S": "A 3 2.5 2.8 2.5 345 90 A 3 7.45 3 2.55 270 530",
    "T": "M -0.1 0 L 6.1 0 M 3 0 L 3 10",
    "U": "M 0 0 L 0 7 A 3 7 3 3 180 0 L 6 0",
    "V": "M 0 0 L 3 10 L 6 0",
    "W": "M -0.4 0 L 1.3 10 L 3 3 L 4.7 10 L 6.4 0",
    "X": "M 0 0 L 6 10 M 6 0 L 0 10",
    "Y": "M 0 0 L 3 5 L 6 0 M 3 5 L 3 10",
    "Z": "M 0.2 0 L 5.8 0 L 0 10 L 6 10",
}


def _arc(
    cx: float, cy: float, rx: float, ry: float, start: float, stop: float
) -> list[list[float]]:
    steps = max(2, math.ceil(abs(stop - start) / _ARC_STEP_DEG))
    angles = [math.radians(start + (stop - start) * i / steps) for i in range(steps + 1)]
    return [[cx + rx * math.cos(a), cy + ry * math.sin(a)] for a in angles]


@cache
def strokes(character: str) -> tuple[Points, ...]:
    """Return the polylines of one character, each (n, 2) float32 in the 6 by 10 box. Raises: KeyError if unknown."""
    lines: list[list[list[float]]] = [[]]
    words = PATHS[character].split()
    while words:
        match words.pop(0):
            case "M":
                lines.append([[float(words.pop(0)), float(words.pop(0))]])
            case "L":
                lines[-1].append([float(words.pop(0)), float(words.pop(0))])
            case "A":
                numbers = [float(words.pop(0)) for _ in range(6)]
                lines[-1].extend(_arc(*numbers))
            case "Z":
                lines[-1].append(lines[-1][0])
    return tuple(np.array(line, np.float32) for line in lines if line)


def draw_glyph(
    canvas: Image,
    character: str,
    left_top: tuple[float, float],
    size: tuple[float, float],
    thickness_px: int,
    colour: Colour | int = 255,
) -> None:
    """Press one character into `canvas`, (H, W) or (H, W, 3) uint8, in place.

    The stroke's middle runs along the box `size` (width, height in px) at `left_top`.
    """
    scale = np.array([size[0] / BOX_WIDTH, size[1] / BOX_HEIGHT], np.float32)
    offset = np.array(left_top, np.float32)
    subpixels = [
        np.rint((line * scale + offset) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        for line in strokes(character)
    ]
    ink = (colour, colour, colour) if isinstance(colour, int) else colour
    cv2.polylines(canvas, subpixels, False, ink, thickness_px, cv2.LINE_AA, _SUBPIXEL_BITS)
