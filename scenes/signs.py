"""Traffic and street-name signs: lettering that is not a plate."""

import cv2
import numpy as np

from scenes.layers import Layers
from scenes.lens import Lens
from scenes.model import Colour, Image

STREETS = ("MAIN ST", "OAK AVE", "1ST ST", "MESA DR", "PARK BLVD", "ELM CT", "BAY ST")
SIGN_RETRO = 120


def paint_sign(layers: Layers, lens: Lens, x: float, z: float, rng: np.random.Generator) -> None:
    """Paint a post at (x, z) with a speed limit, a parking sign or a street's name."""
    post = [(x - 0.04, 0, z), (x + 0.04, 0, z), (x + 0.04, 2.9, z), (x - 0.04, 2.9, z)]
    layers.polygon(lens.project(post), (120, 122, 122))
    match rng.choice(["speed", "name", "parking"]):
        case "speed":
            _board(
                layers,
                lens,
                (x, 2.45, z),
                (0.61, 0.76),
                _lines(
                    ("SPEED", "LIMIT", str(rng.choice([25, 35, 45]))), (40, 40, 40), (240, 240, 240)
                ),
            )
        case "name":
            _board(
                layers,
                lens,
                (x, 2.95, z),
                (1.0, 0.24),
                _lines((str(rng.choice(STREETS)),), (245, 245, 245), (70, 110, 30)),
            )
        case _:
            _board(
                layers,
                lens,
                (x, 2.2, z),
                (0.31, 0.46),
                _lines(("NO", "PARKING", "8AM-6PM"), (50, 40, 190), (240, 240, 240)),
            )


def _lines(lines: tuple[str, ...], ink: Colour, ground: Colour) -> Image:
    """Draw a board with centred lines of text as large as fits, (h, w, 3)."""
    height, width = 60 * len(lines) + 20, max(130, 34 * max(len(line) for line in lines))
    board = np.empty((height, width, 3), np.uint8)
    board[:] = ground
    cv2.rectangle(board, (3, 3), (width - 4, height - 4), ink, 2)
    for row, line in enumerate(lines):
        (wide, _), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_DUPLEX, 1.4, 3)
        origin = ((width - wide) // 2, 60 * row + 56)
        cv2.putText(board, line, origin, cv2.FONT_HERSHEY_DUPLEX, 1.4, ink, 3, cv2.LINE_AA)
    return board


def _board(
    layers: Layers,
    lens: Lens,
    middle: tuple[float, float, float],
    size: tuple[float, float],
    picture: Image,
) -> None:
    (x, y, z), (w, h) = middle, size
    corners = [
        (x - w / 2, y + h / 2, z),
        (x + w / 2, y + h / 2, z),
        (x + w / 2, y - h / 2, z),
        (x - w / 2, y - h / 2, z),
    ]
    target = lens.project(corners)
    width = int(np.clip(1.5 * np.linalg.norm(target[1] - target[0]), 6, picture.shape[1]))
    height = max(4, int(width * picture.shape[0] / picture.shape[1]))
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    layers.warp(small, flat, target)
    layers.reflect(target, SIGN_RETRO)
