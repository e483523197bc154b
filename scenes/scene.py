"""Renders one frame: a street, its cars and their plates, as a camera sees them."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from scenes.bodies import BODIES, BODY_WEIGHTS
from scenes.camera import expose
from scenes.layers import Layers
from scenes.lens import Lens, aim
from scenes.model import CONDITIONS, Condition, Image, PlateTruth, Points, Scene
from scenes.plate_image import draw_plate
from scenes.plates import Issued, attribute, issue
from scenes.street import LANE_M, Street, is_dark, paint_street
from scenes.vehicle import PAINTS, PLATE_WIDTH_M, Vehicle, mount_plate, paint_vehicle

MAX_PLATES = 2
FRAME_MARGIN_PX = 14
REFERENCE_WIDTH_PX = 1280
_TRIES = 40
HOURS: dict[Condition, tuple[int, int]] = {
    "day": (8, 17), "dusk": (17, 20), "night": (21, 29), "infrared": (21, 29), "rain": (8, 17),
}  # fmt: skip


class TooManyPlates(ValueError):
    """A scene has room for two cars with plates."""


def render_scene(
    seed: int,
    *,
    plates: Sequence[str] | None = None,
    condition: Condition = "day",
    size: tuple[int, int] = (1280, 720),
) -> Scene:
    """Render one street scene; the same arguments give the same bytes.

    Args:
        plates: the cars' plates, at most two. None: one or two random plates. Empty: no plate is in the frame,
            though distant cars may be.
        size: width and height in px.

    Raises: TooManyPlates; ValueError for a plate that is not 1 to 8 letters and digits.
    """
    rng = np.random.default_rng([seed, CONDITIONS.index(condition)])
    issued = _issued(rng, plates)
    street = Street.draw(rng)
    lens, vehicles = _compose(rng, len(issued), size)
    layers = Layers.blank(*size)
    paint_street(layers, lens, street, rng, condition)
    dark, sun = is_dark(condition), float(rng.uniform(0.3, 1)) if condition == "day" else 0.0
    for car in _traffic(rng, street, min((v.z_m for v in vehicles), default=12.0)):
        paint_vehicle(layers, lens, car, rng, lit=dark, sun=sun)
    truth: dict[int, PlateTruth] = {}
    for place in sorted(range(len(issued)), key=lambda i: -vehicles[i].z_m):
        vehicle, plate = vehicles[place], issued[place]
        paint_vehicle(layers, lens, vehicle, rng, lit=dark or condition == "rain", sun=sun)
        corners = mount_plate(layers, lens, vehicle, draw_plate(rng, plate))
        truth[place] = PlateTruth(plate.plate, plate.state, corners)
    widest = max((_width(t.corners) for t in truth.values()), default=100.0)
    frame = expose(layers, condition, rng, widest)
    if rng.random() < 0.5:
        _stamp(frame, rng, condition)
    quality = int(rng.integers(68, 94))
    return Scene(frame, [truth[i] for i in range(len(truth))], condition, seed, quality)


def _issued(rng: np.random.Generator, plates: Sequence[str] | None) -> list[Issued]:
    if plates is None:
        return [issue(rng) for _ in range(2 if rng.random() < 0.3 else 1)]
    if len(plates) > MAX_PLATES:
        raise TooManyPlates
    return [attribute(rng, plate) for plate in plates]


def _width(corners: Points) -> float:
    return float(np.linalg.norm(corners[1] - corners[0]))


def _compose(
    rng: np.random.Generator, count: int, size: tuple[int, int]
) -> tuple[Lens, list[Vehicle]]:
    """Place the camera and the cars so that every plate is whole in the frame."""
    unit = size[0] / REFERENCE_WIDTH_PX
    for attempt in range(_TRIES):
        shrink = 0.96**attempt
        vehicles = [_vehicle(rng, lane, count) for lane in range(count)]
        lens = _hang(rng, vehicles, size, unit * shrink)
        corners = [lens.project(v.plate_corners()) for v in vehicles]
        if all(_inside(c, size) for c in corners) and not _hidden(lens, vehicles, corners):
            break
    return lens, vehicles


def _vehicle(rng: np.random.Generator, lane: int, count: int) -> Vehicle:
    body = BODIES[int(rng.choice(len(BODIES), p=BODY_WEIGHTS))]
    sideways = float(rng.normal(0, 0.25))
    side = 0.0 if count == 1 else LANE_M * lane
    return Vehicle(
        body,
        PAINTS[int(rng.integers(len(PAINTS)))],
        x_m=side + sideways,
        z_m=float(rng.uniform(6.5, 13) if count == 1 else rng.uniform(9, 14)),
        heading=float(rng.normal(0, 0.03)),
        braking=bool(rng.random() < 0.35),
        plate_tilt=float(rng.normal(0, 0.012)),
    )


def _hang(
    rng: np.random.Generator, vehicles: list[Vehicle], size: tuple[int, int], unit: float
) -> Lens:
    """Place a camera in a patrol car or on a pole, aimed at the plates that it is to read."""
    width, height = size
    on_pole = bool(rng.random() < 0.45)
    x_m = float(rng.uniform(-2.4, 2.4) if on_pole else rng.uniform(-1.5, 1.5))
    y_m = float(rng.uniform(2.6, 4.6) if on_pole else rng.uniform(1.25, 1.7))
    if not vehicles:
        target, at, focal = (
            (0.0, 1.0, 20.0),
            (width / 2, height * 0.55),
            float(rng.uniform(1100, 2300)) * unit,
        )
        return aim(target, at, focal_px=focal, size=size, x_m=x_m, y_m=y_m)
    plates = np.concatenate([v.plate_corners() for v in vehicles])
    middle = (plates.min(axis=0) + plates.max(axis=0)) / 2
    wanted = (
        float(np.exp(rng.uniform(np.log(66), np.log(180 if len(vehicles) == 1 else 100)))) * unit
    )
    focal = wanted * float(plates[:, 2].min()) / PLATE_WIDTH_M
    at = (width * float(rng.uniform(0.36, 0.64)), height * float(rng.uniform(0.52, 0.74)))
    x_m += float(middle[0])
    return aim(
        (float(middle[0]), float(middle[1]), float(middle[2])),
        at,
        focal_px=focal,
        size=size,
        x_m=x_m,
        y_m=y_m,
    )


def _inside(corners: Points, size: tuple[int, int]) -> bool:
    return bool(
        (corners >= FRAME_MARGIN_PX).all() and (corners <= np.array(size) - FRAME_MARGIN_PX).all()
    )


def _hidden(lens: Lens, vehicles: list[Vehicle], corners: list[Points]) -> bool:
    """Whether a nearer car hides another's plate."""
    for near in vehicles:
        outline = lens.project(
            near.world(near.body.place(near.body.half_width(near.body.arc), near.body.arc))
        )
        other = lens.project(
            near.world(near.body.place(-near.body.half_width(near.body.arc), near.body.arc))
        )
        left, right = float(other[:, 0].min()), float(outline[:, 0].max())
        for far, plate in zip(vehicles, corners, strict=True):
            if (
                far.z_m > near.z_m
                and plate[:, 0].max() > left - 8
                and plate[:, 0].min() < right + 8
            ):
                return True
    return False


