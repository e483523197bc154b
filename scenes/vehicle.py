"""A parked or moving car in the street, and its plate."""

from dataclasses import dataclass

import cv2
import numpy as np

from scenes.bodies import Body, Floats
from scenes.designs import PLATE_HEIGHT_PX, PLATE_WIDTH_PX
from scenes.layers import Layers
from scenes.lens import Lens
from scenes.model import Colour, Image, Points
from scenes.plate_image import corner_mask
from scenes.rear import Art, paint_rear, shade

PLATE_WIDTH_M, PLATE_HEIGHT_M = 0.3048, 0.1524
MAX_PX_PER_M = 300.0
PLATE_RETRO = 235

PAINTS: tuple[Colour, ...] = (
    (236, 236, 232), (42, 40, 40), (96, 94, 92), (186, 186, 182), (128, 72, 34), (38, 34, 150),
    (92, 60, 40), (60, 78, 52), (140, 160, 172), (210, 214, 214),
)  # fmt: skip


@dataclass(frozen=True)
class Vehicle:
    """One car: the position of its back on the road, its heading, its appearance."""

    body: Body
    paint: Colour
    x_m: float
    z_m: float
    heading: float
    """Radians to the right of straight away from the camera."""
    braking: bool
    plate_tilt: float = 0.0
    """How crookedly the plate is screwed on, radians."""

    def world(self, points: Floats) -> Floats:
        """Map the car's own space (n, 3) to the world."""
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        x = self.x_m + points[:, 0] * cos + points[:, 2] * sin
        z = self.z_m - points[:, 0] * sin + points[:, 2] * cos
        return np.stack([x, points[:, 1], z], axis=1)

    def plate_corners(self) -> Floats:
        """Return the plate's corners in the world, (4, 3), clockwise from its top left."""
        half_w, half_h = PLATE_WIDTH_M / 2, PLATE_HEIGHT_M / 2
        flat = np.array(
            [[-half_w, half_h], [half_w, half_h], [half_w, -half_h], [-half_w, -half_h]]
        )
        cos, sin = np.cos(self.plate_tilt), np.sin(self.plate_tilt)
        turned = flat @ np.array([[cos, sin], [-sin, cos]])
        arc = self.body.arc_at(self.body.plate_y) + turned[:, 1]
        on_skin = self.body.place(turned[:, 0], arc)
        on_skin[:, 2] -= 0.012  # the plate is a little in front of the sheet metal
        return self.world(on_skin)


def paint_vehicle(
    layers: Layers, lens: Lens, vehicle: Vehicle, rng: np.random.Generator, *, lit: bool, sun: float
) -> None:
    """Paint a car into the layers, without a plate. `lit`: its lamps are on. `sun`: shadow strength."""
    _shadow(layers, lens, vehicle, sun)
    _wheels_from_behind(layers, lens, vehicle)
    for sign in (1.0, -1.0):
        _side(layers, lens, vehicle, sign)
    px_per_m = min(MAX_PX_PER_M, max(24.0, 1.15 * lens.px_per_m(vehicle.z_m)))
    art = paint_rear(vehicle.body, vehicle.paint, rng, px_per_m)
    _skin(layers, lens, vehicle, art)
    _lamps(layers, lens, vehicle, lit=lit)


def mount_plate(layers: Layers, lens: Lens, vehicle: Vehicle, plate: Image) -> Points:
    """Lay a flat plate on the car; returns its corners in the frame, (4, 2) px."""
    corners = lens.project(vehicle.plate_corners())
    width = float(np.linalg.norm(corners[1] - corners[0]))
    scale = min(1.0, 1.6 * width / PLATE_WIDTH_PX)
    size = (max(8, round(PLATE_WIDTH_PX * scale)), max(4, round(PLATE_HEIGHT_PX * scale)))
    small = cv2.resize(plate, size, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(corner_mask(), size, interpolation=cv2.INTER_AREA)
    w, h = size
    flat = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    layers.warp(small.astype(np.uint8), flat, corners, mask.astype(np.uint8))
    layers.reflect(corners, PLATE_RETRO)
    return corners


def _shadow(layers: Layers, lens: Lens, vehicle: Vehicle, sun: float) -> None:
    half, length = vehicle.body.widest + 0.05, vehicle.body.side[-2][0]
    foot = np.array([[-half, 0, -0.10], [half, 0, -0.10], [half, 0, length], [-half, 0, length]])
    blur = lens.px_per_m(vehicle.z_m) * 0.07
    layers.darken([lens.project(vehicle.world(foot))], 0.82, blur)
    if sun > 0:
        cast = foot + np.array([0.9, 0, -0.35])
        layers.darken([lens.project(vehicle.world(cast))], 0.55 * sun, blur * 0.8)


def _wheels_from_behind(layers: Layers, lens: Lens, vehicle: Vehicle) -> None:
    body = vehicle.body
    r, outer = body.wheel_radius, body.widest - 0.10
    under = [(-outer, 0.2), (outer, 0.2), (outer, body.skin[1][0]), (-outer, body.skin[1][0])]
    _panel(layers, lens, vehicle, [(u, y, 0.5) for u, y in under], (16, 16, 16))
    for sign in (1, -1):
        tyre = [
            (sign * outer, 0.0),
            (sign * (outer - 0.21), 0.0),
            (sign * (outer - 0.21), r * 1.7),
            (sign * outer, r * 1.7),
        ]
        _panel(
            layers,
            lens,
            vehicle,
            [(u, y, body.wheels[0] - r * 0.75) for u, y in tyre],
            (24, 24, 25),
        )


def _panel(
    layers: Layers,
    lens: Lens,
    vehicle: Vehicle,
    points: list[tuple[float, float, float]],
    colour: Colour,
) -> None:
    layers.polygon(lens.project(vehicle.world(np.array(points))), colour)


def _faces_us(points: Points, sign: float) -> bool:
    x, y = points[:, 0], points[:, 1]
    return bool(sign * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) > 0)


