"""Projects a flat thing: turned in space, and laid over a picture."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from scenes.model import Image, Points

MAX_ROLL_DEG, MAX_YAW_DEG, MAX_PITCH_DEG = 15.0, 55.0, 35.0


@dataclass(frozen=True)
class Pose:
    """A plane in space: flat units of one plate's width, x right and y down from its middle."""

    centre: tuple[float, float]
    """Position of the middle, px."""
    width_px: float
    """Width of one unit seen straight on, px."""
    turn: NDArray[np.float64]
    """(3, 3) rotation."""
    distance: float
    """From the camera, in units; a small one makes a strong perspective."""

    @classmethod
    def draw(
        cls, rng: np.random.Generator, centre: tuple[float, float], width_px: float, ease: float
    ) -> "Pose":
        """Sample a pose; `ease` 0 to 1 is the share of poses that are nearly straight on."""
        if rng.random() < ease:
            roll, yaw, pitch = rng.normal(0, (2.5, 8.0, 6.0))
        else:
            roll = rng.normal(0, 6)
            yaw, pitch = rng.uniform((-MAX_YAW_DEG, -MAX_PITCH_DEG), (MAX_YAW_DEG, MAX_PITCH_DEG))
        limits = (MAX_ROLL_DEG, MAX_YAW_DEG, MAX_PITCH_DEG)
        angles = [float(np.clip(a, -m, m)) for a, m in zip((roll, yaw, pitch), limits, strict=True)]
        return cls(centre, width_px, _rotation(*angles), float(np.exp(rng.uniform(2.0, 3.7))))

    def project(self, points: ArrayLike) -> Points:
        """Project flat points (n, 2) in units to the picture, (n, 2) float32 px."""
        flat = np.asarray(points, np.float64).reshape(-1, 2)
        x, y, z = self.turn[:, :2] @ flat.T
        shrink = self.width_px * self.distance / np.maximum(self.distance + z, 0.5)
        place = np.stack([x * shrink + self.centre[0], y * shrink + self.centre[1]], axis=1)
        return place.astype(np.float32)

    def rectangle(self, width: float, height: float, x: float = 0.0, y: float = 0.0) -> Points:
        """Return the corners, (4, 2) px, of a flat rectangle around (x, y), clockwise from its top left."""
        w, h = width / 2, height / 2
        return self.project([(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)])


def _rotation(roll: float, yaw: float, pitch: float) -> NDArray[np.float64]:
    a, b, c = np.deg2rad((roll, yaw, pitch))
    about_z = [[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]
    about_y = [[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]]
    about_x = [[1, 0, 0], [0, np.cos(c), -np.sin(c)], [0, np.sin(c), np.cos(c)]]
    return np.array(about_z) @ np.array(about_x) @ np.array(about_y)


def lay(
    image: Image, texture: Image, corners: Points, *, soften_px: float = 0.5, round_: float = 0.0
) -> None:
    """Lay a flat texture, (h, w, 3), over `image` in place, its corners at `corners`, (4, 2) px.

    Args:
        soften_px: standard deviation of the blur over texture and edge.
        round_: radius of the texture's corners, as a share of its height.
    """
    margin = 3 * soften_px + 2
    limit = np.array([image.shape[1], image.shape[0]])
    low = np.clip(np.floor(corners.min(axis=0) - margin), 0, limit).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0) + margin), 0, limit).astype(int)
    wide, tall = (high - low).tolist()
    if wide < 2 or tall < 2:
        return
    small = _near_size(texture, corners)
    height, width = small.shape[:2]
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - 0.5
    target = (corners - low - 0.5).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(flat, target)
    border = cv2.BORDER_REPLICATE
    warped = cv2.warpPerspective(small, matrix, (wide, tall), borderMode=border)
    cover = cv2.warpPerspective(_solid(width, height, round_), matrix, (wide, tall))
    if soften_px > 0.2:
        warped = cv2.GaussianBlur(warped, (0, 0), soften_px)
        cover = cv2.GaussianBlur(cover, (0, 0), soften_px)
    share = (cover.astype(np.float32) / 255)[..., None]
    where = image[low[1] : high[1], low[0] : high[0]]
    where[:] = np.rint(where + (warped.astype(np.float32) - where) * share).astype(np.uint8)


def _near_size(texture: Image, corners: Points) -> Image:
    """Shrink the texture to little more than its final size, so that the warp does not alias."""
    across = max(np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[3]))
    down = max(np.linalg.norm(corners[3] - corners[0]), np.linalg.norm(corners[2] - corners[1]))
    height, width = texture.shape[:2]
    size = (
        int(np.clip(round(1.15 * float(across)), 4, width)),
        int(np.clip(round(1.15 * float(down)), 4, height)),
    )
    if size == (width, height):
        return texture
    return np.asarray(cv2.resize(texture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _solid(width: int, height: int, round_: float) -> Image:
    radius = int(round_ * height)
    if radius < 1:
        return np.full((height, width), 255, np.uint8)
    mask = np.zeros((height, width), np.uint8)
    cv2.rectangle(mask, (radius, 0), (width - 1 - radius, height - 1), 255, -1)
    cv2.rectangle(mask, (0, radius), (width - 1, height - 1 - radius), 255, -1)
    for x in (radius, width - 1 - radius):
        for y in (radius, height - 1 - radius):
            cv2.circle(mask, (x, y), radius, 255, -1)
    return mask
