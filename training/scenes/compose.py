"""Composes backgrounds, plates and plate-like things into a patch or a whole plateless frame."""

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.model import Image, Points
from training.rendering import USUAL, Rendering
from training.scenes.backgrounds import Backgrounds
from training.scenes.clutter import draw_clutter
from training.scenes.frames import Frame, paint_over
from training.scenes.model import Canvas, DetectorSample, box_around
from training.scenes.mount import mount_again, mount_anywhere, mount_over
from training.scenes.negatives import burn_stamp, paste_empty_board, paste_negatives
from training.scenes.photometry import photograph

NARROWEST_PX, WIDEST_PX = 14.0, 280.0
"""Range of plate widths, log-uniform."""
MAX_PLATES = 6
MAX_ENLARGEMENT = 2.0
DASHCAM_SHARE, RENDERED_SHARE = 0.45, 0.32
STAMP_SHARE = 0.3
MIN_CONTRAST = 5.0
"""Standard deviation, grey levels, in a plate's box below which the plate counts as invisible."""
WHOLE_SHARE = 0.85
"""How often a cut contains the whole plate that it is made for."""


def compose(
    rng: np.random.Generator,
    backgrounds: Backgrounds,
    size: tuple[int, int] = (320, 192),
    rendering: Rendering = USUAL,
) -> DetectorSample:
    """Compose one training patch of `size` (width, height) px; deterministic by `rng`."""
    canvas = _background(rng, backgrounds, size)
    paste_negatives(canvas, rng, int(rng.choice(5, p=[0.35, 0.25, 0.2, 0.12, 0.08])))
    bare = not canvas.corners
    wanted = int(rng.choice(4, p=[0.2, 0.45, 0.25, 0.1] if bare else [0.7, 0.2, 0.08, 0.02]))
    for _ in range(min(wanted, MAX_PLATES - len(canvas.corners))):
        mount_anywhere(canvas, rng, backgrounds.plates.draw(rng), _width(rng))
    if rng.random() < STAMP_SHARE and not canvas.corners:
        burn_stamp(canvas.image, rng)
    elif rng.random() < STAMP_SHARE:
        _stamp_beside(canvas, rng)
    canvas.image = photograph(canvas.image, canvas.corners, rng, rendering)
    _forget_invisible(canvas)
    return canvas.finish()


def plateless(
    rng: np.random.Generator, backgrounds: Backgrounds, size: tuple[int, int] = (1280, 720)
) -> Image:
    """Compose a whole frame without any plate, (H, W, 3) uint8 BGR of `size` (width, height) px.

    It has cars, signs, badges, telephone numbers and captions; certain and possible plates are painted out.
    """
    real = bool(backgrounds.dashcam) and rng.random() < 0.5
    frames = backgrounds.dashcam if real else backgrounds.rendered
    frame = frames[int(rng.integers(len(frames)))]
    pixels = np.array(frame.pixels)
    for patch in frame.cleaned:
        _stick(pixels, patch.pixels, patch.left, patch.top)
    for x, y, w, h in frame.suspects:
        patch = paint_over(pixels, (x, y, w, h))
        _stick(pixels, patch.pixels, patch.left, patch.top)
    if (pixels.shape[1], pixels.shape[0]) != size:
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    canvas = Canvas(pixels)
    paste_negatives(canvas, rng, int(rng.integers(1, 7)))
    if rng.random() < 0.7:
        burn_stamp(canvas.image, rng)
    return photograph(canvas.image, [], rng)


def _forget_invisible(canvas: Canvas) -> None:
    """Ignore plates that darkness or glare made invisible."""
    grey = cv2.cvtColor(canvas.image, cv2.COLOR_BGR2GRAY)
    for place in reversed(range(len(canvas.corners))):
        x, y, w, h = box_around(canvas.corners[place])
        inside = grey[max(0, int(y)) : int(y + h) + 1, max(0, int(x)) : int(x + w) + 1]
        # Noise is not contrast: average it away first, more so on larger plates.
        soft = cv2.GaussianBlur(inside, (0, 0), max(1.0, w / 45))
        if float(soft.std()) < MIN_CONTRAST:
            canvas.ignore.insert(0, (x, y, w, h))
            del canvas.corners[place], canvas.exact[place]


def _width(rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(NARROWEST_PX), np.log(WIDEST_PX))))


def _background(
    rng: np.random.Generator, backgrounds: Backgrounds, size: tuple[int, int]
) -> Canvas:
    shares = np.array([
        DASHCAM_SHARE if backgrounds.dashcam else 0.0,
        RENDERED_SHARE if backgrounds.rendered else 0.0,
        1 - DASHCAM_SHARE - RENDERED_SHARE,
    ])  # fmt: skip
    kind = int(rng.choice(3, p=shares / shares.sum()))
    if kind == 2:
        return Canvas(draw_clutter(rng, size))
    frames = (backgrounds.dashcam, backgrounds.rendered)[kind]
    return _cut(rng, frames[int(rng.integers(len(frames)))], backgrounds, size)


