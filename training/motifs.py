"""The pictures on plates: what is painted behind a serial, and the emblems that stand within one.

Shapes are drawn from memory of how plates look on the road, simplified and jittered, so that no
two paintings are alike; nothing here is a state's artwork. A motif paints a flat plate of
(`HEIGHT_PX`, `WIDTH_PX`, 3) uint8 BGR in place, before the serial is pressed into it.
"""

from collections.abc import Callable, Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.model import Colour, Image

WIDTH_PX, HEIGHT_PX = 600, 300
SIDE_SHARE = 0.26
"""How much of the width a picture at the left takes on plates that have one."""

Motif = Callable[[Image, np.random.Generator], None]
Emblem = Callable[[Image, tuple[float, float], float, Colour, np.random.Generator], None]
"""Paints around a centre (x, y) px, so many px high, in one colour, varied by the generator."""

Outline = Sequence[tuple[float, float]]
Part = tuple[Outline, float]
"""An outline in heights of the emblem, y down, (0, 0) its centre; and how bright it is, where 1 is
the emblem's colour, less is darker and more is lighter."""

SHIFT = 4
"""Polygons are drawn on a grid of 1/16 px."""


def near(colour: Colour, rng: np.random.Generator, spread: float = 9) -> Colour:
    """A colour about `spread` grey levels from the given one in each channel."""
    blue, green, red = np.clip(np.asarray(colour) + rng.normal(0, spread, 3), 0, 255)
    return int(blue), int(green), int(red)


def shade(colour: Colour, brightness: float) -> Colour:
    """Darken a colour (brightness under 1), or mix white into it (1 to 2; 2 is white)."""
    values = np.asarray(colour, float)
    mixed = values * brightness if brightness <= 1 else values + (255 - values) * (brightness - 1)
    blue, green, red = np.clip(mixed, 0, 255)
    return int(blue), int(green), int(red)


def _polygon(
    canvas: Image, points: Sequence[tuple[float, float]] | NDArray[np.float64], colour: Colour
) -> None:
    grid = np.rint(np.asarray(points, float) * (1 << SHIFT)).astype(np.int32)
    cv2.fillPoly(canvas, [grid], colour, cv2.LINE_AA, SHIFT)


def _below(canvas: Image, x: NDArray[np.float64], y: NDArray[np.float64], colour: Colour) -> None:
    """Fill everything under a curve, down to the lower edge."""
    bottom = canvas.shape[0]
    foot = np.array([[x[-1], bottom], [x[0], bottom]])
    _polygon(canvas, np.concatenate([np.stack([x, y], axis=1), foot]), colour)


def _gradient(colours: Sequence[Colour], rows: int) -> NDArray[np.uint8]:
    """Colours from top to bottom as (rows, 1, 3) uint8."""
    places = np.linspace(0, 1, rows)
    stops = np.linspace(0, 1, len(colours))
    channels = [np.interp(places, stops, [c[i] for c in colours]) for i in range(3)]
    return cast("NDArray[np.uint8]", np.stack(channels, axis=1)[:, None].astype(np.uint8))


def _ridge(rng: np.random.Generator, points: int, roughness: float) -> NDArray[np.float64]:
    """A jagged line of so many heights, 0 to 1, with a few main peaks."""
    x = np.linspace(0, 1, points)
    phase = rng.uniform(0, 2 * np.pi, 3)
    line = np.abs(np.sin(2.6 * x + phase[0]) * np.cos(7.5 * x + phase[1])) + 0.2 * np.sin(
        19 * x + phase[2]
    )
    line += rng.uniform(-roughness, roughness, points)
    return cast("NDArray[np.float64]", (line - line.min()) / max(float(np.ptp(line)), 1e-6))


# --- motifs -------------------------------------------------------------------------------------


def together(*motifs: Motif) -> Motif:
    """Paint several motifs, the first at the back."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        for motif in motifs:
            motif(canvas, rng)

    return paint


def faint(motif: Motif, strength: float) -> Motif:
    """Paint a motif as a watermark: 0 is invisible, 1 as it is."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        painted = canvas.copy()
        motif(painted, rng)
        share = float(np.clip(strength * rng.uniform(0.7, 1.3), 0, 1))
        cv2.addWeighted(painted, share, canvas, 1 - share, 0, dst=canvas)

    return paint


def upper(motif: Motif, share: float) -> Motif:
    """Paint a motif into the upper part of the plate alone; `share` is of the height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        motif(canvas[: round(canvas.shape[0] * share)], rng)

    return paint


def sky(*colours: Colour, rows: tuple[float, float] = (0.0, 1.0)) -> Motif:
    """Blend colours from top to bottom over a range of rows (shares of the height)."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        first, last = (round(row * canvas.shape[0]) for row in rows)
        canvas[first:last] = _gradient([near(colour, rng) for colour in colours], last - first)

    return paint


