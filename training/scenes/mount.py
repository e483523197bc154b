"""Lays rendered US plates over a picture: in place of a real one, or on a painted body panel."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.model import Colour, Image, Points, as_image
from scenes.vehicle import PAINTS
from training.scenes.model import Canvas
from training.scenes.negatives import BADGES, FONTS
from training.scenes.pose import Pose, lay

HALF_HEIGHT = 0.25
"""Half a plate's height, in its widths: 12 by 6 inches."""
US_TO_EU_WIDTH = (0.56, 0.80)
"""12 inches against 520 mm is 0.59; more, since the US plate has to hide the other's height."""
PANEL_PX = 96
"""Side of a body panel's picture, before it is laid out."""
ROUND = 0.07
"""Radius of a plate's corners, in its heights."""
WHOLE_SHARE = 0.85
"""How often a plate is placed so that the edge of the picture does not cut it."""
_SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class _Body:
    """Extent of a body panel from the plate's middle, in plate widths; y is down."""

    half: float
    top: float
    bottom: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "_Body":
        """Sample a whole tail, or one so near that it fills the picture."""
        near = rng.random() < 0.35
        low, high = (
            ((2.5, -2.5, 1.0), (4.0, -1.2, 2.5)) if near else ((1.5, -1.3, 0.5), (2.8, -0.6, 1.2))
        )
        half, top, bottom = rng.uniform(low, high)
        return cls(float(half), float(top), float(bottom))

    def outline(self, pose: Pose) -> Points:
        """Its corners, (4, 2) px."""
        return pose.rectangle(
            2 * self.half, self.bottom - self.top, 0.0, (self.top + self.bottom) / 2
        )


_BARE = _Body(0.65, -0.45, 0.45)
"""No panel: the room that a plate needs on any surface."""


def mount_over(
    canvas: Canvas, rng: np.random.Generator, plate: Image, old: Points, white: NDArray[np.float32]
) -> None:
    """Put a US plate in place of a removed one.

    Args:
        old: the corners of the old plate, (4, 2) px.
        white: (3,) BGR, brightness of the old plate's ground.
    """
    middle = old.mean(axis=0)
    width = float(np.linalg.norm(old[1] - old[0]) * rng.uniform(*US_TO_EU_WIDTH))
    pose = Pose.draw(rng, (float(middle[0]), float(middle[1])), width, ease=0.8)
    corners = pose.rectangle(1.0, 2 * HALF_HEIGHT)
    worn = tint(plate, white * np.float32(rng.uniform(0.7, 1.1)), rng)
    _shadow(canvas.image, pose, float(rng.uniform(0.1, 0.6)))
    lay(canvas.image, worn, corners, soften_px=_softness(rng, width), round_=ROUND)
    canvas.add(corners, exact=True)


def mount_again(
    canvas: Canvas, rng: np.random.Generator, plate: Image, old: Points, white: NDArray[np.float32]
) -> None:
    """Put another US plate exactly over a rendered one, whose corners are `old`."""
    width = float(np.linalg.norm(old[1] - old[0]))
    worn = tint(plate, white * np.float32(rng.uniform(0.8, 1.1)), rng)
    lay(canvas.image, worn, old, soften_px=_softness(rng, width), round_=ROUND)
    canvas.add(old, exact=True)


def mount_anywhere(canvas: Canvas, rng: np.random.Generator, plate: Image, width_px: float) -> bool:
    """Put a plate on a free spot, mostly on a painted panel with lamps; returns False if none is free."""
    width, height = canvas.size
    bare = bool(rng.random() < 0.2)
    inset = np.array([0.56, 0.30]) * width_px * float(rng.random() < WHOLE_SHARE)
    for _ in range(8):
        x, y = rng.uniform(inset, np.maximum((width, height) - inset, inset + 1))
        pose = Pose.draw(rng, (float(x), float(y)), width_px, ease=0.5)
        body = _BARE if bare else _Body.draw(rng)
        panel = body.outline(pose)
        if canvas.is_free(panel):
            break
    else:
        return False
    if not bare:
        _paint_panel(canvas.image, pose, body, rng)
    canvas.clear(panel)
    level = _level(canvas.image, pose)
    ground = np.clip(level * rng.uniform(0.7, 2.2) + rng.uniform(0, 40), 32, 250)
    cast = rng.uniform(0.92, 1.08, 3)
    corners = pose.rectangle(1.0, 2 * HALF_HEIGHT)
    _shadow(canvas.image, pose, float(rng.uniform(0.0, 0.7)))
    worn = tint(plate, (ground * cast).astype(np.float32), rng)
    lay(canvas.image, worn, corners, soften_px=_softness(rng, width_px), round_=ROUND)
    if rng.random() < 0.06:
        _cover(canvas.image, pose, rng)
    canvas.add(corners, exact=True)
    canvas.reserve(panel)
    return True


