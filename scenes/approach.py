"""Renders a car that comes closer, frame by frame, as the camera behind it sees it."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from scenes.bodies import BODIES
from scenes.camera import expose
from scenes.layers import Layers
from scenes.lens import aim
from scenes.model import CONDITIONS, Condition, PlateTruth, Scene
from scenes.plate_image import draw_plate
from scenes.plates import attribute
from scenes.street import Street, is_dark, paint_street
from scenes.vehicle import PAINTS, Vehicle, mount_plate, paint_vehicle

FAR_M, NEAR_M = 24.0, 6.5
FOCAL_PX = 2400
"""For a frame of 1280 px: plates from about 30 px (illegible) to 110 px wide."""
CAMERA_AT_M = (-0.8, 1.6)
JPEG_QUALITY = 85


def render_approach(
    seed: int,
    plate: str,
    *,
    frames: int = 30,
    from_m: float = FAR_M,
    condition: Condition = "day",
    size: tuple[int, int] = (1280, 720),
) -> Iterator[Scene]:
    """Render a car ahead as a camera approaches it; the same arguments give the same bytes.

    Street, car and plate stay the same; each frame has its own light, blur and grain, so a reader is right or wrong
    on each frame separately.

    Args:
        plate: 1 to 8 letters and digits.
        from_m: distance of the car in the first frame; in the last it is NEAR_M.
        size: width and height in px.
    """
    begin = np.random.default_rng([seed, CONDITIONS.index(condition)])
    issued = attribute(begin, plate)
    picture = draw_plate(begin, issued)
    street = Street.draw(begin)
    body, paint = (int(begin.integers(len(kinds))) for kinds in (BODIES, PAINTS))
    car = Vehicle(
        BODIES[body], PAINTS[paint], x_m=0.0, z_m=FAR_M, heading=0.0, braking=False, plate_tilt=0.0
    )
    width, height = size
    x_m, y_m = CAMERA_AT_M
    lens = aim(
        (0.0, 0.9, 12.0),
        (width / 2, height * 0.55),
        focal_px=FOCAL_PX * width / 1280,
        size=size,
        x_m=x_m,
        y_m=y_m,
    )
    dark = is_dark(condition)
    for number, z_m in enumerate(np.linspace(from_m, NEAR_M, frames)):
        layers = Layers.blank(*size)
        scenery = np.random.default_rng([seed, CONDITIONS.index(condition), 1])
        paint_street(layers, lens, street, scenery, condition)
        now = replace(car, z_m=float(z_m))
        paint_vehicle(layers, lens, now, scenery, lit=dark or condition == "rain", sun=0.6)
        corners = mount_plate(layers, lens, now, picture)
        plate_px = float(np.linalg.norm(corners[1] - corners[0]))
        frame = expose(layers, condition, np.random.default_rng([seed, number, 2]), plate_px)
        truth = [PlateTruth(issued.plate, issued.state, corners)]
        yield Scene(frame, truth, condition, seed, JPEG_QUALITY)