def mountains(*colours: Colour, base: float = 0.75, peak: float = 0.4, snow: bool = False) -> Motif:
    """Paint ranges, the farthest first. `base` and `peak` are shares of the plate's height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        x = np.linspace(0, width, 24)
        for i, colour in enumerate(colours):
            rise = peak * (1 - 0.35 * i) * rng.uniform(0.8, 1.15)
            foot = base + 0.12 * i
            y = height * (foot - rise * _ridge(rng, len(x), 0.12))
            tone = near(colour, rng)
            _below(canvas, x, y, tone)
            if snow and i == 0:
                _snow(canvas, x, y, height * (foot - rise * 0.6), shade(tone, 1.75))

    return paint


def _snow(
    canvas: Image, x: NDArray[np.float64], y: NDArray[np.float64], line_px: float, colour: Colour
) -> None:
    """Whiten what of a ridge stands above a line, with a ragged lower edge."""
    ragged = line_px + 6 * np.where(np.arange(len(x)) % 2, 1, -1)
    low = np.maximum(y, ragged)
    _polygon(canvas, np.concatenate([np.stack([x, y], 1), np.stack([x, low], 1)[::-1]]), colour)


def hills(*colours: Colour, base: float = 0.7, rise: float = 0.1) -> Motif:
    """Paint rolling ground, one colour a fold, from `base` (share of the height) downwards."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        x = np.linspace(0, width, 40)
        for i, colour in enumerate(colours):
            phase, turns = rng.uniform(0, 6.3), rng.uniform(0.6, 1.6)
            y = height * (base + 0.1 * i + rise * np.sin(x / width * 6.3 * turns + phase) / 2)
            _below(canvas, x, y, near(colour, rng))

    return paint


def sun(
    colour: Colour, *, x: float = 0.5, y: float = 0.6, radius: float = 0.2, rays: int = 0
) -> Motif:
    """Paint a sun at shares of the width and height, `radius` a share of the height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        tone = near(colour, rng)
        cx, cy = width * (x + rng.normal(0, 0.015)), height * (y + rng.normal(0, 0.015))
        turn = rng.uniform(0, 6.3)
        for i in range(rays):
            middle = turn + 2 * np.pi * i / rays
            ends = middle + np.array([-0.4, 0.4]) * np.pi / rays
            reach = 1.3 * width
            far = [(cx + reach * np.cos(a), cy + reach * np.sin(a)) for a in ends]
            _polygon(canvas, [(cx, cy), *far], tone)
        cv2.circle(canvas, (round(cx), round(cy)), round(radius * height), tone, -1, cv2.LINE_AA)

    return paint


def sunset(*colours: Colour, disc: Colour, horizon: float = 0.72) -> Motif:
    """Paint an evening sky, top to bottom, with a sun standing on the horizon."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        sky(*colours, rows=(0, 1))(canvas, rng)
        place = float(rng.choice([0.2, 0.5, 0.8]))
        sun(disc, x=place, y=horizon, radius=rng.uniform(0.1, 0.22))(canvas, rng)

    return paint


def bands(
    top: Colour | None, bottom: Colour | None, top_share: float = 0.2, bottom_share: float = 0.16
) -> Motif:
    """Paint a strip along the top, the bottom, or both; shares of the height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height = canvas.shape[0]
        if top:
            canvas[: round(height * top_share * rng.uniform(0.9, 1.1))] = near(top, rng)
        if bottom:
            canvas[height - round(height * bottom_share * rng.uniform(0.9, 1.1)) :] = near(
                bottom, rng
            )

    return paint


def fading_bands(top: Colour | None, bottom: Colour | None, share: float = 0.32) -> Motif:
    """Let a colour fade from the top or bottom edge into what is painted already."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        rows = round(canvas.shape[0] * share)
        fall = np.linspace(1, 0, rows, dtype=np.float32)[:, None, None]
        if top:
            edge = canvas[:rows]
            edge[:] = edge * (1 - fall) + np.array(near(top, rng), np.float32) * fall
        if bottom:
            edge = canvas[-rows:]
            edge[:] = edge * (1 - fall[::-1]) + np.array(near(bottom, rng), np.float32) * fall[::-1]

    return paint


def swoosh(*colours: Colour, y: float = 0.22, thickness: float = 0.05) -> Motif:
    """Paint curved ribbons across the plate, one below the other from a share of the height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        x = np.linspace(0, width, 30)
        bend = rng.uniform(-0.12, 0.12)
        curve = height * (y + bend * np.sin(np.pi * x / width) + rng.normal(0, 0.01))
        for i, colour in enumerate(colours):
            upper = curve + i * thickness * height * 1.15
            lower = upper + thickness * height
            edge = np.concatenate([np.stack([x, upper], 1), np.stack([x, lower], 1)[::-1]])
            _polygon(canvas, edge, near(colour, rng))

    return paint


def waves(*colours: Colour, base: float = 0.72) -> Motif:
    """Paint water from a share of the height downwards, one colour a wave."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        x = np.linspace(0, width, 80)
        for i, colour in enumerate(colours):
            phase, turns = rng.uniform(0, 6.3), rng.uniform(4, 9)
            y = height * (base + 0.08 * i + 0.018 * np.sin(x / width * 6.3 * turns + phase))
            _below(canvas, x, y, near(colour, rng))

    return paint


