"""Photographs a plate: pose, light, lens, sensor and JPEG; then cuts it out as the service does.

Nothing here depends on the plate's content. Plates are as large as in real frames, 30 to 330 px.
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.model import Image, Points, as_image
from services.recognition.engine.cuts import rectify
from services.recognition.models import MARGIN_ACROSS, MARGIN_UP
from training.rendering import USUAL, Rendering

NARROWEST_PX: Final = 38
WIDEST_PX: Final = 330
USUAL_PX: Final = (48, 170)
"""Half of all plates are in this range."""
"""Widths of the plates. Narrower plates are illegible: they would teach guessing."""


AROUND: Final = (0.2, 0.3)
"""See `photograph`."""

Floats = NDArray[np.float32]
"""(H, W, 3) BGR, 0 to 255 and a little beyond."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture with one plate in it."""

    pixels: Image
    """(H, W, 3) uint8 BGR."""
    corners: Points
    """(4, 2) float32 px, clockwise from the plate's top left."""
    places: Points
    """(n, 2) float32 px: the middles of the plate's characters."""


def pose(rng: np.random.Generator, width_px: float, aspect: float) -> Points:
    """Sample corners of a plate turned in space, about `width_px` wide, around the origin, (4, 2) px."""
    yaw, pitch, roll = np.deg2rad(rng.normal(0, (22, 12, 4)))
    half = np.array([[-1, -1 / aspect], [1, -1 / aspect], [1, 1 / aspect], [-1, 1 / aspect]])
    yaw, pitch = np.clip(yaw, -1.05, 1.05), np.clip(pitch, -0.7, 0.7)
    x, y = half[:, 0] * np.cos(yaw), half[:, 1] * np.cos(pitch)
    depth = half[:, 0] * np.sin(yaw) + half[:, 1] * np.sin(pitch)
    away = 1 + depth / rng.uniform(5, 30)
    x, y = x / away + rng.normal(0, 0.04) * half[:, 1], y / away + rng.normal(0, 0.05) * half[:, 0]
    turned = np.stack([x * np.cos(roll) - y * np.sin(roll), x * np.sin(roll) + y * np.cos(roll)], 1)
    span = turned[:, 0].max() - turned[:, 0].min()
    return np.asarray(turned * width_px / span, np.float32)


def photograph(
    rng: np.random.Generator,
    plate: Image,
    width_px: float,
    places: Points | None = None,
    rendering: Rendering = USUAL,
    around: tuple[float, float] = AROUND,
) -> Photograph:
    """Photograph a plate on a car from nearby, `width_px` wide in the picture.

    `places` are points on the plate, (n, 2) px of it; the result has their positions in the picture. `around` is the
    bodywork to each side and above and below, shares of the plate's width and height.
    """
    h, w = plate.shape[:2]
    corners = pose(rng, width_px, w / h)
    low, high = corners.min(0), corners.max(0)
    rim = np.array(around) * (high - low) + 3
    size = np.ceil(high - low + 2 * rim).astype(int)
    size_px = int(size[0]), int(size[1])
    corners = (corners - low + rim + rng.uniform(0, 1, 2)).astype(np.float32)
    shrunk = _shrunk(plate, width_px)
    sh, sw = shrunk.shape[:2]
    flat = np.array([[0, 0], [sw, 0], [sw, sh], [0, sh]], np.float32) - np.float32(0.5)
    matrix = np.asarray(cv2.getPerspectiveTransform(flat, corners - np.float32(0.5)), np.float64)
    picture = _car(rng, *size_px)
    warped = cv2.warpPerspective(shrunk, matrix, size_px, flags=cv2.INTER_LINEAR)
    mask = _u8(cv2.warpPerspective(np.full((sh, sw), 255, np.uint8), matrix, size_px))
    if rng.random() < 0.5:
        picture = _shadowed(rng, picture, mask)
    cover = np.asarray(mask.astype(np.float32) / 255, np.float32)[..., None]
    picture = as_image(picture * (1 - cover) + warped * cover)
    if rng.random() < 0.12:
        _occlude(rng, picture, corners)
    if rendering.night and rng.random() < rendering.night:
        picture = _at_night(rng, picture, cover)
    return Photograph(_seen(rng, picture, rendering), corners, moved(places, matrix, sw / w))