def _side(layers: Layers, lens: Lens, vehicle: Vehicle, sign: float) -> None:
    """Paint one flank with cabin, windows, wheels and mirror, if the camera sees it."""
    body = vehicle.body
    half = sign * body.widest * 0.985
    lower = [(half, y, z) for z, y in body.side]
    cabin = [(sign * w, y, z) for z, y, w in body.cabin]
    tone = 0.80 if sign > 0 else 0.62
    if _faces_us(lens.project(vehicle.world(np.array(cabin))), sign):
        _panel(layers, lens, vehicle, cabin, shade(vehicle.paint, tone * 1.05))
        for pane in body.glass:
            _panel(
                layers,
                lens,
                vehicle,
                [(sign * (w + 0.004), y, z) for z, y, w in pane],
                (44, 40, 36),
            )
    _mirror(layers, lens, vehicle, sign)
    if not _faces_us(lens.project(vehicle.world(np.array(lower))), sign):
        return
    _panel(layers, lens, vehicle, _corner(body, sign, half), shade(vehicle.paint, tone * 0.9))
    _panel(layers, lens, vehicle, lower, shade(vehicle.paint, tone))
    skirt = [(half, min(y, 0.62), z) for z, y in body.side]
    _panel(layers, lens, vehicle, skirt, shade(vehicle.paint, tone * 0.78))
    for z in body.wheels:
        for radius, colour in (
            (1.18, (14, 14, 14)),
            (1.0, (30, 30, 31)),
            (0.66, (150, 150, 150)),
            (0.2, (70, 70, 70)),
        ):
            turn = np.linspace(0, 2 * np.pi, 25)[:-1]
            r = body.wheel_radius
            ring = [
                (half * 1.002, r + r * radius * np.sin(t), z + r * radius * np.cos(t)) for t in turn
            ]
            _panel(layers, lens, vehicle, ring, colour)


def _corner(body: Body, sign: float, half: float) -> list[tuple[float, float, float]]:
    """Return the strip that closes the corner between the back and a flank."""
    back = [(sign * w, y, z) for y, z, w in body.skin if y <= body.window[0]]
    flank = [(half, y, z) for z, y in body.side if z < 1]
    return back + flank[::-1]


def _mirror(layers: Layers, lens: Lens, vehicle: Vehicle, sign: float) -> None:
    body = vehicle.body
    z, y, w = body.glass[-1][-1]
    near, far = sign * (w + 0.02), sign * (w + 0.22)
    shell = [(near, y, z), (far, y + 0.02, z), (far, y + 0.13, z), (near, y + 0.12, z)]
    _panel(layers, lens, vehicle, shell, shade(vehicle.paint, 0.55))


def _skin(layers: Layers, lens: Lens, vehicle: Vehicle, art: Art) -> None:
    """Lay the painted skin over the body step by step; every step is flat, so each warp is exact."""
    body = vehicle.body
    for low, high in zip(body.arc[:-1], body.arc[1:], strict=True):
        arc = np.array([high, high, low, low])
        half = body.half_width(arc)
        u = half * np.array([-1, 1, 1, -1])
        target = lens.project(vehicle.world(body.place(u, arc)))
        if _faces_us(target, 1.0):
            layers.warp(art.canvas, art.at_arc(u, arc), _overlap(target))


def _overlap(target: Points) -> Points:
    """Extend a step half a pixel over its neighbours, so that no gap opens between them."""
    grown = target.copy()
    grown[:2, 1] -= 0.6
    grown[2:, 1] += 0.6
    return grown


def _lamps(layers: Layers, lens: Lens, vehicle: Vehicle, *, lit: bool) -> None:
    if not (lit or vehicle.braking):
        return
    body = vehicle.body
    strength = (235 if vehicle.braking else 120) if lit else 110
    for sign in (1, -1):
        u = np.array([sign * p[0] for p in body.light])
        arc = np.array([body.arc_at(p[1]) for p in body.light])
        outline = lens.project(vehicle.world(body.place(u, arc)))
        middle = outline.mean(axis=0)
        layers.shine(
            (outline - middle) * np.float32(0.86) + middle, (strength // 6, strength // 7, strength)
        )