def tint(plate: Image, white: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """Light a flat plate, (h, w, 3), so that its ground is about `white`, (3,) BGR.

    Also adds haze, glare and the shade of the boot's lip.
    """
    ground = np.percentile(plate.reshape(-1, 3)[::37], 85, axis=0) + 1
    gain = np.clip(white, 12, 255) / max(90.0, float(ground.mean()))
    lit = plate.astype(np.float32) * gain.astype(np.float32)
    if rng.random() < 0.3:
        haze = np.float32(rng.uniform(0.1, 0.6))
        lit = lit * (1 - haze) + white * haze * np.float32(rng.uniform(0.5, 1.0))
    if rng.random() < 0.35:
        edge = rng.uniform(0.1, 0.7) * len(plate)
        slope = rng.normal(0, 0.12) * (np.arange(plate.shape[1]) - plate.shape[1] / 2)
        below = np.clip((np.arange(len(plate))[:, None] - edge - slope[None, :]) / 6 + 0.5, 0, 1)
        dark = rng.uniform(0.35, 0.85)
        lit *= (dark + (1 - dark) * below).astype(np.float32)[..., None]
    return as_image(lit)


def _softness(rng: np.random.Generator, width_px: float) -> float:
    """Sample the standard deviation of a plate's own blur, px: up to 3 px on a 120 px plate."""
    return 0.35 + 0.25 * float(rng.random()) + width_px * float(rng.beta(1.0, 5.0)) * 0.03


def _level(image: Image, pose: Pose) -> NDArray[np.float32]:
    """Return the mean colour around a plate's position, (3,) BGR."""
    corners = pose.rectangle(1.6, 0.9)
    low = np.maximum(corners.min(axis=0), 0).astype(int)
    high = corners.max(axis=0).astype(int)
    around = image[low[1] : high[1] + 1, low[0] : high[0] + 1]
    if around.size == 0:
        return np.full(3, 110, np.float32)
    return np.asarray(around.reshape(-1, 3).mean(axis=0), np.float32)


def _fixed(points: Points) -> NDArray[np.int32]:
    fixed: NDArray[np.int32] = np.rint((points - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    return fixed


def _fill(image: Image, points: Points, colour: Colour) -> None:
    cv2.fillPoly(image, [_fixed(points)], colour, cv2.LINE_AA, _SUBPIXEL_BITS)


def _tone(colour: Colour, by: float) -> Colour:
    b, g, r = (int(np.clip(c * by, 0, 255)) for c in colour)
    return b, g, r


def _shadow(image: Image, pose: Pose, strength: float) -> None:
    """Draw the thin dark shadow of a plate on the surface behind it."""
    dark = np.zeros(3, np.uint8).reshape(1, 1, 3).repeat(4, axis=0).repeat(4, axis=1)
    outline = pose.rectangle(1.05, 2 * HALF_HEIGHT + 0.05, 0.0, 0.015)
    before = image.copy() if strength < 1 else image
    lay(image, dark, outline, soften_px=max(0.6, 0.02 * pose.width_px))
    cv2.addWeighted(image, strength, before, 1 - strength, 0, dst=image)


def _paint_panel(image: Image, pose: Pose, body: _Body, rng: np.random.Generator) -> None:
    """Paint the back of a car around the plate's position: paint, recess, lip, seams, lamps, a badge."""
    paint = _tone(PAINTS[int(rng.integers(len(PAINTS)))], float(rng.uniform(0.25, 1.0)))
    gradient = np.linspace(float(rng.uniform(1.0, 1.3)), float(rng.uniform(0.55, 0.95)), PANEL_PX)
    sheet = as_image(np.array(paint)[None, None] * gradient[:, None, None].repeat(PANEL_PX, axis=1))
    lay(image, sheet, body.outline(pose), soften_px=1.0, round_=float(rng.uniform(0, 0.3)))
    seam = pose.project([(-body.half, body.bottom * 0.75), (body.half, body.bottom * 0.75)])
    cv2.polylines(image, [_fixed(seam)], False, _tone(paint, 0.4), 1, cv2.LINE_AA, _SUBPIXEL_BITS)
    if rng.random() < 0.7:
        _paint_recess(image, pose, rng, paint)
    if rng.random() < 0.6:
        _paint_lamps(image, pose, rng, body.half)
    if rng.random() < 0.6:
        _paint_badge(image, pose, rng, sum(paint) < 330)


def _paint_recess(image: Image, pose: Pose, rng: np.random.Generator, paint: Colour) -> None:
    wide, tall = rng.uniform((0.54, 0.29), (0.85, 0.50))
    taper = float(rng.uniform(0.85, 1.1))
    points = [(-wide, -tall), (wide, -tall), (wide * taper, tall), (-wide * taper, tall)]
    _fill(image, pose.project(points), _tone(paint, float(rng.uniform(0.3, 0.6))))
    inner = [(0.95 * x, 0.9 * y) for x, y in points]
    _fill(image, pose.project(inner), _tone(paint, float(rng.uniform(0.4, 0.95))))
    if rng.random() < 0.5:
        bar = int(rng.integers(25, 225))
        _fill(image, pose.rectangle(2.1 * wide, 0.09, 0.0, -tall), (bar, bar, bar))


def _paint_lamps(image: Image, pose: Pose, rng: np.random.Generator, half: float) -> None:
    size = rng.uniform((0.2, 0.15), (0.6, 0.5))
    y = float(rng.uniform(-0.6, 0.1))
    lamp: Colour = (
        (int(rng.integers(20, 70)), int(rng.integers(15, 60)), int(rng.integers(110, 235)))
        if rng.random() < 0.7
        else (205, 215, 220)
    )
    for sign in (-1, 1):
        x = sign * (half - size[0] / 2)
        _fill(image, pose.rectangle(float(size[0]), float(size[1]), x, y), lamp)
        inner = pose.rectangle(0.4 * float(size[0]), 0.4 * float(size[1]), x, y)
        _fill(image, inner, (215, 220, 225))


def _paint_badge(image: Image, pose: Pose, rng: np.random.Generator, dark_paint: bool) -> None:
    tone = int(rng.integers(160, 240)) if dark_paint else int(rng.integers(30, 120))
    x, y = rng.uniform((-1.2, -0.62), (0.8, -0.42))
    origin = pose.project([(x, y)])[0].astype(int).tolist()
    scale = 0.12 * pose.width_px / 22
    font = int(rng.choice(FONTS[:4]))
    cv2.putText(
        image, str(rng.choice(BADGES)), origin, font, scale, (tone, tone, tone),
        max(1, round(1.5 * scale)), cv2.LINE_AA,
    )  # fmt: skip
    if rng.random() < 0.4:
        centre = pose.project([(0, -0.45)])[0].astype(int).tolist()
        radius = max(1, round(0.08 * pose.width_px))
        cv2.ellipse(
            image, centre, (radius, max(1, radius * 2 // 3)), 0, 0, 360, (tone, tone, tone),
            max(1, radius // 4), cv2.LINE_AA,
        )  # fmt: skip


def _cover(image: Image, pose: Pose, rng: np.random.Generator) -> None:
    """Draw a tow ball, a post or a strap in front of a part of the plate."""
    tone = int(rng.integers(10, 120))
    x, wide = float(rng.uniform(-0.4, 0.4)), float(rng.uniform(0.04, 0.12))
    y = float(rng.uniform(-0.3, 0.2))
    post = [(x - wide, y), (x + wide, y), (x + wide, 0.6), (x - wide, 0.6)]
    _fill(image, pose.project(post), (tone, tone, tone))
