"""The shapes of cars, as a skin lofted along their backs.

A body is seen from behind. Its `skin` runs from the lower edge of the bumper up over boot or hatch, rear window
and roof: at each step height, depth (forward of the rearmost point) and half width, in metres. Positions on it are
(u, y): metres right of the middle, and height.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Outline = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Body:
    """A kind of car. All lengths in metres."""

    kind: str
    skin: tuple[tuple[float, float, float], ...]
    bumper_top: float
    valance_top: float
    window: tuple[float, float]
    """Lower and upper edge of the rear window (heights)."""
    light: Outline
    """The right tail light."""
    plate_y: float
    lid: Outline
    """The seam of boot lid, hatch or tailgate, right half."""
    side: Outline
    """Outline of the lower body seen from the side, (depth, height)."""
    cabin: tuple[tuple[float, float, float], ...]
    """Side of the cabin: (depth, height, half width)."""
    glass: tuple[tuple[tuple[float, float, float], ...], ...]
    wheels: tuple[float, float] = (0.95, 3.65)
    wheel_radius: float = 0.33
    bed: tuple[float, float] | None = None
    """Depths between which a pickup is open at the top."""

    @cached_property
    def _steps(self) -> Floats:
        return np.array(self.skin, np.float64)

    @cached_property
    def arc(self) -> Floats:
        """Distance along the skin at each of its steps."""
        hops = np.hypot(np.diff(self._steps[:, 0]), np.diff(self._steps[:, 1]))
        return np.concatenate([[0.0], np.cumsum(hops)])

    def arc_at(self, y: float) -> float:
        """Distance along the skin at a height."""
        return float(np.interp(y, self._steps[:, 0], self.arc))

    def half_width(self, arc: Floats | float) -> Floats:
        """Half the width of the skin at a distance along it."""
        return np.asarray(np.interp(arc, self.arc, self._steps[:, 2]))

    def place(self, u: Floats, arc: Floats) -> Floats:
        """Points of the skin in the car's own space, (n, 3): right, up, forward."""
        y = np.interp(arc, self.arc, self._steps[:, 0])
        z = np.interp(arc, self.arc, self._steps[:, 1])
        return np.stack([u, y, z], axis=1)

    @property
    def widest(self) -> float:
        """Half the width at the widest step."""
        return float(self._steps[:, 2].max())


SEDAN = Body(
    kind="sedan",
    skin=(
        (0.26, 0.14, 0.80), (0.40, 0.01, 0.89), (0.55, 0.00, 0.91), (0.68, 0.04, 0.91), (0.98, 0.12, 0.86),
        (1.05, 0.20, 0.81), (1.09, 0.58, 0.74), (1.38, 1.20, 0.58), (1.43, 1.42, 0.55), (1.44, 2.50, 0.55),
    ),
    bumper_top=0.66, valance_top=0.40, window=(1.11, 1.375),
    light=((0.55, 0.76), (0.89, 0.72), (0.88, 0.90), (0.84, 0.985), (0.56, 0.95)),
    plate_y=0.82, lid=((0.0, 0.69), (0.60, 0.69), (0.565, 0.74), (0.565, 0.97), (0.66, 1.06)),
    side=(
        (0.12, 0.27), (0.0, 0.42), (0.03, 0.68), (0.12, 0.98), (0.60, 1.04), (3.3, 0.98), (4.4, 0.78),
        (4.55, 0.45), (4.4, 0.25),
    ),
    cabin=(
        (0.20, 1.05, 0.81), (0.58, 1.09, 0.74), (1.20, 1.38, 0.58), (1.42, 1.43, 0.55), (2.5, 1.44, 0.55),
        (3.3, 0.98, 0.90), (0.6, 1.02, 0.90), (0.14, 0.99, 0.87),
    ),
    glass=(
        ((0.95, 1.07, 0.84), (1.36, 1.36, 0.61), (1.95, 1.38, 0.60), (1.95, 1.05, 0.85)),
        ((2.02, 1.05, 0.85), (2.02, 1.38, 0.60), (2.5, 1.37, 0.61), (3.1, 1.02, 0.86)),
    ),
)  # fmt: skip

