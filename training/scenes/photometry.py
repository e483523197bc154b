"""Applies light, lens, sensor and encoder to a whole patch."""

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.model import Image, Points, as_image
from training.rendering import USUAL, Rendering

DARK_LEVEL = 70.0
"""A picture whose mean is below this (grey levels) is not darkened further."""
MAX_MOTION = 0.09
"""Longest smear, as a share of the narrowest plate's width."""


def photograph(
    image: Image, corners: list[Points], rng: np.random.Generator, rendering: Rendering = USUAL
) -> Image:
    """Turn a composed patch, (H, W, 3) uint8 BGR, into a camera's picture of it.

    `corners` of the plates, each (4, 2) px: plates glow at night, and their size limits the blur.
    """
    kind = float(rng.random())
    own_light = rendering.scene_night + rendering.scene_infrared
    darkened = own_light + rendering.scene_dark
    if float(image[::5, ::5].mean()) < DARK_LEVEL and kind < darkened:
        image = _tones(image, rng, gain=rng.uniform(1.0, 2.2), lift=rng.uniform(0, 15))
    elif kind < own_light:
        image = _by_own_light(image, corners, rng, grey=kind >= rendering.scene_night)
    elif kind < darkened:
        image = _tones(image, rng, gain=rng.uniform(0.15, 0.5), lift=rng.uniform(0, 25))
    elif kind < darkened + rendering.scene_grey:
        image = _greyed(image)
    if rng.random() < 0.8:
        image = _tones(image, rng, gain=rng.uniform(0.7, 1.35), lift=rng.normal(0, 10))
    narrowest = min((float(np.ptp(c[:, 0])) for c in corners), default=60.0)
    image = _blurred(image, rng, narrowest)
    image = _noisy(image, rng)
    return _coded(image, rng)


def _tones(image: Image, rng: np.random.Generator, *, gain: float, lift: float) -> Image:
    """Change exposure, gamma, contrast and colour cast by a table for each channel."""
    gamma = float(np.exp(rng.normal(0, 0.22)))
    cast = np.exp(rng.normal(0, 0.07, 3))
    level = (np.arange(256) / 255) ** gamma
    table = np.clip(255 * level[:, None] * gain * cast[None, :] + lift, 0, 255)
    table = np.rint(table).astype(np.uint8).reshape(1, 256, 3)
    return np.asarray(cv2.LUT(image, table), np.uint8)


def _greyed(image: Image) -> Image:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def _by_own_light(
    image: Image, corners: list[Points], rng: np.random.Generator, *, grey: bool
) -> Image:
    """Night: darken everything but the plates, which reflect the camera's light."""
    if grey:
        image = _greyed(image)
    ambient = float(rng.uniform(0.08, 0.40))
    glow = np.full(image.shape[:2], ambient, np.float32)
    for plate in corners:
        cv2.fillConvexPoly(glow, np.rint(plate).astype(np.int32), float(rng.uniform(0.6, 1.4)))
    soft = cv2.GaussianBlur(glow, (0, 0), 1.0)
    halo = cv2.GaussianBlur(glow - ambient, (0, 0), 6.0) * np.float32(rng.uniform(0, 0.25))
    return as_image(image * soft[..., None] + 160 * halo[..., None])


def _blurred(image: Image, rng: np.random.Generator, narrowest_px: float) -> Image:
    if rng.random() < 0.5:
        image = np.asarray(
            cv2.GaussianBlur(image, (0, 0), 0.3 + narrowest_px * float(rng.beta(1, 4)) * 0.03),
            np.uint8,
        )
    length = narrowest_px * float(rng.uniform(0, MAX_MOTION))
    if rng.random() < 0.3 and length > 1.5:
        image = np.asarray(
            cv2.filter2D(image, -1, _smear(length, float(rng.normal(0, 30)))), np.uint8
        )
    if rng.random() < 0.25:
        shrink = (
            float(rng.uniform(0.5, 0.95)) if narrowest_px > 30 else float(rng.uniform(0.8, 0.97))
        )
        size = (image.shape[1], image.shape[0])
        small = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    return image


def _smear(length_px: float, angle_deg: float) -> NDArray[np.float32]:
    size = int(np.ceil(length_px)) | 1
    line = np.zeros((size, size), np.float32)
    line[size // 2] = 1
    turn = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), angle_deg, 1)
    kernel = cv2.warpAffine(line, turn, (size, size))
    return np.asarray(kernel / kernel.sum(), np.float32)


def _noisy(image: Image, rng: np.random.Generator) -> Image:
    """Add sensor noise, grey or coloured, fine or smeared by a denoiser."""
    sigma = float(rng.exponential(4.0))
    if sigma < 0.8:
        return image
    channels = 3 if rng.random() < 0.5 else 1
    noise = rng.standard_normal((*image.shape[:2], channels), np.float32) * np.float32(
        min(sigma, 18)
    )
    if rng.random() < 0.4:
        noise = cv2.GaussianBlur(noise, (0, 0), 0.8).reshape(noise.shape) * np.float32(1.8)
    return as_image(image + noise)


def _coded(image: Image, rng: np.random.Generator) -> Image:
    if rng.random() < 0.25:
        return image
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 96))]
    _, coded = cv2.imencode(".jpg", image, quality)
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
