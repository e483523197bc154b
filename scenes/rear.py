"""Paints the back of a car on its flattened skin."""

from dataclasses import dataclass

import cv2
import numpy as np

from scenes.bodies import Body, Floats, Outline
from scenes.model import Colour, Image, Points, as_image

MARGIN_M = 0.04
_SUBPIXEL_BITS = 4
BADGES = ("LX", "AWD", "XLE", "2.5 S", "Sport", "HYBRID", "LIMITED", "GT")
TRADES = ("ACE PLUMBING", "BAY ELECTRIC", "GREEN LAWNS", "CITY GLASS", "PRO ROOFING")


@dataclass
class Art:
    """A canvas over a body's skin, with positions in metres: u right of the middle, y height."""

    body: Body
    px_per_m: float
    canvas: Image
    colour: Colour

    def at(self, points: Outline | list[tuple[float, float]]) -> Points:
        """Map (u, y) in metres to canvas px, (n, 2) float32."""
        u = np.array([p[0] for p in points])
        arc = np.array([self.body.arc_at(p[1]) for p in points])
        return self.at_arc(u, arc)

    def at_arc(self, u: Floats, arc: Floats) -> Points:
        """Map (u, distance along the skin) in metres to canvas px, (n, 2) float32."""
        x = (u + self.body.widest + MARGIN_M) * self.px_per_m
        y = (self.body.arc[-1] - arc) * self.px_per_m
        return np.stack([x, y], axis=1).astype(np.float32)

    def fill(
        self, points: Outline | list[tuple[float, float]], colour: Colour, *, mirror: bool = False
    ) -> None:
        """Fill an outline, and its mirror image on the other side if asked."""
        for sign in (1, -1) if mirror else (1,):
            where = self._fixed([(sign * u, y) for u, y in points])
            cv2.fillPoly(self.canvas, [where], colour, cv2.LINE_AA, _SUBPIXEL_BITS)

    def line(
        self,
        points: Outline | list[tuple[float, float]],
        colour: Colour,
        width_m: float,
        *,
        mirror: bool = False,
    ) -> None:
        """Draw an open line of a given width."""
        thickness = max(1, round(width_m * self.px_per_m))
        for sign in (1, -1) if mirror else (1,):
            where = self._fixed([(sign * u, y) for u, y in points])
            cv2.polylines(
                self.canvas, [where], False, colour, thickness, cv2.LINE_AA, _SUBPIXEL_BITS
            )

    def text(self, words: str, u: float, y: float, height_m: float, colour: Colour) -> None:
        """Write words on the body; `u`, `y` is their lower left corner."""
        x, row = self.at([(u, y)])[0]
        scale = height_m * self.px_per_m / 22
        cv2.putText(
            self.canvas, words, (int(x), int(row)), cv2.FONT_HERSHEY_DUPLEX, scale, colour,
            max(1, round(scale * 1.4)), cv2.LINE_AA,
        )  # fmt: skip

    def _fixed(self, points: Outline | list[tuple[float, float]]) -> "np.typing.NDArray[np.int32]":
        return np.rint(self.at(points) * (1 << _SUBPIXEL_BITS)).astype(np.int32)


def paint_rear(body: Body, colour: Colour, rng: np.random.Generator, px_per_m: float) -> Art:
    """Paint the back of a car, without its plate."""
    width = int(2 * (body.widest + MARGIN_M) * px_per_m) + 1
    height = int(body.arc[-1] * px_per_m) + 1
    art = Art(body, px_per_m, np.zeros((height, width, 3), np.uint8), colour)
    art.canvas[:] = _lacquer(art, rng)
    _bumper(art, rng)
    _seams(art)
    _window(art, rng)
    _lights(art, rng)
    _plate_place(art, rng)
    _trimmings(art, rng)
    return art


def shade(colour: Colour, by: float) -> Colour:
    """Darken (below 1) or brighten a colour."""
    b, g, r = (int(min(255, c * by)) for c in colour)
    return b, g, r


def _lacquer(art: Art, rng: np.random.Generator) -> Image:
    """Shade the paint as under an open sky: bright where it faces up, reflecting the road low on the doors."""
    body = art.body
    height, width = art.canvas.shape[:2]
    arc = body.arc[-1] - np.arange(height) / art.px_per_m
    steps = body.place(np.zeros_like(body.arc), body.arc)[:, 1:]
    rise, run = np.diff(steps[:, 0]), np.diff(steps[:, 1])
    upward = np.clip(run / np.hypot(rise, run), -0.4, 1)
    middles = (body.arc[1:] + body.arc[:-1]) / 2
    tone = 0.62 + 0.42 * np.interp(arc, middles, upward)
    y = np.interp(arc, body.arc, steps[:, 0])
    tone += 0.10 * np.tanh((y - body.bumper_top - 0.14) / 0.05)
    across = (np.arange(width) / art.px_per_m - body.widest - MARGIN_M)[None, :]
    edge = np.abs(across) / body.half_width(arc)[:, None]
    light = tone[:, None] * (1 - 0.34 * np.minimum(edge, 1.1) ** 7)
    light = (light * (1 + rng.uniform(-0.10, 0.10) * across)).astype(np.float32)
    gloss = (
        26
        * np.exp(-(((y - body.bumper_top - 0.02) / 0.022) ** 2))[:, None]
        * (1 - np.minimum(edge, 1) ** 4)
    )
    return as_image(
        light[..., None] * np.array(art.colour, np.float32) + gloss.astype(np.float32)[..., None]
    )


