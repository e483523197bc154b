"""Draws meaningless backgrounds: gradients, noise, polygons, lines, words."""

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.model import Colour, Image, as_image
from training.scenes.negatives import FONTS, WORDS


def draw_clutter(rng: np.random.Generator, size: tuple[int, int]) -> Image:
    """Draw a meaningless picture of `size` (width, height) px, (H, W, 3) uint8 BGR."""
    canvas = as_image(_ground(rng, size) + _cloud(rng, size)[..., None])
    for _ in range(int(rng.integers(0, 14))):
        _shape(canvas, rng)
    if rng.random() < 0.3:
        _words(canvas, rng)
    if rng.random() < 0.6:
        sigma = float(rng.uniform(0.4, 3.0))
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), sigma), np.uint8)
    return canvas


def _colour(rng: np.random.Generator) -> Colour:
    """Mostly greyish, as streets are."""
    level, spread = float(rng.uniform(5, 250)), float(rng.choice([4, 18, 60]))
    b, g, r = (int(np.clip(level + d, 0, 255)) for d in rng.normal(0, spread, 3))
    return b, g, r


def _ground(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    corners = np.array([[_colour(rng), _colour(rng)], [_colour(rng), _colour(rng)]], np.float32)
    if rng.random() < 0.5:
        corners = corners * np.float32(0.35) + np.float32(0.65) * corners[:1, :1]
    return np.asarray(cv2.resize(corners, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _cloud(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """Soft noise of several sizes, (H, W)."""
    cover = np.zeros((size[1], size[0]), np.float32)
    for cells in (4, 12, 40, 120):
        grid = rng.standard_normal((max(2, cells * size[1] // size[0]), cells), np.float32)
        cover += cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR) * np.float32(
            rng.exponential(6)
        )
    return cover


def _shape(canvas: Image, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    middle = rng.uniform((0, 0), (width, height))
    reach = float(np.exp(rng.uniform(np.log(4), np.log(0.6 * width))))
    points = np.rint(middle + rng.uniform(-1, 1, (int(rng.integers(3, 7)), 2)) * reach).astype(
        np.int32
    )
    match rng.choice(["polygon", "line", "circle", "box"]):
        case "polygon":
            cv2.fillPoly(canvas, [points], _colour(rng), cv2.LINE_AA)
        case "line":
            cv2.polylines(
                canvas, [points], False, _colour(rng), int(rng.integers(1, 9)), cv2.LINE_AA
            )
        case "circle":
            centre = points[0].tolist()
            fill = int(rng.choice([-1, 2, 5]))
            cv2.circle(canvas, centre, max(2, int(reach / 3)), _colour(rng), fill, cv2.LINE_AA)
        case _:
            low, high = points.min(axis=0).tolist(), points.max(axis=0).tolist()
            cv2.rectangle(canvas, low, high, _colour(rng), int(rng.choice([-1, 1, 3])))


def _words(canvas: Image, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    for _ in range(int(rng.integers(1, 5))):
        at = rng.integers((-20, 5), (width, height)).tolist()
        scale = float(rng.uniform(0.3, 1.8))
        cv2.putText(
            canvas, str(rng.choice(WORDS)), at, int(rng.choice(FONTS)), scale, _colour(rng),
            max(1, round(scale * 2)), cv2.LINE_AA,
        )  # fmt: skip