SUV = Body(
    kind="suv",
    skin=(
        (0.34, 0.14, 0.84), (0.48, 0.01, 0.93), (0.62, 0.00, 0.94), (0.72, 0.05, 0.94), (1.12, 0.10, 0.92),
        (1.18, 0.14, 0.90), (1.62, 0.42, 0.74), (1.69, 0.40, 0.69), (1.73, 0.62, 0.66), (1.74, 2.7, 0.66),
    ),
    bumper_top=0.70, valance_top=0.56, window=(1.20, 1.60),
    light=((0.66, 0.86), (0.93, 0.84), (0.91, 1.14), (0.80, 1.18), (0.72, 1.02), (0.66, 0.98)),
    plate_y=0.92, lid=((0.0, 0.73), (0.70, 0.73), (0.72, 1.16), (0.70, 1.64)),
    side=(
        (0.12, 0.35), (0.0, 0.5), (0.05, 0.72), (0.10, 1.12), (0.3, 1.18), (3.4, 1.10), (4.5, 0.98),
        (4.65, 0.55), (4.5, 0.34),
    ),
    cabin=(
        (0.12, 1.15, 0.91), (0.42, 1.62, 0.74), (0.40, 1.69, 0.69), (0.62, 1.73, 0.66), (2.7, 1.73, 0.66),
        (3.5, 1.09, 0.925), (0.3, 1.16, 0.925),
    ),
    glass=(
        ((0.42, 1.22, 0.88), (0.62, 1.60, 0.73), (1.25, 1.63, 0.71), (1.25, 1.20, 0.88)),
        ((1.32, 1.20, 0.88), (1.32, 1.63, 0.71), (2.1, 1.64, 0.71), (2.1, 1.18, 0.88)),
        ((2.17, 1.18, 0.88), (2.17, 1.64, 0.71), (2.65, 1.62, 0.71), (3.25, 1.14, 0.88)),
    ),
    wheel_radius=0.36,
)  # fmt: skip

VAN = Body(
    kind="van",
    skin=(
        (0.36, 0.10, 0.88), (0.46, 0.0, 0.96), (0.62, 0.0, 0.97), (0.66, 0.06, 0.97), (1.20, 0.09, 0.96),
        (1.86, 0.20, 0.88), (1.96, 0.27, 0.84), (2.0, 0.55, 0.80), (2.01, 3.4, 0.80),
    ),
    bumper_top=0.65, valance_top=0.50, window=(1.30, 1.78),
    light=((0.84, 0.80), (0.955, 0.80), (0.94, 1.24), (0.84, 1.24)),
    plate_y=0.80, lid=((0.0, 0.67), (0.82, 0.67), (0.83, 1.3), (0.78, 1.88)),
    side=(
        (0.10, 0.36), (0.0, 0.48), (0.06, 0.66), (0.09, 1.22), (4.0, 1.2), (5.1, 1.05), (5.2, 0.5),
        (5.0, 0.34),
    ),
    cabin=(
        (0.09, 1.2, 0.96), (0.20, 1.86, 0.88), (0.27, 1.96, 0.84), (0.55, 2.0, 0.80), (3.4, 2.01, 0.80),
        (4.2, 1.19, 0.955),
    ),
    glass=(((2.6, 1.24, 0.94), (2.6, 1.78, 0.88), (3.3, 1.76, 0.88), (3.9, 1.24, 0.94)),),
    wheels=(1.0, 4.2), wheel_radius=0.35,
)  # fmt: skip

PICKUP = Body(
    kind="pickup",
    skin=(
        (0.45, 0.02, 0.86), (0.50, -0.06, 0.95), (0.66, -0.06, 0.95), (0.69, 0.08, 0.96), (1.22, 0.10, 0.96),
        (1.25, 0.13, 0.95), (1.26, 1.78, 0.93), (1.30, 1.80, 0.86), (1.76, 2.02, 0.74), (1.84, 2.14, 0.70),
        (1.86, 3.2, 0.70),
    ),
    bumper_top=0.665, valance_top=0.0, window=(1.34, 1.74),
    light=((0.79, 0.76), (0.955, 0.76), (0.955, 1.17), (0.79, 1.17)),
    plate_y=0.585, lid=((0.0, 0.71), (0.76, 0.71), (0.76, 1.22)),
    side=(
        (0.08, 0.52), (0.08, 0.70), (0.10, 1.24), (1.8, 1.26), (3.9, 1.2), (5.2, 1.08), (5.35, 0.6),
        (5.2, 0.45),
    ),
    cabin=(
        (1.78, 1.25, 0.945), (1.80, 1.30, 0.86), (2.02, 1.76, 0.74), (2.14, 1.84, 0.70), (3.2, 1.86, 0.70),
        (3.95, 1.19, 0.945),
    ),
    glass=(
        ((2.05, 1.30, 0.90), (2.2, 1.72, 0.75), (2.75, 1.75, 0.74), (2.75, 1.28, 0.90)),
        ((2.82, 1.28, 0.90), (2.82, 1.75, 0.74), (3.2, 1.73, 0.74), (3.7, 1.24, 0.90)),
    ),
    wheels=(1.15, 4.3), wheel_radius=0.40, bed=(0.16, 1.76),
)  # fmt: skip

BODIES = (SEDAN, SUV, PICKUP, VAN)
BODY_WEIGHTS = (0.45, 0.33, 0.14, 0.08)
