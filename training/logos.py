"""Draws logos of organisations beside a serial: a roundel, a large letter, an emblem, a thicket.

They are not part of the number, though many contain letters. They are so close to it that a reader mistakes
them for a first or last character. The designs are invented.
"""

import cv2
import numpy as np

from scenes.model import Colour, Image
from training.faces import words
from training.motifs import EMBLEMS
from training.painting import any_colour, lay

Place = tuple[float, float]
"""x, y px of a picture's middle."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SMALL_WORDS = ("I CARE", "LIONS", "ALUMNI", "VETERAN", "STATE", "1890", "WILD", "FIRE", "4H", "USA")


def draw_logo(rng: np.random.Generator, plate: Image, *, left: bool) -> float:
    """Draw one logo at a plate's left or right end.

    Args:
        rng: chooses the kind and the size.
        plate: (H, W, 3) uint8 BGR, changed in place.
        left: at which end.

    Returns: the width that it covers, px; a serial beside it may touch it.
    """
    h, w = plate.shape[:2]
    size = h * rng.uniform(0.3, 0.62)
    width = rng.uniform(0.03, 0.08) * w + size
    middle = width - size / 2
    at = middle if left else w - middle, h * rng.uniform(0.42, 0.62)
    paint = (_roundel, _letter, _emblem, _thicket)[int(rng.choice(4, p=(0.25, 0.15, 0.25, 0.35)))]
    paint(rng, plate, at, size)
    if rng.random() < 0.2:
        _caption(rng, plate, at, size)
    return float(width)


def _roundel(rng: np.random.Generator, plate: Image, at: Place, size: float) -> None:
    """Draw rings of colour around a letter or an emblem, with words too small to read on the rim."""
    middle = round(at[0]), round(at[1])
    for share in sorted(rng.uniform(0.5, 1.0, int(rng.integers(1, 4))), reverse=True):
        cv2.circle(plate, middle, round(size * share / 2), any_colour(rng), -1, cv2.LINE_AA)
    if rng.random() < 0.5:
        rim, step = size * 0.42, int(rng.integers(12, 30))
        for turn in range(0, 360, step):
            along = np.deg2rad(turn)
            spot = round(middle[0] + rim * np.cos(along)), round(middle[1] + rim * np.sin(along))
            cv2.circle(plate, spot, max(1, round(size * 0.025)), (235, 235, 235), -1, cv2.LINE_AA)
    inner = _letter if rng.random() < 0.5 else _emblem
    inner(rng, plate, at, size * rng.uniform(0.4, 0.6))


def _letter(rng: np.random.Generator, plate: Image, at: Place, size: float) -> None:
    """Draw a letter or two in a colour of their own, outlined."""
    text = "".join(rng.choice(list(LETTERS), int(rng.integers(1, 3))))
    kind = str(rng.choice(("slab", "serif", "bold", "script")))
    mask = words(rng, kind, text, max(8, round(size * 0.9)))
    wider = cv2.dilate(mask, np.ones((5, 5), np.uint8))
    corner = round(at[0] - mask.shape[1] / 2), round(at[1] - mask.shape[0] / 2)
    lay(plate, np.asarray(wider, np.uint8), corner, any_colour(rng))
    lay(plate, mask, corner, any_colour(rng))


def _emblem(rng: np.random.Generator, plate: Image, at: Place, size: float) -> None:
    EMBLEMS[str(rng.choice(list(EMBLEMS)))](plate, at, size, any_colour(rng), rng)


def _thicket(rng: np.random.Generator, plate: Image, at: Place, size: float) -> None:
    """Draw twigs, feathers, needles: strokes and blots of a few colours, in places as dark as ink."""
    palette: list[Colour] = [any_colour(rng) for _ in range(3)]
    palette.append((30, 30, 30))
    for _ in range(int(rng.integers(8, 40))):
        colour = palette[int(rng.integers(len(palette)))]
        start = np.array(at) + np.clip(rng.normal(0, 0.22, 2), -0.5, 0.5) * size
        middle = round(start[0]), round(start[1])
        which = rng.random()
        if which < 0.5:
            end = start + rng.normal(0, 0.25, 2) * size
            thick = int(rng.integers(1, 6))
            cv2.line(plate, middle, (round(end[0]), round(end[1])), colour, thick, cv2.LINE_AA)
        else:
            axes = rng.uniform(0.03, 0.16, 2) * size
            reach = max(1, round(axes[0])), max(1, round(axes[1]))
            thick = -1 if which < 0.85 else int(rng.integers(1, 5))
            turn = float(rng.uniform(0, 180))
            cv2.ellipse(plate, middle, reach, turn, 0, 360, colour, thick, cv2.LINE_AA)


def _caption(rng: np.random.Generator, plate: Image, at: Place, size: float) -> None:
    mask = words(rng, "bold", str(rng.choice(SMALL_WORDS)), int(rng.integers(8, 14)))
    lay(
        plate, mask, (round(at[0] - mask.shape[1] / 2), round(at[1] + size * 0.55)), any_colour(rng)
    )
