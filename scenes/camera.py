"""Turns painted layers into a frame: light, lens, sensor, and JPEG."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.layers import Layers
from scenes.model import Condition, Image, as_image

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Light:
    """The light of one hour, as factors of even daylight; a pair is a range to sample from."""

    ambient: tuple[float, float]
    tint: tuple[float, float, float]
    """Blue, green, red."""
    spot: tuple[float, float]
    """The camera's or car's own light on the road ahead."""
    flash: tuple[float, float]
    """Share of that light that retroreflective sheeting returns."""
    bloom: float
    noise: tuple[float, float]
    """Standard deviation, grey levels."""


LIGHTS: dict[Condition, Light] = {
    "day": Light((0.88, 1.12), (1.0, 1.0, 1.0), (0, 0), (0, 0), 0.2, (1.5, 4)),
    "dusk": Light((0.42, 0.60), (1.06, 0.95, 0.98), (0.05, 0.12), (0.05, 0.25), 0.6, (3, 7)),
    "night": Light((0.10, 0.18), (1.10, 0.98, 0.92), (0.18, 0.38), (0.35, 0.75), 0.9, (4, 10)),
    "infrared": Light((0.03, 0.06), (1.0, 1.0, 1.0), (0.16, 0.32), (0.60, 0.90), 0.25, (4, 9)),
    "rain": Light((0.66, 0.82), (1.04, 1.0, 0.96), (0, 0), (0, 0), 0.5, (2, 5)),
}


def expose(
    layers: Layers, condition: Condition, rng: np.random.Generator, plate_px: float
) -> Image:
    """Expose the layers: (H, W, 3) uint8. `plate_px`, the widest plate's width, scales the blurs."""
    light = LIGHTS[condition]
    picture = _expose(layers, light, rng, grey=condition == "infrared")
    if condition == "rain":
        picture = _rain(picture, rng)
    picture = _lens_blur(picture, rng, plate_px)
    noisy = picture + _noise(picture.shape[:2], float(rng.uniform(*light.noise)), rng)[..., None]
    return as_image(noisy)


def encode_jpeg(frame: Image, quality: int = 85) -> bytes:
    """Encode the frame as a JPEG file; quality 1 to 100."""
    _, encoded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return encoded.tobytes()


def _expose(layers: Layers, light: Light, rng: np.random.Generator, *, grey: bool) -> Floats:
    height, width = layers.retro.shape
    spread = _spot(width, height, rng) * np.float32(rng.uniform(*light.spot))
    level = spread + np.float32(rng.uniform(*light.ambient))
    retro = layers.retro.astype(np.float32) * np.float32(rng.uniform(*light.flash) / 255)
    surface = layers.surface.astype(np.float32)
    cast = rng.uniform(0.97, 1.03, 3) * light.tint
    if grey:
        surface = cv2.cvtColor(layers.surface, cv2.COLOR_BGR2GRAY).astype(np.float32)[
            ..., None
        ] * np.ones(3, np.float32)
        cast = np.ones(3)
    picture: Floats = surface * ((level + retro)[..., None] * cast.astype(np.float32))
    glow = layers.glow
    if grey:
        dim = np.asarray(cv2.cvtColor(glow, cv2.COLOR_BGR2GRAY)) // 2
        glow = np.repeat(dim[..., None], 3, axis=2).astype(np.uint8)
    picture += glow
    small = cv2.resize(glow, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    halo = cv2.GaussianBlur(small, (0, 0), 3.5)
    picture += cv2.resize(halo, (width, height)) * np.float32(light.bloom * 0.5)
    return picture


def _spot(width: int, height: int, rng: np.random.Generator) -> Floats:
    """A soft pool of light ahead of the camera, (H, W), up to 1."""
    x = (np.arange(width) / width - rng.uniform(0.4, 0.6)) / 0.42
    y = (np.arange(height) / height - rng.uniform(0.55, 0.7)) / 0.40
    return np.exp(-(x[None, :] ** 2 + y[:, None] ** 2)).astype(np.float32)


def _lens_blur(picture: Floats, rng: np.random.Generator, plate_px: float) -> Floats:
    """Blur by defocus and by the motion of a car; up to 10 px on a plate of 120 px."""
    sigma = 0.45 + plate_px * float(rng.beta(1.1, 4)) * 0.026
    blurred = cv2.GaussianBlur(picture, (0, 0), sigma)
    length = plate_px * float(rng.beta(1.0, 4)) * 0.085
    if length < 1.2:
        return blurred.astype(np.float32)
    size = int(np.ceil(length)) | 1
    angle = float(rng.normal(0, 25))
    line = np.zeros((size, size), np.float32)
    line[size // 2] = 1
    turn = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), angle, 1)
    kernel = cv2.warpAffine(line, turn, (size, size))
    return cv2.filter2D(blurred, -1, kernel / kernel.sum()).astype(np.float32)


def _noise(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> Floats:
    """Sample grain as left by a sensor and its denoiser, (H, W)."""
    fine = rng.standard_normal((shape[0], shape[1] // 2 + 1), np.float32)
    wide = cv2.resize(fine, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return wide.astype(np.float32) * np.float32(sigma)


def _rain(picture: Floats, rng: np.random.Generator) -> Floats:
    """Make the picture grey and misty, with streaks of falling drops."""
    grey = picture.mean(axis=2, keepdims=True)
    picture = picture * np.float32(0.62) + grey * np.float32(0.38)
    mist = np.float32(rng.uniform(0.06, 0.16))
    picture = picture * (1 - mist) + np.float32(178) * mist
    height, width = picture.shape[:2]
    streaks = np.zeros((height, width), np.uint8)
    for x, y, length in rng.uniform((0, 0, 12), (width, height, 46), (160, 3)):
        end = (int(x + length * 0.12), int(y + length))
        cv2.line(streaks, (int(x), int(y)), end, int(rng.integers(12, 42)), 1, cv2.LINE_AA)
    return (picture + streaks[..., None]).astype(np.float32)
