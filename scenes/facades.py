"""House fronts along the street and at its end."""

from collections.abc import Sequence

import cv2
import numpy as np

from scenes.layers import Layers
from scenes.lens import Lens
from scenes.model import Colour, Image, as_image

WALLS: tuple[Colour, ...] = (
    (132, 150, 172), (160, 178, 190), (104, 118, 150), (176, 182, 184), (150, 160, 156), (118, 140, 170),
    (190, 200, 206), (140, 150, 140), (96, 104, 124),
)  # fmt: skip
AWNINGS: tuple[Colour, ...] = ((60, 60, 160), (70, 110, 60), (130, 80, 50), (60, 120, 180))
SHOPS = ("COFFEE", "BAKERY", "HARDWARE", "BOOKS", "LAUNDRY", "MARKET", "PHARMACY", "BIKES", "NAILS")
TEXTURE_PX_PER_M = 16


def paint_far_end(layers: Layers, lens: Lens, rng: np.random.Generator, *, dark: bool) -> None:
    """Hills and a row of houses where the street ends."""
    x = np.linspace(-160, 160, 40)
    ridge = 14 + 9 * np.sin(x * 0.03 + rng.uniform(0, 6)) + rng.normal(0, 0.6, 40)
    hill = np.concatenate(
        [np.stack([x, ridge, 0 * x + 400], axis=1), [(160, 0, 400), (-160, 0, 400)]]
    )
    layers.polygon(lens.project(hill), (150, 142, 122))
    left = -70.0
    while left < 70:
        width, height = float(rng.uniform(9, 20)), float(rng.uniform(5, 14))
        corners = [
            (left, height, 150),
            (left + width, height, 150),
            (left + width, 0, 150),
            (left, 0, 150),
        ]
        _lay(layers, lens, corners, width, height, rng, dark=dark)
        left += width + float(rng.choice([0.0, 0.0, 5.0]))


def paint_rows(
    layers: Layers,
    lens: Lens,
    left_m: float,
    right_m: float,
    rng: np.random.Generator,
    *,
    dark: bool,
) -> None:
    """Houses along both sides, the far ones first; each shows its street front and its near end."""
    houses: list[tuple[float, float, float, float]] = []
    for edge, side in ((left_m, -1.0), (right_m, 1.0)):
        z = float(rng.uniform(12, 22))
        while z < 130:
            deep = float(rng.uniform(9, 20))
            houses.append((z, z + deep, edge + side * float(rng.uniform(0, 5)), side))
            z += deep + float(rng.choice([0.0, 2.0, 7.0]))
    for z0, z1, x, side in sorted(houses, reverse=True):
        height = float(rng.uniform(4.5, 12))
        front = [(x, height, z0), (x, height, z1), (x, 0, z1), (x, 0, z0)]
        if side > 0:
            front = [front[1], front[0], front[3], front[2]]
        _lay(layers, lens, front, z1 - z0, height, rng, dark=dark)
        width = 14.0
        end = [
            (x, height, z0),
            (x + side * width, height, z0),
            (x + side * width, 0, z0),
            (x, 0, z0),
        ]
        if side < 0:
            end = [end[1], end[0], end[3], end[2]]
        _lay(layers, lens, end, width, height, rng, dark=dark)


def _lay(
    layers: Layers, lens: Lens, corners: Sequence[tuple[float, float, float]], width_m: float, height_m: float,
    rng: np.random.Generator, *, dark: bool,
) -> None:  # fmt: skip
    target = lens.project(corners)
    frame_h, frame_w = layers.retro.shape
    low, high = target.min(axis=0), target.max(axis=0)
    seed = int(rng.integers(1 << 32))
    if high[0] < 0 or high[1] < 0 or low[0] > frame_w or low[1] > frame_h or high[0] - low[0] < 2:
        return
    wall, lamps = _front(width_m, height_m, np.random.default_rng(seed), dark=dark)
    h, w = wall.shape[:2]
    flat = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    layers.warp(wall, flat, target)
    if dark:
        layers.warp_glow(lamps, flat, target)


def _front(
    width_m: float, height_m: float, rng: np.random.Generator, *, dark: bool
) -> tuple[Image, Image]:
    """A house front and its lit windows, each (h, w, 3)."""
    scale = TEXTURE_PX_PER_M
    w, h = int(width_m * scale), int(height_m * scale)
    wall = np.empty((h, w, 3), np.uint8)
    wall[:] = WALLS[int(rng.integers(len(WALLS)))]
    wall[:] = as_image(wall + rng.normal(0, 5, (h, w, 1)))
    lamps = np.zeros_like(wall)
    wall[: scale // 3] = as_image(wall[: scale // 3] * 0.7)
    shop = bool(rng.random() < 0.55)
    ground_floor = int(3.4 * scale)
    for top in range(scale, h - ground_floor - scale, 3 * scale):
        for left in range(scale, w - 2 * scale, int(2.6 * scale)):
            _pane(wall, lamps, (left, top), (int(1.2 * scale), int(1.6 * scale)), rng, dark=dark)
    if shop:
        _shop(wall, lamps, rng, dark=dark)
    else:
        for left in range(scale, w - 2 * scale, 3 * scale):
            _pane(
                wall,
                lamps,
                (left, h - int(2.6 * scale)),
                (int(1.3 * scale), int(1.5 * scale)),
                rng,
                dark=dark,
            )
    return wall, lamps


def _pane(
    wall: Image,
    lamps: Image,
    corner: tuple[int, int],
    size: tuple[int, int],
    rng: np.random.Generator,
    *,
    dark: bool,
) -> None:
    x, y, right, low = *corner, corner[0] + size[0], corner[1] + size[1]
    wall[y - 2 : low + 2, x - 2 : right + 2] = (206, 208, 208)
    tone = float(rng.uniform(0.6, 1.2))
    wall[y:low, x:right] = as_image(np.array((96, 84, 70)) * tone)
    cv2.line(wall, (x, (y + low) // 2), (right, (y + low) // 2), (190, 192, 192), 1)
    if dark and rng.random() < 0.4:
        lamps[y:low, x:right] = as_image(np.array((70, 150, 215)) * float(rng.uniform(0.3, 0.9)))


def _shop(wall: Image, lamps: Image, rng: np.random.Generator, *, dark: bool) -> None:
    scale, (h, w) = TEXTURE_PX_PER_M, wall.shape[:2]
    colour = AWNINGS[int(rng.integers(len(AWNINGS)))]
    wall[h - int(2.6 * scale) : h - scale // 2, scale // 2 : w - scale // 2] = (84, 76, 64)
    for left in range(scale // 2, w, int(2.2 * scale)):
        wall[h - int(2.6 * scale) : h, left : left + 3] = (150, 150, 150)
    wall[h - int(3.4 * scale) : h - int(2.6 * scale)] = colour
    name = str(rng.choice(SHOPS))
    place = (int(0.8 * scale), h - int(2.8 * scale))
    cv2.putText(wall, name, place, cv2.FONT_HERSHEY_DUPLEX, 0.55, (235, 235, 235), 1, cv2.LINE_AA)
    if dark and rng.random() < 0.7:
        lamps[h - int(2.5 * scale) : h - scale, scale // 2 : w - scale // 2] = (70, 130, 170)