def _at_night(rng: np.random.Generator, picture: Image, cover: Floats) -> Image:
    """Darken all but the plate, which glows in the camera's light; add lamps and their glow.

    `cover` is the plate's share of each pixel, (H, W, 1).
    """
    h, w = picture.shape[:2]
    ambient = np.float32(rng.uniform(0.02, 0.3))
    lit = picture * (ambient + (np.float32(rng.uniform(0.5, 1.7)) - ambient) * cover)
    lamps = np.zeros((h, w, 3), np.float32)
    for _ in range(int(rng.integers(0, 4))):
        at = int(rng.uniform(-0.1, 1.1) * w), int(rng.choice((-0.05, 0.05, 0.95, 1.05)) * h)
        colour = (60.0, 50.0, 255.0) if rng.random() < 0.5 else (225.0, 240.0, 255.0)
        cv2.circle(lamps, at, max(2, round(rng.uniform(0.02, 0.09) * w)), colour, -1, cv2.LINE_AA)
    glow = lit * cover + 3 * lamps
    halo = cv2.GaussianBlur(glow, (0, 0), rng.uniform(0.02, 0.12) * w)
    return as_image(lit + lamps + np.float32(rng.uniform(0, 0.35)) * halo)


def _shrunk(plate: Image, width_px: float) -> Image:
    """Shrink a plate towards its final size: warping alone would skip pixels."""
    width = plate.shape[1]
    if width_px >= 0.6 * width:
        return plate
    share = max(width_px * 1.35 / width, 0.1)
    return _u8(cv2.resize(plate, None, fx=share, fy=share, interpolation=cv2.INTER_AREA))


def _shadowed(rng: np.random.Generator, picture: Image, mask: Image) -> Image:
    """Darken the bodywork right of and below the plate, as its shadow does."""
    reach = int(rng.integers(1, 4))
    shift = np.array([[1, 0, reach], [0, 1, reach]], np.float32)
    under = cv2.warpAffine(mask, shift, mask.shape[1::-1])
    return as_image(picture * (1 - rng.uniform(0.2, 0.8) * (under[..., None] / np.float32(255))))


def moved(places: Points | None, matrix: NDArray[np.float64], scale: float = 1.0) -> Points:
    """Transform points by a perspective matrix whose origin is the middle of the first pixel."""
    if places is None or len(places) == 0:
        return np.zeros((0, 2), np.float32)
    here = (places * scale - 0.5).astype(np.float32).reshape(-1, 1, 2)
    there = cv2.perspectiveTransform(here, matrix).reshape(-1, 2)
    return _f32(there + np.float32(0.5))