def rainbow(*colours: Colour, thickness: float = 0.05) -> Motif:
    """Paint a bow that spans the plate, the first colour outermost."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        line = max(2, round(height * thickness * rng.uniform(0.8, 1.2)))
        centre = (round(width * rng.uniform(0.46, 0.54)), round(height * rng.uniform(0.95, 1.08)))
        for i, colour in enumerate(colours):
            axes = (round(width * 0.46) - i * line, round(height * 0.82) - i * line)
            tone = near(colour, rng)
            cv2.ellipse(canvas, centre, axes, 0, 180, 360, tone, line, cv2.LINE_AA)

    return paint


def skyline(colour: Colour, base: float = 0.85, rise: float = 0.4) -> Motif:
    """Paint a row of towers that stand on a share of the height and rise by at most another."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        tone, left = near(colour, rng), 0
        while left < width:
            right = left + int(rng.integers(14, 46))
            middle = 1 - abs((left + right) / width - 1)
            top = height * (base - rise * (0.2 + 0.8 * middle) * rng.uniform(0.3, 1))
            cv2.rectangle(canvas, (left, round(top)), (right, height), tone, -1)
            if rng.random() < 0.15:
                tip = round(top - height * 0.09)
                cv2.line(canvas, ((left + right) // 2, tip), ((left + right) // 2, height), tone, 3)
            left = right

    return paint


def forest(colour: Colour, base: float = 0.8, tree: float = 0.2) -> Motif:
    """Paint a line of firs on a share of the height; `tree` is their height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        tone = near(colour, rng)
        feet = np.arange(-10, width + 20, 22) + rng.uniform(-7, 7, (width + 49) // 22)
        tips = height * (base - tree * rng.uniform(0.45, 1, len(feet)))
        x = np.stack([feet - 15, feet, feet + 15], 1).ravel()
        y = np.stack([np.full(len(feet), height * base), tips, np.full(len(feet), height * base)])
        _below(canvas, np.maximum.accumulate(x), y.T.ravel(), tone)

    return paint


def silhouette(
    emblem: str, colour: Colour, *, size: float = 0.75, x: float = 0.5, y: float = 0.53
) -> Motif:
    """Paint one emblem large; `size` is a share of the height, x and y where its middle is."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        EMBLEMS[emblem](canvas, (width * x, height * y), height * size, colour, rng)

    return paint


def scattered(emblem: str, *colours: Colour, count: int = 9, size: float = 0.16) -> Motif:
    """Paint small emblems all over, each of them in one of the colours."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        for x, y in rng.uniform(0, 1, (count, 2)):
            colour = colours[int(rng.integers(len(colours)))]
            high = height * size * rng.uniform(0.7, 1.3)
            EMBLEMS[emblem](canvas, (x * width, y * height), high, colour, rng)

    return paint


def side_picture(emblem: str, colour: Colour, ground: Colour | None = None) -> Motif:
    """Paint a picture at the left, on a ground of its own if given; the serial stands beside it."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        edge = round(width * SIDE_SHARE)
        if ground:
            form = int(rng.integers(3))
            tone = near(ground, rng)
            if form == 0:
                cv2.rectangle(canvas, (0, 0), (edge, height), tone, -1)
            elif form == 1:
                axes = (edge // 2 - 8, round(height * 0.32))
                cv2.ellipse(
                    canvas, (edge // 2, height // 2), axes, 0, 0, 360, tone, -1, cv2.LINE_AA
                )
            else:
                _polygon(canvas, [(0, 0), (edge + 18, 0), (edge - 18, height), (0, height)], tone)
        centre = (edge / 2 + 2, height * rng.uniform(0.48, 0.56))
        EMBLEMS[emblem](canvas, centre, height * rng.uniform(0.42, 0.55), colour, rng)

    return paint


def flag(stripes: Sequence[Colour], canton: Colour | None = None, waving: bool = True) -> Motif:
    """Paint stripes across the plate, with a starred field at the top left if given."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        rise = rng.uniform(4, 14) if waving else 0.0
        x = np.linspace(0, width, 24)
        wave = rise * np.sin(x / width * 6.3 + rng.uniform(0, 6.3))
        for i in range(7):
            y = height * i / 7 + (wave if i else wave * 0 - 1)
            _below(canvas, x, y, near(stripes[i % len(stripes)], rng, 4))
        if canton:
            corner = (round(width * 0.36), round(height * 4 / 7))
            cv2.rectangle(canvas, (0, 0), corner, near(canton, rng), -1)
            for row in range(3):
                for column in range(4):
                    place = (corner[0] * (column + 0.5) / 4, corner[1] * (row + 0.5) / 3)
                    EMBLEMS["star"](canvas, place, 20, (240, 240, 240), rng)

    return paint


def diagonal(*colours: Colour, width: float = 0.1) -> Motif:
    """Paint slanting stripes from the lower left corner; `width` is a share of the plate's."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        high, wide = canvas.shape[:2]
        left = wide * rng.uniform(-0.1, 0.25)
        for colour in colours:
            right = left + wide * width
            lean = high * 0.6
            shape = [(left + lean, 0), (right + lean, 0), (right, high), (left, high)]
            _polygon(canvas, [(x, float(y)) for x, y in shape], near(colour, rng))
            left = right + wide * 0.03

    return paint


def repeated_text(text: str, colour: Colour, size_px: int = 20) -> Motif:
    """Write a few words over and over in slanting lines, as a temporary or a security print."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        tone, scale = near(colour, rng), size_px / 22
        step = max(40, round(len(text) * size_px * 0.95))
        for row, y in enumerate(range(size_px, height + size_px, size_px * 3)):
            for x in range(-step // 2 * (row % 2), width, step):
                cv2.putText(canvas, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, tone, 1)

    return paint


def leaves(*colours: Colour, count: int = 10) -> Motif:
    """Scatter leaves, most of them near the edges."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        for _ in range(count):
            x, y = rng.uniform(0, width), height * float(rng.beta(0.4, 0.4))
            axes = (int(rng.integers(12, 30)), int(rng.integers(5, 12)))
            colour = near(colours[int(rng.integers(len(colours)))], rng)
            turn = float(rng.uniform(0, 180))
            cv2.ellipse(canvas, (round(x), round(y)), axes, turn, 0, 360, colour, -1, cv2.LINE_AA)

    return paint


def clouds(colour: Colour, count: int = 4, rows: tuple[float, float] = (0.05, 0.4)) -> Motif:
    """Paint heaps of cloud between two shares of the height."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        tone = near(colour, rng, 4)
        for _ in range(count):
            x, y = rng.uniform(0, width), height * rng.uniform(*rows)
            for part in rng.uniform(-1, 1, (5, 2)):
                middle = (round(x + 40 * part[0]), round(y + 7 * part[1]))
                axes = (int(rng.integers(18, 42)), int(rng.integers(8, 18)))
                cv2.ellipse(canvas, middle, axes, 0, 0, 360, tone, -1, cv2.LINE_AA)

    return paint


def border(colour: Colour, thickness_px: int = 7, inset_px: int = 8) -> Motif:
    """Paint a line around the plate, so far from its edge."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        far = (width - inset_px - 1, height - inset_px - 1)
        line = max(1, thickness_px + int(rng.integers(-2, 3)))
        cv2.rectangle(canvas, (inset_px, inset_px), far, near(colour, rng), line)

    return paint


def left_band(colour: Colour, share: float = 0.09, letters: str = "", ring: bool = False) -> Motif:
    """Paint a strip at the left edge, with a country's letters and a ring of stars if asked."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        edge = round(width * share)
        canvas[:, :edge] = near(colour, rng)
        if ring:
            for turn in np.arange(12) * np.pi / 6:
                place = (
                    round(edge / 2 + 0.28 * edge * np.cos(turn)),
                    round(height * 0.3 + 0.16 * height * np.sin(turn)),
                )
                cv2.circle(canvas, place, max(1, edge // 20), (40, 210, 245), -1, cv2.LINE_AA)
        if letters:
            scale = edge / (22.0 * len(letters) + 6)
            place = (round(edge * 0.12), round(height * 0.88))
            cv2.putText(canvas, letters, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (245, 245, 245), 3)

    return paint


def field_rows(*colours: Colour, base: float = 0.72) -> Motif:
    """Paint furrows that run from the lower edge to a point on the horizon."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        horizon, centre = height * base, width * rng.uniform(0.3, 0.7)
        feet = np.linspace(-0.6 * width, 1.6 * width, 15)
        for i in range(len(feet) - 1):
            # Each furrow starts as a short piece of the horizon, so that the ground has no gap.
            starts = centre + (feet[i : i + 2] - centre) * 0.48
            shape = [
                (float(starts[0]), horizon),
                (float(starts[1]), horizon),
                (float(feet[i + 1]), float(height)),
                (float(feet[i]), float(height)),
            ]
            _polygon(canvas, shape, near(colours[i % len(colours)], rng, 4))

    return paint


def noise(strength: float = 6) -> Motif:
    """Mottle the whole plate softly, by about so many grey levels."""

    def paint(canvas: Image, rng: np.random.Generator) -> None:
        height, width = canvas.shape[:2]
        coarse = rng.normal(0, strength, (6, 12)).astype(np.float32)
        soft = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        lighter = np.clip(soft, 0, 255).astype(np.uint8)
        darker = np.clip(-soft, 0, 255).astype(np.uint8)
        cv2.add(canvas, cv2.merge([lighter] * 3), dst=canvas)
        cv2.subtract(canvas, cv2.merge([darker] * 3), dst=canvas)

    return paint


# --- emblems ------------------------------------------------------------------------------------


def _round(cx: float, cy: float, rx: float, ry: float, steps: int = 18) -> Outline:
    turn = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return [(cx + rx * float(np.cos(a)), cy + ry * float(np.sin(a))) for a in turn]


def _box(left: float, top: float, right: float, bottom: float) -> Outline:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _pointed(points: int, inner: float, radius: float = 0.5) -> Outline:
    turn = np.arange(2 * points) * np.pi / points - np.pi / 2
    reach = np.where(np.arange(2 * points) % 2 == 0, radius, radius * inner)
    return [(float(r * np.cos(a)), float(r * np.sin(a))) for r, a in zip(reach, turn, strict=True)]


def _petals(count: int, reach: float, size: float, cy: float = 0.0) -> list[Part]:
    turn = np.arange(count) * 2 * np.pi / count - np.pi / 2
    return [
        (_round(reach * float(np.cos(a)), cy + reach * float(np.sin(a)), size, size, 12), 1.0)
        for a in turn
    ]


def _arc(thickness: float, half_width: float, top: float, foot: float) -> Outline:
    """A band bent into an arch, standing on `foot`."""
    turn = np.linspace(np.pi, 0, 14)
    outer = [(half_width * float(np.cos(a)), foot - (foot - top) * float(np.sin(a))) for a in turn]
    within, lower = half_width - thickness, foot - top - thickness
    inner = [(within * float(np.cos(a)), foot - lower * float(np.sin(a))) for a in turn[::-1]]
    return [*outer, *inner]


# fmt: off
PARTS: dict[str, tuple[Part, ...]] = {
    "dot": ((_round(0, 0, 0.16, 0.16), 1),),
    "dash": ((_box(-0.16, -0.06, 0.16, 0.06), 1),),
    "diamond": (([(0, -0.4), (0.24, 0), (0, 0.4), (-0.24, 0)], 1),),
    "star": ((_pointed(5, 0.4), 1),),
    "sun": ((_pointed(12, 0.62), 1), (_round(0, 0, 0.26, 0.26), 1.3)),
    "zia": (
        (_round(0, 0, 0.2, 0.2), 1),
        *((_box(x - 0.018, -0.5, x + 0.018, -0.22), 1) for x in (-0.08, 0, 0.08)),
        *((_box(x - 0.018, 0.22, x + 0.018, 0.5), 1) for x in (-0.08, 0, 0.08)),
        *((_box(-0.5, y - 0.018, -0.22, y + 0.018), 1) for y in (-0.08, 0, 0.08)),
        *((_box(0.22, y - 0.018, 0.5, y + 0.018), 1) for y in (-0.08, 0, 0.08)),
    ),
    "state": (([(-0.42, -0.45), (0.1, -0.47), (0.14, -0.38), (0.4, -0.4), (0.44, 0.05), (0.3, 0.2),
                (0.33, 0.46), (-0.1, 0.48), (-0.16, 0.36), (-0.44, 0.34)], 1),),
    "texas": (([(-0.14, -0.5), (0.06, -0.5), (0.06, -0.24), (0.24, -0.18), (0.46, -0.16), (0.5, 0.12),
                (0.3, 0.26), (0.16, 0.5), (0.06, 0.46), (-0.04, 0.24), (-0.16, 0.22), (-0.24, 0.28),
                (-0.5, 0.0), (-0.14, -0.02)], 1),),
    "florida": (([(-0.62, -0.46), (0.2, -0.44), (0.26, -0.2), (0.46, 0.14), (0.44, 0.44), (0.3, 0.42),
                  (0.14, 0.06), (0.04, -0.18), (-0.2, -0.28), (-0.62, -0.34)], 1),),
    "georgia": (([(-0.36, -0.5), (0.06, -0.5), (0.36, 0.04), (0.34, 0.44), (-0.26, 0.46), (-0.3, 0.1)], 1),),
    "ohio": (([(-0.42, -0.34), (-0.12, -0.36), (0.04, -0.26), (0.42, -0.5), (0.42, -0.04), (0.1, 0.46),
               (-0.12, 0.36), (-0.42, 0.34)], 1),),
    "utah": (([(-0.38, -0.5), (0.08, -0.5), (0.08, -0.3), (0.38, -0.3), (0.38, 0.5), (-0.38, 0.5)], 1),),
    "nevada": (([(-0.34, -0.5), (0.34, -0.5), (0.34, 0.24), (0.28, 0.5), (-0.34, -0.02)], 1),),
    "minnesota": (([(-0.36, -0.46), (0.0, -0.46), (0.44, -0.28), (0.12, -0.02), (0.12, 0.26),
                    (0.34, 0.5), (-0.34, 0.5)], 1),),
    "new_york": (([(-0.56, 0.2), (-0.5, -0.02), (-0.1, -0.06), (0.06, -0.44), (0.32, -0.48),
                   (0.36, 0.3), (0.62, 0.42), (0.3, 0.48), (0.14, 0.22)], 1),),
    "wisconsin": (([(-0.42, -0.38), (-0.1, -0.46), (0.12, -0.3), (0.38, -0.2), (0.3, 0.06),
                    (0.3, 0.5), (-0.16, 0.5), (-0.24, 0.22), (-0.44, -0.02)], 1),),
    "tree": (
        (_box(-0.04, 0.3, 0.04, 0.5), 0.55),
        *(([(0, top), (0.1 + 0.07 * i, top + 0.3), (-0.1 - 0.07 * i, top + 0.3)], 1)
          for i, top in enumerate((-0.5, -0.28, -0.04))),
    ),
    "oak": ((_box(-0.06, 0.1, 0.06, 0.5), 0.55), (_round(0, -0.22, 0.26, 0.24), 1),
            (_round(-0.22, -0.05, 0.22, 0.2), 0.95), (_round(0.22, -0.05, 0.22, 0.2), 1.05)),
    "palm": (
        ([(-0.03, 0.5), (0.05, 0.5), (0.03, -0.2), (-0.01, -0.2)], 0.8),
        *(([(0.01, -0.24), (x * 0.55, y - 0.09), (x, y), (x * 0.5, y - 0.01)], 1)
          for x, y in ((-0.36, -0.08), (-0.3, -0.36), (0.02, -0.52), (0.34, -0.34), (0.36, -0.05))),
    ),
    "palmetto": (
        ([(-0.045, 0.5), (0.045, 0.5), (0.03, -0.06), (-0.03, -0.06)], 1), (_pointed(9, 0.35, 0.36), 1),
        (([(-0.26, -0.42), (0, -0.3), (0.02, -0.26), (-0.18, -0.26)]), 1.7),
    ),
    "flower": ((_box(-0.02, 0.0, 0.02, 0.5), 0.6), *_petals(6, 0.17, 0.11, -0.2),
               (_round(0, -0.2, 0.1, 0.1), 1.6)),
    "rose": ((_box(-0.02, 0.0, 0.02, 0.5), 0.5), (_round(0, -0.2, 0.26, 0.26), 1),
             (_round(0.03, -0.2, 0.17, 0.15), 0.8), (_round(-0.01, -0.21, 0.08, 0.08), 1.2)),
    "dogwood": (*_petals(4, 0.2, 0.2), (_round(0, 0, 0.09, 0.09), 0.5)),
    "bird": (
        ([(-0.52, 0.06), (-0.2, -0.1), (-0.04, -0.4), (0.2, -0.5), (0.14, -0.16), (0.34, -0.2), (0.44, -0.3),
          (0.54, -0.2), (0.46, -0.12), (0.3, 0.14), (0.02, 0.26), (-0.16, 0.18)], 1),
        (_round(0.43, -0.22, 0.025, 0.025, 8), 1.9),
    ),
    "eagle": (([(-0.62, -0.3), (-0.3, -0.34), (-0.08, -0.1), (0, -0.24), (0.1, -0.2), (0.08, -0.1),
                (0.3, -0.34), (0.62, -0.3), (0.44, 0.02), (0.14, 0.12), (0.12, 0.36), (-0.12, 0.36),
                (-0.14, 0.12), (-0.44, 0.02)], 1), (_round(0.02, -0.2, 0.07, 0.07, 10), 1.8)),
    "loon": (([(-0.5, 0.12), (-0.3, 0.0), (0.12, 0.0), (0.2, -0.2), (0.18, -0.36), (0.28, -0.44), (0.36, -0.36),
               (0.54, -0.3), (0.36, -0.24), (0.32, 0.0), (0.4, 0.14), (0.28, 0.3), (-0.3, 0.3)], 1),
             (_box(-0.2, 0.08, 0.1, 0.11), 1.9)),
    "pelican": (([(-0.4, 0.5), (-0.5, 0.1), (-0.2, -0.1), (0.0, -0.2), (0.02, -0.42), (0.16, -0.5), (0.24, -0.4),
                  (0.5, -0.12), (0.46, -0.06), (0.18, -0.26), (0.16, 0.0), (0.2, 0.3), (0.0, 0.5)], 1),),
    "horse": (([(-0.5, -0.1), (-0.3, -0.22), (0.02, -0.16), (0.18, -0.44), (0.34, -0.5), (0.5, -0.3),
                (0.42, -0.24), (0.3, -0.26), (0.26, 0.0), (0.42, 0.2), (0.34, 0.26), (0.16, 0.12), (-0.1, 0.12),
                (-0.2, 0.3), (-0.16, 0.5), (-0.26, 0.5), (-0.32, 0.2), (-0.36, 0.04), (-0.46, 0.1)], 1),),
    "bucking_horse": (([(-0.44, -0.46), (-0.34, -0.4), (-0.28, -0.14), (0.0, -0.06), (0.04, -0.2), (-0.04, -0.4),
                        (0.08, -0.5), (0.14, -0.3), (0.16, -0.1), (0.3, -0.04), (0.36, 0.1), (0.5, 0.24), (0.42, 0.3),
                        (0.28, 0.2), (0.26, 0.5), (0.18, 0.5), (0.14, 0.2), (-0.08, 0.12), (-0.14, 0.34),
                        (-0.3, 0.46), (-0.22, 0.24), (-0.34, 0.02), (-0.46, -0.24)], 1),),
    "bear": (([(-0.5, 0.02), (-0.4, -0.22), (-0.1, -0.26), (0.16, -0.24), (0.28, -0.32), (0.36, -0.3),
               (0.54, -0.1), (0.4, 0.0), (0.3, 0.06), (0.32, 0.34), (0.2, 0.34), (0.14, 0.12), (-0.16, 0.12),
               (-0.2, 0.34), (-0.36, 0.34), (-0.38, 0.1)], 1),),
    "bison": (([(-0.54, 0.0), (-0.44, -0.14), (-0.1, -0.2), (0.1, -0.38), (0.28, -0.3), (0.46, -0.12),
                (0.5, 0.1), (0.36, 0.16), (0.28, 0.12), (0.26, 0.36), (0.18, 0.36), (0.12, 0.14), (-0.24, 0.1),
                (-0.26, 0.36), (-0.36, 0.36), (-0.42, 0.1)], 1),),
    "fish": (([(-0.54, -0.2), (-0.36, -0.06), (-0.06, -0.22), (0.28, -0.2), (0.54, 0.0), (0.28, 0.16),
               (-0.06, 0.18), (-0.36, 0.04), (-0.54, 0.2)], 1), (_round(0.36, -0.05, 0.03, 0.03, 8), 1.9)),
    "lobster": ((_round(0, 0.08, 0.12, 0.28), 1), (_round(-0.26, -0.34, 0.13, 0.14), 1),
                (_round(0.26, -0.34, 0.13, 0.14), 1), ([(-0.3, -0.3), (-0.22, -0.3), (-0.04, 0), (-0.1, 0.02)], 1),
                ([(0.3, -0.3), (0.22, -0.3), (0.04, 0), (0.1, 0.02)], 1)),
    "crab": ((_round(0, 0.06, 0.34, 0.2), 1), (_round(-0.42, -0.22, 0.13, 0.12), 1),
             (_round(0.42, -0.22, 0.13, 0.12), 1),
             *(([(0.2 * s, 0.05), (0.5 * s, y), (0.46 * s, y + 0.06), (0.2 * s, 0.14)], 0.9)
               for s in (-1, 1) for y in (-0.12, 0.1, 0.28))),
    "butterfly": ((_round(-0.24, -0.14, 0.24, 0.22), 1), (_round(0.24, -0.14, 0.24, 0.22), 1),
                  (_round(-0.17, 0.2, 0.16, 0.18), 1.2), (_round(0.17, 0.2, 0.16, 0.18), 1.2),
                  (_box(-0.03, -0.3, 0.03, 0.36), 0.3)),
    "turtle": ((_round(0, 0, 0.36, 0.28), 1), (_round(0.44, -0.06, 0.12, 0.09), 1.2),
               *((_round(x, y, 0.1, 0.09, 10), 1.2) for x in (-0.28, 0.26) for y in (-0.26, 0.26))),
    "peach": ((_round(-0.1, 0.06, 0.28, 0.32), 1), (_round(0.1, 0.06, 0.28, 0.32), 1.1),
              ([(0.0, -0.24), (0.14, -0.46), (0.38, -0.4), (0.2, -0.24)], 0.6)),
    "orange": ((_round(-0.16, 0.14, 0.26, 0.26), 1), (_round(0.2, 0.06, 0.26, 0.26), 0.95),
               ([(-0.1, -0.14), (0.0, -0.44), (0.3, -0.42), (0.1, -0.16)], 0.5),
               ([(-0.1, -0.14), (-0.38, -0.4), (-0.3, -0.18)], 0.5)),
    "potato": ((_round(-0.05, 0.05, 0.42, 0.26), 1), (_round(0.05, 0.0, 0.36, 0.22), 1.1)),
    "wheat": ((_box(-0.015, -0.3, 0.015, 0.5), 0.8),
              *(([(0.0, y), (0.12 * s, y - 0.14), (0.14 * s, y - 0.02), (0.02 * s, y + 0.08)], 1)
                for s in (-1, 1) for y in (-0.36, -0.24, -0.12, 0.0)), ([(0, -0.5), (0.05, -0.38), (-0.05, -0.38)], 1)),
    "acorn": ((_round(0, 0.12, 0.24, 0.32), 1), (_round(0, -0.12, 0.3, 0.18), 0.6), (_box(-0.03, -0.44, 0.03, -0.2), 0.6)),
    "crest": (([(-0.36, -0.46), (0.36, -0.46), (0.36, 0.06), (0.22, 0.32), (0, 0.5), (-0.22, 0.32), (-0.36, 0.06)], 1),
              ([(-0.28, -0.38), (0.28, -0.38), (0.28, -0.14), (-0.28, -0.14)], 1.6),
              ([(0, -0.06), (0.22, -0.06), (0.16, 0.2), (0, 0.36)], 0.6)),
    "seal": ((_round(0, 0, 0.48, 0.48, 28), 1), (_round(0, 0, 0.4, 0.4, 28), 1.7), (_round(0, 0, 0.34, 0.34, 24), 1),
             (_pointed(5, 0.4, 0.26), 1.6)),
    "arch": ((_arc(0.09, 0.34, -0.5, 0.5), 1),),
    "delicate_arch": ((([(-0.42, 0.5), (-0.36, -0.1), (-0.2, -0.44), (0.1, -0.5), (0.34, -0.32), (0.4, 0.1),
                         (0.44, 0.5), (0.24, 0.5), (0.2, 0.0), (0.08, -0.22), (-0.08, -0.2), (-0.16, 0.02),
                         (-0.18, 0.5)]), 1),),
    "cactus": ((_round(0, -0.1, 0.08, 0.4), 1), (_box(-0.08, -0.1, 0.08, 0.5), 1),
               (_box(-0.3, 0.0, 0.0, 0.1), 1), (_round(-0.27, -0.1, 0.06, 0.18), 1),
               (_box(0.0, 0.12, 0.28, 0.21), 1), (_round(0.25, 0.0, 0.06, 0.2), 1)),
    "keystone": (([(-0.3, -0.5), (0.3, -0.5), (0.36, -0.34), (0.26, -0.26), (0.34, 0.5), (-0.34, 0.5), (-0.26, -0.26),
                   (-0.36, -0.34)], 1),),
    "lighthouse": (([(-0.1, -0.24), (0.1, -0.24), (0.16, 0.5), (-0.16, 0.5)], 1), (_box(-0.08, -0.4, 0.08, -0.26), 1.7),
                   ([(-0.12, -0.38), (0, -0.5), (0.12, -0.38)], 0.5), (_box(-0.13, -0.06, 0.13, 0.06), 1.8),
                   ([(-0.14, 0.2), (0.14, 0.2), (0.15, 0.32), (-0.15, 0.32)], 1.8)),
    "capitol": ((_box(-0.5, 0.16, 0.5, 0.5), 1), (_box(-0.2, -0.04, 0.2, 0.18), 0.85), (_round(0, -0.06, 0.19, 0.26), 1),
                (_box(-0.02, -0.5, 0.02, -0.3), 1), *((_box(x, 0.22, x + 0.06, 0.5), 1.6) for x in (-0.4, -0.22, 0.16, 0.34))),
    "barn": (([(-0.4, -0.1), (-0.24, -0.38), (0, -0.5), (0.24, -0.38), (0.4, -0.1), (0.4, 0.5), (-0.4, 0.5)], 1),
             (_box(-0.14, 0.1, 0.14, 0.5), 1.7), (_box(0.46, -0.3, 0.62, 0.5), 0.8)),
    "sailboat": (([(-0.44, 0.28), (0.44, 0.28), (0.28, 0.5), (-0.3, 0.5)], 1), ([(0.02, -0.5), (0.4, 0.2), (0.02, 0.2)], 1.3),
                 ([(-0.04, -0.36), (-0.04, 0.2), (-0.34, 0.2)], 1.5)),
    "aeroplane": (([(-0.48, -0.05), (0.4, -0.06), (0.5, 0.0), (0.4, 0.07), (-0.48, 0.05)], 1),
                  (_box(0.12, -0.42, 0.26, 0.42), 1), (_box(-0.46, -0.18, -0.36, 0.18), 1)),
    "biplane": ((_box(-0.5, -0.26, 0.5, -0.2), 1), (_box(-0.5, 0.06, 0.5, 0.12), 1), (_round(0, -0.04, 0.12, 0.12), 0.7),
                *((_box(x, -0.24, x + 0.025, 0.1), 0.8) for x in (-0.36, -0.16, 0.14, 0.34))),
    "shuttle": (([(-0.06, 0.4), (-0.06, -0.36), (0, -0.5), (0.06, -0.36), (0.06, 0.4)], 1.3),
                ([(-0.06, 0.0), (-0.26, 0.34), (-0.06, 0.34)], 1), ([(0.06, 0.0), (0.26, 0.34), (0.06, 0.34)], 1)),
    "guitar": ((_round(-0.02, 0.28, 0.26, 0.22), 1), (_round(0, 0.02, 0.17, 0.15), 1), (_box(-0.03, -0.5, 0.03, 0.1), 0.6),
               (_round(-0.02, 0.16, 0.07, 0.07), 0.2)),
    "wheelchair": ((_round(-0.02, 0.2, 0.27, 0.27), 1), (_round(-0.02, 0.2, 0.2, 0.2), 2),
                   (_round(-0.05, -0.42, 0.08, 0.08), 1), ([(-0.1, -0.32), (0.0, -0.32), (0.02, 0.04), (0.24, 0.04),
                    (0.34, 0.38), (0.26, 0.42), (0.16, 0.13), (-0.08, 0.13)], 1)),
    "heart": (([(0, 0.46), (-0.42, 0.0), (-0.44, -0.24), (-0.24, -0.4), (-0.06, -0.32), (0, -0.2), (0.06, -0.32),
                (0.24, -0.4), (0.44, -0.24), (0.42, 0.0)], 1),),
    "paw": ((_round(0, 0.2, 0.26, 0.22), 1), *((_round(x, y, 0.1, 0.14, 12), 1)
            for x, y in ((-0.36, -0.04), (-0.14, -0.3), (0.14, -0.3), (0.36, -0.04)))),
    "ribbon": (([(-0.06, -0.46), (0.06, -0.46), (0.18, -0.3), (-0.16, 0.5), (-0.28, 0.42), (0.06, -0.28), (0, -0.34)], 1),
               ([(0.06, -0.46), (-0.06, -0.46), (-0.18, -0.3), (0.16, 0.5), (0.28, 0.42), (-0.06, -0.28)], 0.9)),
    "leaf": (([(0, 0.5), (0.03, 0.2), (0.3, 0.24), (0.24, 0.1), (0.48, -0.1), (0.36, -0.14), (0.36, -0.28), (0.2, -0.18),
               (0.14, -0.36), (0, -0.5), (-0.14, -0.36), (-0.2, -0.18), (-0.36, -0.28), (-0.36, -0.14),
               (-0.48, -0.1), (-0.24, 0.1), (-0.3, 0.24), (-0.03, 0.2)], 1),),
    "canyon": (([(-0.6, 0.5), (-0.56, -0.1), (-0.36, -0.14), (-0.3, 0.2), (-0.14, 0.22), (-0.1, -0.4), (0.12, -0.42),
                 (0.18, 0.1), (0.34, 0.12), (0.38, -0.2), (0.56, -0.2), (0.6, 0.5)], 1),),
    "old_man": (([(-0.4, 0.5), (-0.4, -0.4), (0.1, -0.5), (0.2, -0.3), (0.14, -0.2), (0.36, -0.06), (0.2, 0.0),
                  (0.26, 0.1), (0.14, 0.16), (0.22, 0.34), (0.0, 0.5)], 1),),
    "ball": ((_round(0, 0, 0.46, 0.46, 26), 1), (_round(0, 0, 0.3, 0.3), 1.7), (_round(0, 0, 0.2, 0.2), 1)),
    "block_letter": (([(-0.4, -0.46), (-0.06, -0.46), (-0.06, -0.1), (0.06, -0.1), (0.06, -0.46), (0.4, -0.46), (0.4, 0.46),
                       (0.06, 0.46), (0.06, 0.14), (-0.06, 0.14), (-0.06, 0.46), (-0.4, 0.46)], 1),),
    "mountain": (([(-0.6, 0.4), (-0.2, -0.24), (-0.08, -0.06), (0.12, -0.46), (0.62, 0.4)], 1),
                 ([(0.12, -0.46), (0.24, -0.26), (0.14, -0.3), (0.06, -0.22), (0.02, -0.26)], 1.9)),
}
# fmt: on


def _emblem(parts: tuple[Part, ...]) -> Emblem:
    def paint(
        canvas: Image,
        centre: tuple[float, float],
        height_px: float,
        colour: Colour,
        rng: np.random.Generator,
    ) -> None:
        turn = rng.normal(0, 0.04)
        turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        stretch = np.array([rng.uniform(0.88, 1.12), rng.uniform(0.94, 1.06)]) * height_px
        tone = near(colour, rng)
        for outline, brightness in parts:
            points = np.asarray(outline, float)
            points = points + rng.normal(0, 0.008, points.shape)
            _polygon(
                canvas, (points * stretch) @ turned + np.asarray(centre), shade(tone, brightness)
            )

    return paint


EMBLEMS: dict[str, Emblem] = {name: _emblem(parts) for name, parts in PARTS.items()}
"""What may stand for `*` in a pattern, or large in a motif, by name."""
