"""The street around the cars: sky, houses, trees, road, signs and lamps."""

from dataclasses import dataclass

import numpy as np

from scenes import facades, ground
from scenes.greenery import paint_tree
from scenes.layers import Layers
from scenes.lens import Lens
from scenes.model import Colour, Condition, Points
from scenes.signs import paint_sign
from scenes.sky import paint_sky

LANE_M = 3.5
WALK_M = 2.4


@dataclass(frozen=True)
class Street:
    """The layout of a street."""

    lanes: int
    """Lanes that lead away from the camera, its own included; x = 0 is the middle of the first."""
    left_m: float
    right_m: float
    """Left and right edge of the road, from x = 0."""
    dashed: bool

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Street":
        """Sample a street: two or three lanes this way, one or two the other way, room to park."""
        lanes = int(rng.integers(2, 4))
        against = int(rng.integers(1, 3))
        left = LANE_M * (against + 0.5)
        right = LANE_M * (lanes - 0.5) + float(rng.uniform(0.6, 2.6))
        return cls(lanes, -left, right, bool(rng.random() < 0.7))


def is_dark(condition: Condition) -> bool:
    """Whether street lamps and car lamps are on."""
    return condition in {"dusk", "night", "infrared"}


def paint_street(
    layers: Layers, lens: Lens, street: Street, rng: np.random.Generator, condition: Condition
) -> None:
    """Paint the empty street, from far to near."""
    dark = is_dark(condition)
    paint_sky(layers, lens, rng, condition)
    facades.paint_far_end(layers, lens, rng, dark=dark)
    ground.paint_ground(layers, lens, street.left_m, street.right_m, WALK_M, rng)
    facades.paint_rows(
        layers, lens, street.left_m - WALK_M, street.right_m + WALK_M, rng, dark=dark
    )
    ground.paint_lanes(layers, lens, _lane_lines(street), rng, dashed=street.dashed)
    if condition in {"dusk", "night"}:
        _oncoming(layers, lens, rng)
    _kerbside(layers, lens, street, rng, dark=dark)
    if condition == "day":
        ground.paint_cast_shade(layers, lens, street.left_m, street.right_m, rng)


def _lane_lines(street: Street) -> list[tuple[float, Colour]]:
    white: Colour = (206, 208, 208)
    yellow: Colour = (60, 170, 208)
    inner = [(LANE_M * (i + 0.5), white) for i in range(street.lanes - 1)]
    return [*inner, (-LANE_M / 2 - 0.12, yellow), (-LANE_M / 2 + 0.12, yellow)]


def _kerbside(
    layers: Layers, lens: Lens, street: Street, rng: np.random.Generator, *, dark: bool
) -> None:
    """Paint trees, lamps and signs along both kerbs, far ones first."""
    places = np.sort(rng.uniform(13, 110, 9))[::-1]
    for z in places:
        right = bool(rng.random() < 0.5)
        x = street.right_m + 0.9 if right else street.left_m - 0.9
        match rng.choice(["tree", "tree", "lamp", "sign"]):
            case "tree":
                paint_tree(layers, lens, x, float(z), rng)
            case "lamp":
                _lamp(layers, lens, x, float(z), towards=-1.0 if right else 1.0, dark=dark)
            case _:
                paint_sign(layers, lens, x, float(z), rng)


def _oncoming(layers: Layers, lens: Lens, rng: np.random.Generator) -> None:
    """Paint the headlights of cars that come towards the camera."""
    for z in rng.uniform(30, 110, int(rng.integers(0, 3))):
        for x in (-LANE_M - 0.65, -LANE_M + 0.65):
            centre = lens.project([(x, 0.7, z)])[0]
            layers.shine(_disc(centre, lens.px_per_m(float(z)) * 0.13, 0.9), (225, 240, 250))


def _disc(centre: Points, radius_px: float, flat: float) -> Points:
    turn = np.linspace(0, 2 * np.pi, 17)[:-1]
    ring = np.stack([np.cos(turn), flat * np.sin(turn)], axis=1) * radius_px + centre
    return ring.astype(np.float32)


def _lamp(layers: Layers, lens: Lens, x: float, z: float, *, towards: float, dark: bool) -> None:
    grey: Colour = (88, 90, 90)
    post = [(x - 0.09, 0, z), (x + 0.09, 0, z), (x + 0.06, 7.5, z), (x - 0.06, 7.5, z)]
    arm = [(x, 7.4, z), (x + towards * 2.0, 7.7, z), (x + towards * 2.0, 7.8, z), (x, 7.6, z)]
    layers.polygon(lens.project(post), grey)
    layers.polygon(lens.project(arm), grey)
    if dark:
        head = lens.project([(x + towards * 2.0, 7.65, z)])[0]
        layers.shine(_disc(head, lens.px_per_m(z) * 0.22, 0.6), (150, 205, 255))
