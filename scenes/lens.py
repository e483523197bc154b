"""The camera's geometry: a pinhole over a street.

The world is in metres: x to the right across the road, y up from the road, z along it, away from
the camera.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from scenes.model import Points

NEAR_M = 0.4


@dataclass(frozen=True)
class Lens:
    """The camera's position and direction. Angles in radians; pitch is downwards, yaw to the right."""

    focal_px: float
    width_px: int
    height_px: int
    x_m: float
    y_m: float
    pitch: float
    yaw: float

    def project(self, points: ArrayLike) -> Points:
        """Project world points (n, 3) in metres to the image, (n, 2) float32 px.

        Points behind the camera land far outside the frame; they do not fail.
        """
        relative = np.asarray(points, np.float64).reshape(-1, 3) - (self.x_m, self.y_m, 0.0)
        right, up, forward = (relative @ axis for axis in self._axes())
        depth = np.maximum(forward, NEAR_M)
        x = self.width_px / 2 + self.focal_px * right / depth
        y = self.height_px / 2 - self.focal_px * up / depth
        return np.stack([x, y], axis=1).astype(np.float32)

    def px_per_m(self, z_m: float) -> float:
        """Return the px that a metre spans at distance `z_m`."""
        return self.focal_px / max(z_m, NEAR_M)

    @property
    def horizon_px(self) -> float:
        """The row of the horizon; it may lie outside the frame."""
        return float(self.height_px / 2 - self.focal_px * np.tan(self.pitch))

    def _axes(self) -> tuple[tuple[float, float, float], ...]:
        sin_p, cos_p = float(np.sin(self.pitch)), float(np.cos(self.pitch))
        sin_y, cos_y = float(np.sin(self.yaw)), float(np.cos(self.yaw))
        return (
            (cos_y, 0.0, -sin_y),
            (sin_y * sin_p, cos_p, cos_y * sin_p),
            (sin_y * cos_p, -sin_p, cos_y * cos_p),
        )


def aim(
    target_m: tuple[float, float, float],
    at_px: tuple[float, float],
    *,
    focal_px: float,
    size: tuple[int, int],
    x_m: float,
    y_m: float,
) -> Lens:
    """Aim a lens at (x_m, y_m, 0) so that it sees `target_m` near `at_px`; `size` is width, height in px."""
    width, height = size
    bearing = np.arctan2(target_m[0] - x_m, target_m[2])
    drop = np.arctan2(y_m - target_m[1], np.hypot(target_m[0] - x_m, target_m[2]))
    yaw = bearing - np.arctan2(at_px[0] - width / 2, focal_px)
    pitch = drop - np.arctan2(at_px[1] - height / 2, focal_px)
    return Lens(focal_px, width, height, x_m, y_m, float(pitch), float(yaw))