def _traffic(rng: np.random.Generator, street: Street, nearest_m: float) -> list[Vehicle]:
    """Add cars ahead and at the kerb, so far away that plates are illegible: they carry none."""
    cars: list[Vehicle] = []
    for x in (*(LANE_M * lane for lane in range(street.lanes)), street.right_m - 1.1):
        z = nearest_m + float(rng.uniform(16, 34))
        while z < 95 and len(cars) < 6:
            if rng.random() < 0.45:
                cars.append(replace(_vehicle(rng, 0, 1), x_m=x, z_m=z, heading=0.0))
            z += float(rng.uniform(7, 24))
    return sorted(cars, key=lambda car: -car.z_m)


def _stamp(frame: Image, rng: np.random.Generator, condition: Condition) -> None:
    """Burn in the camera's own caption: date, time and name."""
    height, width = frame.shape[:2]
    scale = width / REFERENCE_WIDTH_PX
    first, last = HOURS[condition]
    hour = int(rng.integers(first, last)) % 24
    day, clock = rng.integers((1, 1), (13, 29)), rng.integers(0, 60, 2)
    when = f"2026-{day[0]:02d}-{day[1]:02d} {hour:02d}:{clock[0]:02d}:{clock[1]:02d}"
    words = f"{when}  CAM {rng.integers(1, 40):02d}"
    at = (int(18 * scale), int((34 if rng.random() < 0.5 else height / scale - 18) * scale))
    for colour, thickness in (((20, 20, 20), 4), ((235, 235, 235), 1)):
        cv2.putText(
            frame,
            words,
            at,
            cv2.FONT_HERSHEY_SIMPLEX,
            0.7 * scale,
            colour,
            max(1, round(thickness * scale)),
            cv2.LINE_AA,
        )
