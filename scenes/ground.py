"""Road, pavements, and the marks and shadows on them."""

import cv2
import numpy as np

from scenes.layers import Layers
from scenes.lens import Lens
from scenes.model import Colour, Points, as_image

NEAR_M, FAR_M = 1.2, 420.0
KERB_M = 0.13


def paint_ground(
    layers: Layers,
    lens: Lens,
    left_m: float,
    right_m: float,
    walk_m: float,
    rng: np.random.Generator,
) -> None:
    """Paint grass or forecourt, pavements with kerbs, and asphalt with its wear."""
    verge: Colour = (66, 104, 88) if rng.random() < 0.5 else (128, 134, 140)
    _strip(layers, lens, -200, 200, verge)
    walk: Colour = (158, 164, 166)
    _strip(layers, lens, left_m - walk_m, left_m, walk)
    _strip(layers, lens, right_m, right_m + walk_m, walk)
    grey = float(rng.uniform(84, 128))
    asphalt = (int(grey + 2), int(grey), int(grey - 2))
    _strip(layers, lens, left_m, right_m, asphalt)
    _joints(layers, lens, left_m - walk_m, left_m, right_m, right_m + walk_m)
    for edge in (left_m, right_m):
        _strip(layers, lens, edge - 0.08, edge + 0.08, (176, 180, 180))
        _strip(layers, lens, edge - 0.02, edge + 0.05, (104, 106, 106))
    _wear(layers, lens, left_m, right_m, asphalt, rng)
    _grain(layers, lens, rng)


def paint_lanes(
    layers: Layers,
    lens: Lens,
    lines: list[tuple[float, Colour]],
    rng: np.random.Generator,
    *,
    dashed: bool,
) -> None:
    """Paint lane lines at given x: white ones dashed if asked, others solid. Sometimes adds a crossing."""
    for x, colour in lines:
        if dashed and min(colour) > 150:
            for z in np.arange(float(rng.uniform(0, 9)), 90, 9.0):
                _patch(layers, lens, x - 0.06, x + 0.06, float(z), float(z) + 3.0, colour)
        else:
            _strip(layers, lens, x - 0.06, x + 0.06, colour)
    if rng.random() < 0.3:
        far = float(rng.uniform(16, 40))
        for stripe in np.arange(-5.0, 9.0, 1.2).tolist():
            _patch(layers, lens, stripe, stripe + 0.6, far, far + 2.6, (200, 202, 202))


def paint_cast_shade(
    layers: Layers, lens: Lens, left_m: float, right_m: float, rng: np.random.Generator
) -> None:
    """Darken the road by the shade of trees and houses, on a sunny day."""
    blots: list[Points] = []
    for _ in range(int(rng.integers(0, 4))):
        x, z = rng.uniform(left_m, right_m), rng.uniform(4, 45)
        turn = np.linspace(0, 2 * np.pi, 12)[:-1]
        wide, deep = rng.uniform(1.2, 3.4), rng.uniform(0.8, 2.6)
        reach = rng.uniform(0.7, 1.2, len(turn))
        ring = np.stack(
            [x + wide * reach * np.cos(turn), 0 * turn, z + deep * reach * np.sin(turn)], axis=1
        )
        blots.append(lens.project(ring))
    if blots:
        layers.darken(blots, float(rng.uniform(0.25, 0.45)), 7.0)


def _patch(
    layers: Layers, lens: Lens, x0: float, x1: float, z0: float, z1: float, colour: Colour
) -> None:
    z0, z1 = max(z0, NEAR_M), max(z1, NEAR_M)
    layers.polygon(lens.project([(x0, 0, z0), (x1, 0, z0), (x1, 0, z1), (x0, 0, z1)]), colour)


def _strip(layers: Layers, lens: Lens, x0: float, x1: float, colour: Colour) -> None:
    _patch(layers, lens, x0, x1, NEAR_M, FAR_M, colour)


def _joints(layers: Layers, lens: Lens, *edges: float) -> None:
    """Seams between the slabs of the pavements."""
    for z in np.arange(4.0, 60.0, 1.5).tolist():
        for x0, x1 in ((edges[0], edges[1]), (edges[2], edges[3])):
            layers.line(lens.project([(x0, 0, z), (x1, 0, z)]), (132, 138, 140))


def _wear(
    layers: Layers,
    lens: Lens,
    left_m: float,
    right_m: float,
    asphalt: Colour,
    rng: np.random.Generator,
) -> None:
    """Oil in the middle of lanes, patches, cracks, a manhole."""
    for lane in np.arange(0.0, right_m - 1, 3.5):
        b, g, r = (int(c * 0.93) for c in asphalt)
        _strip(layers, lens, float(lane) - 0.35, float(lane) + 0.35, (b, g, r))
    for _ in range(int(rng.integers(0, 4))):
        x, z = float(rng.uniform(left_m, right_m - 1)), float(rng.uniform(5, 30))
        tone = float(rng.uniform(0.8, 1.12))
        b, g, r = (int(c * tone) for c in asphalt)
        _patch(layers, lens, x, x + rng.uniform(0.6, 2), z, z + rng.uniform(1, 4), (b, g, r))
    for _ in range(int(rng.integers(2, 6))):
        start = np.array([rng.uniform(left_m, right_m), rng.uniform(4, 25)])
        walk = start + np.cumsum(rng.normal(rng.normal(0, 0.2, 2), 0.09, (14, 2)), axis=0)
        path = np.stack([walk[:, 0], np.zeros(14), np.maximum(walk[:, 1], NEAR_M)], axis=1)
        layers.line(lens.project(path), (62, 62, 62))
    if rng.random() < 0.5:
        x, z, turn = rng.uniform(-1, 4), rng.uniform(6, 18), np.linspace(0, 2 * np.pi, 25)[:-1]
        ring = np.stack([x + 0.32 * np.cos(turn), 0 * turn, z + 0.32 * np.sin(turn)], axis=1)
        layers.polygon(lens.project(ring), (70, 72, 74))


def _grain(layers: Layers, lens: Lens, rng: np.random.Generator) -> None:
    """Speckle of asphalt and concrete, flatter with distance."""
    height, width = layers.retro.shape
    horizon = int(np.clip(lens.horizon_px + 1, 0, height))
    rows = height - horizon
    if rows < 8:
        return
    speckle = rng.integers(-14, 15, (256, 512), np.int16)
    tiles = np.tile(speckle, (-(-rows // 256), -(-width // 512)))[:rows, :width].astype(np.float32)
    fade = np.linspace(0.15, 1.0, rows, dtype=np.float32)[:, None]
    mottle = rng.normal(0, 1, (24, 16)).astype(np.float32)
    tiles = tiles * fade + 5 * cv2.resize(mottle, (width, rows), interpolation=cv2.INTER_CUBIC)
    band = layers.surface[horizon:]
    band[:] = as_image(band + tiles[..., None])