def _cut(
    rng: np.random.Generator, frame: Frame, backgrounds: Backgrounds, size: tuple[int, int]
) -> Canvas:
    """Cut a piece of a frame at a random scale; keeps, replaces or removes each of its plates."""
    left, top, wide, tall = _window(rng, frame, size)
    window = np.array(frame.pixels[top : top + tall, left : left + wide])
    shift = np.array([left, top], np.float32)
    scale = np.array([size[0] / wide, size[1] / tall], np.float32)
    fates = [_fate(rng, exact=frame.exact) for _ in frame.plates]
    whites = []
    for place, (corners, fate) in enumerate(zip(frame.plates, fates, strict=True)):
        whites.append(_white(frame.pixels, corners))
        if fate != "keep" and not (fate == "replace" and frame.exact):
            patch = frame.cleaned[place]
            _stick(window, patch.pixels, patch.left - left, patch.top - top)
    if not frame.exact:
        window = _balanced(window, whites, rng)
    shrinks = bool(wide >= size[0])
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    canvas = Canvas(np.asarray(cv2.resize(window, size, interpolation=method), np.uint8))
    for x, y, w, h in frame.suspects:
        low, grown = (np.array([x, y]) - shift) * scale, np.array([w, h]) * scale
        canvas.ignore.append((float(low[0]), float(low[1]), float(grown[0]), float(grown[1])))
    for corners, fate, white in zip(frame.plates, fates, whites, strict=True):
        _settle(canvas, rng, backgrounds, (corners - shift) * scale, fate, white, exact=frame.exact)
    return canvas


def _settle(
    canvas: Canvas,
    rng: np.random.Generator,
    backgrounds: Backgrounds,
    corners: Points,
    fate: str,
    white: NDArray[np.float32],
    *,
    exact: bool,
) -> None:
    x, y, w, h = box_around(corners)
    if x > canvas.size[0] or y > canvas.size[1] or x + w < 0 or y + h < 0:
        return
    if fate == "keep":
        canvas.add(corners, exact=exact)
    elif fate == "replace":
        mount = mount_again if exact else mount_over
        mount(canvas, rng, backgrounds.plates.draw(rng), corners, white)
    elif fate == "board":
        paste_empty_board(canvas, rng, corners)


def _fate(rng: np.random.Generator, *, exact: bool) -> str:
    shares = (0.35, 0.45, 0.14, 0.06) if exact else (0.38, 0.43, 0.12, 0.07)
    return str(rng.choice(["keep", "replace", "none", "board"], p=shares))


def _window(
    rng: np.random.Generator, frame: Frame, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Choose the part of a frame to cut: left, top, width, height px, inside it."""
    height, width = frame.pixels.shape[:2]
    least = max(size[0] / width, size[1] / height)
    focus = None
    if len(frame.plates) and rng.random() < 0.85:
        focus = frame.plates[int(rng.integers(len(frame.plates)))]
    if focus is None:
        scale = float(np.exp(rng.uniform(np.log(least), np.log(1.2))))
    else:
        scale = _width(rng) / float(np.linalg.norm(focus[1] - focus[0]))
    scale = float(np.clip(scale, least, max(least, MAX_ENLARGEMENT)))
    wide, tall = min(width, round(size[0] / scale)), min(height, round(size[1] / scale))
    if focus is None:
        x, y = rng.uniform(0, width), rng.uniform(0.2 * height, height)
    else:
        room = np.array([wide, tall])
        if rng.random() < WHOLE_SHARE:
            room = np.maximum(room - 1.15 * np.ptp(focus, axis=0), 0)
        x, y = focus.mean(axis=0) + rng.uniform(-0.5, 0.5, 2) * room
    left = int(np.clip(x - wide / 2, 0, width - wide))
    top = int(np.clip(y - tall / 2, 0, height - tall))
    return left, top, wide, tall


def _white(pixels: Image, corners: Points) -> NDArray[np.float32]:
    """Return the brightness of a plate's ground, (3,) BGR: the upper part of the values in its box."""
    x, y, w, h = (round(v) for v in box_around(corners))
    inside = pixels[max(0, y) : y + h, max(0, x) : x + w]
    if inside.size == 0:
        return np.full(3, 160, np.float32)
    return np.asarray(np.percentile(inside.reshape(-1, 3), 80, axis=0), np.float32)


def _balanced(window: Image, whites: list[NDArray[np.float32]], rng: np.random.Generator) -> Image:
    """Remove the dashcam's colour cast fully, in part or not at all, and adjust `whites` with it."""
    mean = window.reshape(-1, 3)[::97].mean(axis=0) + 4
    gain = np.clip(
        (mean.mean() / mean) ** float(rng.choice([0.0, 0.5, 1.0], p=[0.2, 0.3, 0.5])), 0.4, 2.5
    )
    for white in whites:
        white *= gain.astype(np.float32)
    table = np.clip(np.arange(256)[:, None] * gain[None, :], 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(window, table.reshape(1, 256, 3)), np.uint8)


def _stick(image: Image, patch: Image, left: int, top: int) -> None:
    """Copy the part of a patch that lies inside the image, in place."""
    height, width = image.shape[:2]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(width, left + patch.shape[1]), min(height, top + patch.shape[0])
    if x0 < x1 and y0 < y1:
        image[y0:y1, x0:x1] = patch[y0 - top : y1 - top, x0 - left : x1 - left]


def _stamp_beside(canvas: Canvas, rng: np.random.Generator) -> None:
    """Burn a caption in unless it would cover a plate."""
    stamped = canvas.image.copy()
    burn_stamp(stamped, rng)
    changed = (stamped != canvas.image).any(axis=2)
    for corners in canvas.corners:
        x, y, w, h = (round(v) for v in box_around(corners, 2.0))
        if changed[max(0, y) : max(0, y + h), max(0, x) : max(0, x + w)].any():
            return
    canvas.image = stamped