def _car(rng: np.random.Generator, width: int, height: int) -> Image:
    """Paint bodywork behind a plate: one paint, a gradient, an edge or two."""
    paint = rng.uniform(0, 255) * np.ones(3) + rng.normal(0, 25, 3)
    body = np.empty((height, width, 3), np.float32)
    ramp = np.linspace(-1, 1, height)[:, None, None] * rng.normal(0, 25)
    body[:] = paint.astype(np.float32) + ramp.astype(np.float32)
    for _ in range(int(rng.integers(0, 4))):
        x, y = int(rng.integers(-width, width)), int(rng.integers(0, height))
        colour = (rng.uniform(0, 255) * np.ones(3)).tolist()
        if rng.random() < 0.5:
            cv2.rectangle(
                body,
                (x, y),
                (x + int(rng.integers(width // 2, 2 * width)), y + int(rng.integers(1, 10))),
                colour,
                -1,
            )
        else:
            cv2.line(
                body,
                (x, y),
                (x + width, y + int(rng.integers(-9, 9))),
                colour,
                int(rng.integers(1, 5)),
                cv2.LINE_AA,
            )
    return as_image(body)


def _occlude(rng: np.random.Generator, picture: Image, corners: Points) -> None:
    """Draw a tow ball, a rack's bar or a wire over a part of the plate, never over all of it."""
    width = float(corners[:, 0].max() - corners[:, 0].min())
    shade = (rng.uniform(0, 220) * np.ones(3)).tolist()
    at = corners.mean(0) + rng.uniform(-0.5, 0.5, 2) * (width, width * 0.5)
    if rng.random() < 0.5:
        end = at + rng.normal(0, 1, 2) * width
        cv2.line(
            picture,
            tuple(int(v) for v in at),
            tuple(int(v) for v in end),
            shade,
            max(1, round(width * rng.uniform(0.005, 0.02))),
            cv2.LINE_AA,
        )
    else:
        at[1] = corners[:, 1].max() - rng.uniform(-0.05, 0.12) * width
        cv2.circle(
            picture,
            tuple(int(v) for v in at),
            max(1, round(width * rng.uniform(0.02, 0.07))),
            shade,
            -1,
            cv2.LINE_AA,
        )


def _seen(rng: np.random.Generator, picture: Image, rendering: Rendering) -> Image:
    """Apply light, lens, sensor and compression."""
    seen = picture.astype(np.float32)
    if rng.random() < rendering.infrared:
        # Infrared: grey, and sometimes colours change their brightness much.
        mix = rng.dirichlet((1, 1, 1)).astype(np.float32)
        seen = np.repeat((seen @ mix)[..., None], 3, axis=2)
    seen = _blurred(rng, _exposed(rng, _shaded(rng, seen), rendering))
    if rng.random() < 0.75:
        seen = _noisy(rng, seen)
    if rng.random() < 0.4:
        # Cameras sharpen, which leaves halos.
        soft = cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.7, 2.0))
        seen = seen + np.float32(rng.uniform(0.3, 2.0)) * (seen - soft)
    image = as_image(seen)
    return _compressed(rng, image) if rng.random() < 0.85 else image


def _shaded(rng: np.random.Generator, seen: Floats) -> Floats:
    """Add a gradient of light, a shadow's edge, a glare."""
    h, w = seen.shape[:2]
    if rng.random() < 0.25:
        seen = seen * (1 + 0.3 * _slope(rng, h, w)[..., None]).astype(np.float32)
    if rng.random() < 0.12:
        soft = 1 / (1 + np.exp(-_slope(rng, h, w) * rng.uniform(4, 40)))
        seen = seen * (1 - rng.uniform(0.3, 0.8) * soft[..., None]).astype(np.float32)
    if rng.random() < 0.1:
        x, y = rng.uniform(0, w), rng.uniform(0, h)
        far = (np.arange(w)[None, :] - x) ** 2 + (np.arange(h)[:, None] - y) ** 2
        glow = np.exp(-far / (2 * (rng.uniform(0.05, 0.4) * w) ** 2))
        seen = seen + (rng.uniform(40, 220) * glow)[..., None].astype(np.float32)
    return seen


def _slope(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    """A plane, (height, width), that is 0 in the picture's middle."""
    across = np.linspace(-1, 1, width)[None, :] * rng.normal()
    return np.asarray(across + np.linspace(-1, 1, height)[:, None] * rng.normal())


def _exposed(rng: np.random.Generator, seen: Floats, rendering: Rendering) -> Floats:
    """Apply exposure, contrast and the light's colour; clips as a sensor does."""
    which, low = rng.random(), rendering.low_contrast
    if which < low:  # shade, dusk, a grey picture: little contrast anywhere in the range
        contrast = rng.uniform(rendering.least_contrast, 0.5)
        seen = seen * contrast + rng.uniform(0, 1 - contrast) * 255 * rng.uniform(0.3, 1)
    elif which < low + 0.12:  # overexposed
        seen = seen * rng.uniform(1.1, 2.2) + rng.uniform(0, 40)
    elif which < low + 0.3:
        seen = _f32(255 * (np.clip(seen, 0, 255) / 255) ** rng.uniform(0.5, 2.2))
    else:
        seen = seen * rng.uniform(0.55, 1.1)
    lit: NDArray[Any] = seen
    if rng.random() < 0.5:
        lit = lit * rng.uniform(0.75, 1.25, 3)
    if rng.random() < 0.2:
        grey = lit.mean(axis=2, keepdims=True)
        lit = grey + (lit - grey) * rng.uniform(0, 1.5)
    return np.asarray(np.clip(lit, 0, 255), np.float32)


def _blurred(rng: np.random.Generator, seen: Floats) -> Floats:
    """Blur: out of focus, moved, or upscaled from fewer pixels."""
    h, w = seen.shape[:2]
    which = rng.random()
    scale = w / 200
    if which < 0.45:
        sigma = rng.uniform(0.25, 0.65) + rng.uniform(0, 1) * scale
        seen = _f32(cv2.GaussianBlur(seen, (0, 0), sigma))
    elif which < 0.6:
        seen = _motion(rng, seen, rng.uniform(1.2, 1.8 + 4 * scale))
    if rng.random() < 0.3:
        share = rng.uniform(max(0.5, min(0.9, 65 / w)), 0.95)
        small = cv2.resize(seen, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        how = cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC
        seen = _f32(cv2.resize(small, (w, h), interpolation=how))
    return seen


def _noisy(rng: np.random.Generator, seen: Floats) -> Floats:
    """Add sensor noise, coloured or grey, fine or in grains."""
    h, w = seen.shape[:2]
    noise = rng.normal(0, 1, (h, w, 3) if rng.random() < 0.5 else (h, w, 1)).astype(np.float32)
    if rng.random() < 0.4:
        noise = _f32(cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.5, 1.0)).reshape(h, w, -1) * 2)
    # Never so much that it hides the plate: nothing could be learnt from it.
    return seen + noise * np.float32(min(rng.gamma(1.2, 4.5), 0.4 * float(seen.std())))


def _compressed(rng: np.random.Generator, image: Image) -> Image:
    quality = int(np.clip(rng.normal(70, 25), 12, 97))
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return _u8(cv2.imdecode(data, cv2.IMREAD_COLOR))


def _motion(rng: np.random.Generator, seen: Floats, length: float) -> Floats:
    """Blur by a motion of `length` px while the shutter is open, mostly across."""
    size = max(3, int(length) | 1)
    kernel = np.zeros((size, size), np.float32)
    angle = rng.normal(0, 0.5) if rng.random() < 0.7 else rng.uniform(0, np.pi)
    reach = length / 2 * np.array([np.cos(angle), np.sin(angle)])
    middle = size // 2
    a, b = middle - reach, middle + reach
    cv2.line(
        kernel,
        tuple(round(v) for v in a),
        tuple(round(v) for v in b),
        1.0,
        1,
        cv2.LINE_AA,
    )
    return _f32(cv2.filter2D(seen, -1, kernel / max(kernel.sum(), 1e-6)))


def width_px(rng: np.random.Generator) -> float:
    """Sample the width of a plate in a frame, px; small widths are frequent, since they are the hard ones."""
    narrowest, widest = USUAL_PX if rng.random() < 0.5 else (NARROWEST_PX, WIDEST_PX)
    return float(np.exp(rng.uniform(np.log(narrowest), np.log(widest))))


def cut_out(rng: np.random.Generator, photo: Photograph) -> tuple[Image, Points]:
    """Cut the plate out as the service does, with a detector's error.

    Returns: (64, 160, 3) uint8 BGR, and the characters' middles in it, (n, 2) px.
    """
    found = found_corners(rng, photo)
    picture, matrix = rectify(photo.pixels, found, MARGIN_ACROSS, MARGIN_UP)
    here = photo.places.reshape(-1, 1, 2)
    if len(here) == 0:
        return picture, photo.places
    return picture, _f32(cv2.perspectiveTransform(here, matrix).reshape(-1, 2))


def found_corners(rng: np.random.Generator, photo: Photograph) -> Points:
    """Return the plate's corners with a detector's error, (4, 2) px."""
    corners = photo.corners
    width = float(np.linalg.norm(corners[1] - corners[0]))
    height = float(np.linalg.norm(corners[3] - corners[0]))
    size = np.array([width, height])
    found = (
        corners
        + rng.normal(0, 1, 2) * (0.012 * size + 0.2)
        + rng.normal(0, 1, (4, 2)) * (0.014 * size + 0.35)
    )
    middle = found.mean(0)
    return _f32(middle + (found - middle) * (1 + rng.normal(0.0, (0.025, 0.035), 2)))


def _u8(values: Any) -> Image:
    """Cast to uint8 for the type checker: OpenCV's stubs return arrays of any number."""
    return np.asarray(values, np.uint8)


def _f32(values: Any) -> Floats:
    """The same for float32."""
    return np.asarray(values, np.float32)