def _bumper(art: Art, rng: np.random.Generator) -> None:
    body = art.body
    top, bottom = body.bumper_top, body.skin[0][0]
    if body.kind == "pickup":
        chrome = (200, 200, 198) if rng.random() < 0.7 else (52, 52, 54)
        art.fill([(-0.95, 0.44), (0.95, 0.44), (0.95, top), (-0.95, top)], chrome)
        art.fill([(-0.95, 0.44), (0.95, 0.44), (0.95, 0.52), (-0.95, 0.52)], shade(chrome, 0.6))
        art.fill([(-0.3, 0.48), (0.3, 0.48), (0.27, top - 0.01), (-0.27, top - 0.01)], (40, 40, 40))
        return
    black = (44, 43, 42)
    low = body.valance_top
    inner = body.widest * 0.72
    art.fill([(-inner, bottom), (inner, bottom), (inner * 0.92, low), (-inner * 0.92, low)], black)
    art.line([(-body.widest, top), (body.widest, top)], shade(art.colour, 0.35), 0.012)
    for sign in (1, -1):
        u = sign * body.widest * 0.80
        art.fill(
            [
                (u - 0.07, low + 0.04),
                (u + 0.07, low + 0.04),
                (u + 0.07, low + 0.075),
                (u - 0.07, low + 0.075),
            ],
            (40, 30, 150),
        )
    for sign in (1, -1) if rng.random() < 0.3 else (1,):
        pipe = art.at([(sign * 0.52, bottom + 0.05)])[0].astype(int).tolist()
        radius = max(1, round(0.045 * art.px_per_m))
        cv2.ellipse(
            art.canvas,
            pipe,
            (radius, max(1, radius * 3 // 4)),
            0,
            0,
            360,
            (150, 150, 150),
            -1,
            cv2.LINE_AA,
        )
        cv2.ellipse(
            art.canvas,
            pipe,
            (radius * 3 // 4, radius // 2),
            0,
            0,
            360,
            (14, 14, 14),
            -1,
            cv2.LINE_AA,
        )


def _seams(art: Art) -> None:
    dark = shade(art.colour, 0.32)
    art.line(art.body.lid, dark, 0.010, mirror=True)
    if art.body.kind == "van":
        art.line([(0, 0.67), (0, 1.9)], dark, 0.014)
    if art.body.bed is not None:
        arc = np.interp(art.body.bed, [s[1] for s in art.body.skin[4:8]], art.body.arc[4:8])
        half = art.body.widest * 0.88
        inside = art.at_arc(
            np.array([-half, half, half, -half]), np.array([arc[0], arc[0], arc[1], arc[1]])
        )
        cv2.fillConvexPoly(art.canvas, np.rint(inside).astype(np.int32), (34, 33, 32))


def _window(art: Art, rng: np.random.Generator) -> None:
    """Paint the glass: dark inside, the sky in its upper part, head rests behind."""
    low, high = art.body.window
    arcs = np.array([art.body.arc_at(low), art.body.arc_at(high)])
    inset = art.body.half_width(arcs) * (0.88 if art.body.kind != "van" else 0.80)
    a, b = float(inset[0]), float(inset[1])
    outline = [
        (-a, low),
        (-a * 0.98, low - 0.004),
        (a * 0.98, low - 0.004),
        (a, low),
        (b, high),
        (-b, high),
    ]
    art.fill([(u * 1.03, y) for u, y in outline], (26, 25, 24))
    mask = np.zeros(art.canvas.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(art.at(outline)).astype(np.int32)], (255,))
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return
    glass = np.zeros_like(art.canvas)
    up = np.linspace(1, 0, len(rows))[:, None, None] ** 1.6
    tint = np.array(rng.choice([(60, 54, 46), (48, 46, 40), (74, 66, 58)]), float)
    sky = np.array((150, 138, 122), float) * rng.uniform(0.5, 0.95)
    glass[rows[0] : rows[-1] + 1] = as_image(tint * 0.7 + sky * up)
    _reflection(glass, rows, rng)
    cv2.copyTo(glass, mask, art.canvas)
    middle = (low + high) / 2
    for u in (-0.32, 0.32):
        art.fill(
            [
                (u - 0.10, low + 0.02),
                (u + 0.10, low + 0.02),
                (u + 0.075, middle),
                (u - 0.075, middle),
            ],
            (34, 32, 30),
        )
    if art.body.kind == "suv":
        art.line([(0.0, low + 0.03), (-0.36, low + 0.06)], (18, 18, 18), 0.016)
    if art.body.kind == "van":
        art.line([(0, low), (0, high)], shade(art.colour, 0.7), 0.10)


def _reflection(glass: Image, rows: "np.typing.NDArray[np.intp]", rng: np.random.Generator) -> None:
    """Paint reflections of trees and houses in the glass, as soft dark and bright patches."""
    top, bottom, width = int(rows[0]), int(rows[-1]) + 1, glass.shape[1]
    noise = rng.normal(0, 1, (4, 9)).astype(np.float32)
    soft = cv2.resize(noise, (width, bottom - top), interpolation=cv2.INTER_CUBIC)
    glass[top:bottom] = as_image(glass[top:bottom] + 9 * soft[..., None])


def _lights(art: Art, rng: np.random.Generator) -> None:
    light = art.body.light
    art.fill([(u * 1.01, y) for u, y in light], (20, 16, 40), mirror=True)
    red = (28, 20, int(rng.integers(135, 190)))
    art.fill(_shrink(light, 0.94), red, mirror=True)
    ys = [y for _, y in light]
    low, high = min(ys), max(ys)
    us = [u for u, _ in light]
    left, right = min(us), max(us)
    split = low + (high - low) * 0.45
    lamp = [
        (left + 0.03, low + 0.05),
        (left + (right - left) * 0.5, low + 0.04),
        (left + (right - left) * 0.5, split),
        (left + 0.03, split),
    ]
    art.fill(lamp, (205, 210, 215), mirror=True)
    art.fill(
        [
            (right - 0.10, split + 0.03),
            (right - 0.03, split + 0.03),
            (right - 0.03, high - 0.05),
            (right - 0.10, high - 0.05),
        ],
        (60, 60, 235),
        mirror=True,
    )
    art.line(
        [(left + 0.02, high - 0.045), (right - 0.03, high - 0.04)],
        (90, 90, 225),
        0.012,
        mirror=True,
    )


def _shrink(outline: Outline, by: float) -> list[tuple[float, float]]:
    cu = sum(u for u, _ in outline) / len(outline)
    cy = sum(y for _, y in outline) / len(outline)
    return [(cu + (u - cu) * by, cy + (y - cy) * by) for u, y in outline]


def _plate_place(art: Art, rng: np.random.Generator) -> None:
    """Paint the recess around the plate, with a bright bar over it."""
    y = art.body.plate_y
    if art.body.kind == "pickup":
        return
    around = [(-0.25, y - 0.10), (0.25, y - 0.10), (0.28, y + 0.11), (-0.28, y + 0.11)]
    art.fill(around, shade(art.colour, 0.42))
    art.fill(_shrink(tuple(around), 0.93), shade(art.colour, 0.56))
    bar = (205, 205, 203) if rng.random() < 0.5 else shade(art.colour, 0.9)
    art.fill([(-0.29, y + 0.105), (0.29, y + 0.105), (0.29, y + 0.135), (-0.29, y + 0.135)], bar)
    art.line([(-0.28, y + 0.103), (0.28, y + 0.103)], (22, 22, 22), 0.010)


def _trimmings(art: Art, rng: np.random.Generator) -> None:
    """Add badge, model letters, third brake light; a trade's name and telephone on a van."""
    body = art.body
    light_text = sum(art.colour) < 330
    ink = (205, 205, 205) if light_text else (70, 68, 66)
    y = body.plate_y + 0.175
    if body.kind == "pickup":
        art.text(str(rng.choice(["RANCHERO", "SIERRA", "MESA", "TRAIL"])), -0.36, 0.98, 0.10, ink)
        return
    badge = art.at([(0, y + (0.02 if body.kind != "sedan" else -0.005))])[0].astype(int).tolist()
    size = max(1, round(0.045 * art.px_per_m))
    cv2.ellipse(
        art.canvas,
        badge,
        (size, size * 2 // 3),
        0,
        0,
        360,
        (190, 190, 190),
        max(1, size // 4),
        cv2.LINE_AA,
    )
    art.text(
        str(rng.choice(BADGES)),
        0.33,
        body.plate_y + 0.02 if body.kind == "sedan" else y,
        0.034,
        ink,
    )
    low, high = body.window
    third = low + (high - low) * 0.93
    art.fill(
        [(-0.14, third), (0.14, third), (0.14, third + 0.02), (-0.14, third + 0.02)], (30, 24, 130)
    )
    if body.kind == "van":
        art.text(str(rng.choice(TRADES)), -0.72, 1.10, 0.085, ink)
        art.text(f"(555) 01{rng.integers(10, 99)}", 0.1, 1.10, 0.085, ink)
