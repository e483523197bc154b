"""Characters of plates: pressed from dies with strokes, or printed in typefaces with open licences.

A `Face` draws one plate's characters in one hand. All its parameters are sampled once per plate, so the
characters of a plate match and no two plates look alike.
"""

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from scenes.glyphs import BOX_HEIGHT, BOX_WIDTH, PATHS
from scenes.model import Image, Points

_SUBPIXEL_BITS = 4
_ARC_STEP_DEG = 12.0

VARIANTS: Final[dict[str, tuple[str, ...]]] = {
    "0": (
        "M 0 2.4 A 2.4 2.4 2.4 2.4 180 270 L 3.6 0 A 3.6 2.4 2.4 2.4 270 360 L 6 7.6 "
        "A 3.6 7.6 2.4 2.4 0 90 L 2.4 10 A 2.4 7.6 2.4 2.4 90 180 Z",
        "A 3 5 3 5 180 540 Z",
    ),
    "1": (
        "M 1.1 2.1 L 3.3 0 L 3.3 10 M 1.2 10 L 5.2 10",
        "M 2 0.2 L 3.3 0 L 3.3 10",
        "M 0.8 2.9 L 3 0 L 3 10 M 0.6 10 L 5.4 10",
    ),
    "2": ("A 3 2.8 2.9 2.8 195 385 L 0.2 9.2 L 0.2 10 L 5.9 10", "A 3 3 2.9 3 180 395 L 0 10 L 6 10", "A 3 2.6 3 2.6 180 370 L 5.4 4.4 L 0.2 10 L 6 10", "M 0.2 2.4 A 3 2.8 2.8 2.8 190 420 L 0 10 L 6 10",
          "A 3 2 3 2 200 380 L 4.4 4.5 L 1.7 6.8 L 0.5 8.3 L 0 10 L 6 10", "A 3 2.1 2.9 2.1 205 385 L 0.6 8.2 L 0 9.2 L 0 10 L 6 10", "A 3 1.8 3 1.8 200 375 L 0 10 L 6 10"),
    "3": (
        "M 0.2 0 L 5.8 0 L 2.6 4 A 3 6.9 3 3.1 270 520",
        "A 3 2.5 3 2.5 190 450 A 3 7.5 3 2.5 270 530",
    ),
    "4": ("M 4.4 10 L 4.4 0 L 3.8 0 L 0 7 L 6 7", "M 4.6 10 L 4.6 3.4 M 2.6 0 L 0 7.2 L 6 7.2"),
    "5": (
        "M 5.6 0 L 0.6 0 L 0.4 4.4 L 3 4 A 3 7 3 3 270 520",
        "M 5.8 0 L 0.3 0 L 0.3 4.2 L 3 4.2 A 3 7.1 3 2.9 270 525",
    ),
    "6": ("M 4.2 0 L 0.7 5.4 M 0 6.9 A 3 6.9 3 3.1 180 540", "A 3 2.6 3 2.6 340 180 L 0 7 A 3 7.2 3 2.8 180 540"),
    "7": ("M 0 1.2 L 0 0 L 6 0 L 3 10", "M 0 0 L 6 0 L 3.2 5 L 2.8 10", "M 0 0 L 6 0 L 6 1.2 L 2 10"),
    "8": ("A 3 2.6 2.9 2.6 90 450 Z M 3 5.2 A 3 7.5 3 2.5 270 630 Z",),
    "9": ("M 1.8 10 L 5.3 4.6 M 6 3.1 A 3 3.1 3 3.1 0 360", "A 3 7.4 3 2.6 160 0 L 6 3 A 3 2.8 3 2.8 0 360"),
    "A": ("M 0 10 L 0 3 A 3 3 3 3 180 360 L 6 10 M 0 6 L 6 6", "M 0 10 L 2.6 0 L 3.4 0 L 6 10 M 0.9 6.6 L 5.1 6.6"),
    "C": ("M 6 2.4 A 3.6 2.4 2.4 2.4 360 270 L 2.4 0 A 2.4 2.4 2.4 2.4 270 180 L 0 7.6 "
          "A 2.4 7.6 2.4 2.4 180 90 L 3.6 10 A 3.6 7.6 2.4 2.4 90 0",),
    "D": ("M 0.2 0 L 3 0 A 3 3 3 3 270 360 L 6 7 A 3 7 3 3 0 90 L 0.2 10 Z",),
    "G": (
        "A 3 3 3 3 330 180 L 0 7 A 3 7 3 3 180 0 L 6 6 L 4.2 6",
        "A 3 3 3 3 335 180 L 0 7 A 3 7 3 3 180 30 M 5.8 9.8 L 5.8 6 L 3.8 6",
        "A 3 3 3 3 338 180 L 0 7 A 3 7 3 3 180 0 L 6 5.6 L 3 5.6",
        "M 6 2.4 A 3.6 2.4 2.4 2.4 360 270 L 2.4 0 A 2.4 2.4 2.4 2.4 270 180 L 0 7.6 "
        "A 2.4 7.6 2.4 2.4 180 90 L 3.6 10 A 3.6 7.6 2.4 2.4 90 0 L 6 5.4 L 3.6 5.4",
        "A 3 3 3 3 330 180 L 0 7 A 3 7 3 3 180 10 M 6 10 L 6 5.6 L 3.4 5.6",
    ),
    "I": ("M 3 0 L 3 10 M 1 0 L 5 0 M 1 10 L 5 10", "M 3 0 L 3 10 M 0.6 0 L 5.4 0 M 0.6 10 L 5.4 10"),
    "J": ("M 1.6 0 L 5.4 0 L 5.4 7.2 A 2.8 7.2 2.6 2.8 0 175", "M 5.8 0 L 5.8 7 A 3 7 2.8 3 0 180 L 0.2 6.2"),
    "K": ("M 0.2 0 L 0.2 10 M 5.8 0 L 0.2 5 L 6 10",),
    "M": ("M 0 10 L 0 0 L 3 9.4 L 6 0 L 6 10", "M 0 10 L 0 0 L 3 4.6 L 6 0 L 6 10"),
    "O": (
        "M 0 2.4 A 2.4 2.4 2.4 2.4 180 270 L 3.6 0 A 3.6 2.4 2.4 2.4 270 360 L 6 7.6 "
        "A 3.6 7.6 2.4 2.4 0 90 L 2.4 10 A 2.4 7.6 2.4 2.4 90 180 Z",
        "A 3 5 3 5 180 540 Z",
        "A 3 3 3 3 180 360 A 3 7 3 3 0 180 Z",
    ),
    "Q": ("A 3 3 3 3 180 360 A 3 7 3 3 0 180 Z M 3 7.6 L 5.8 10.2",
          "M 0 5 L 0 1.7 A 1.7 1.7 1.7 1.7 180 270 L 4.3 0 A 4.3 1.7 1.7 1.7 270 360 L 6 8.3 "
          "A 4.3 8.3 1.7 1.7 0 90 L 1.7 10 A 1.7 8.3 1.7 1.7 90 180 Z M 3.6 7.4 L 6.2 10.4"),
    "R": ("M 0.2 10 L 0.2 0 L 3.3 0 A 3.3 2.6 2.6 2.6 270 450 L 0.2 5.2 M 3.2 5.2 L 5.6 6.6 L 5.8 10",),
    "S": ("A 3 2.5 3 2.5 345 180 L 1 4 L 5 5.6 L 6 7.4 A 3 7.4 3 2.6 0 165",
          "A 3 2.6 3 2.6 350 100 A 3 7.5 3 2.5 280 540"),
    "U": ("M 0 0 L 0 7.6 A 2.4 7.6 2.4 2.4 180 90 L 3.6 10 A 3.6 7.6 2.4 2.4 90 0 L 6 0",),
    "W": ("M 0 0 L 0 10 L 3 4 L 6 10 L 6 0", "M -0.4 0 L 1.3 10 L 3 0.6 L 4.7 10 L 6.4 0", "M -0.2 0 L 1 10 L 3 5.4 L 5 10 L 6.2 0", "M 0 0 L 1.3 10 L 3 2 L 4.7 10 L 6 0"),
    "Y": ("M 0 0 L 0.2 3 L 3 5.2 L 5.8 3 L 6 0 M 3 5.2 L 3 10", "M 0 0 L 3 5.6 L 6 0 M 3 5.6 L 3 10"),
    "Z": ("M 0.2 0 L 5.8 0 L 0.2 10 L 5.8 10",),
}  # fmt: skip
"""Other shapes that dies give a character, beside the one in `scenes.glyphs`."""


class Face(Protocol):
    """Draws the characters of one plate."""

    def width(self, character: str) -> float:
        """Width of a character over its height, before any common stretch."""

    def draw(
        self,
        canvas: Image,
        character: str,
        left_top: tuple[float, float],
        size: tuple[float, float],
    ) -> None:
        """Draw a character on `canvas`, (H, W) uint8, in the box of `size` (w, h px) at a position."""


@cache
def _polylines(path: str, square: float) -> tuple[Points, ...]:
    """Turn a path into polylines in the 6 by 10 box; `square` above 2 makes its arcs squarer."""
    lines: list[list[list[float]]] = [[]]
    words = path.split()
    at = 0

    def number() -> float:
        nonlocal at
        at += 1
        return float(words[at - 1])

    while at < len(words):
        command = words[at]
        at += 1
        if command == "M":
            lines.append([[number(), number()]])
        elif command == "L":
            lines[-1].append([number(), number()])
        elif command == "A":
            lines[-1].extend(_arc(*(number() for _ in range(6)), square=square))
        else:
            lines[-1].append(lines[-1][0])
    return tuple(np.array(line, np.float32) for line in lines if line)


def _arc(
    cx: float, cy: float, rx: float, ry: float, start: float, stop: float, *, square: float
) -> list[list[float]]:
    steps = max(2, math.ceil(abs(stop - start) / _ARC_STEP_DEG))
    power = 2 / square
    points = []
    for i in range(steps + 1):
        angle = math.radians(start + (stop - start) * i / steps)
        c, s = math.cos(angle), math.sin(angle)
        x = math.copysign(abs(c) ** power, c) if abs(c) > 1e-9 else 0.0
        y = math.copysign(abs(s) ** power, s) if abs(s) > 1e-9 else 0.0
        points.append([cx + rx * x, cy + ry * y])
    return points


ROUND: Final = "2356789BGPRS"
"""Characters that only their curves distinguish from others (2 and Z, 5 and S, 8 and B), on every die."""
GENTLE: Final = 2.4
"""The most that their curves are squared; 2 is round."""


BOLDEST: Final = 0.34
"""The widest stroke, share of a character's width, so that counters stay open."""
NARROW_HEAVY: Final = ((0.29, 0.38), (0.11, 0.16), 0.4)
"""Of narrow dies with heavy strokes: aspect, stroke over height, and the widest stroke as above."""


class DieFace:
    """Draws strokes as a die presses them: of one width, or heavier downwards, some with serifs."""

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        wide: bool,
        serifs: bool = False,
        aspect: tuple[float, float] | None = None,
        stroke: tuple[float, float] = (0.085, 0.16),
        boldest: float = BOLDEST,
    ) -> None:
        aspect = aspect or ((0.52, 0.72) if wide else (0.37, 0.58))
        self._paths = {
            character: _variant(rng, character, path) for character, path in PATHS.items()
        }
        self._square = float(rng.choice((2.0, 2.3, 2.7, 3.2, 4.0), p=(0.4, 0.25, 0.15, 0.12, 0.08)))
        self._aspect = rng.uniform(*aspect)
        self._stroke = min(rng.uniform(*stroke), boldest * self._aspect)
        self._slim = rng.uniform(0.3, 0.8)
        self._broad = rng.uniform(1.0, 1.3)
        self._serif = rng.uniform(0.7, 1.5) if serifs else 0.0
        heavy = serifs or rng.random() < 0.35
        most = boldest * self._aspect / self._stroke - 1
        self._heavier = min(rng.uniform(0.15, 0.6), most) if heavy else 0.0
        """How much wider downward strokes are, a share of the stroke."""
        self._warps = _warps(rng)

    def width(self, character: str) -> float:
        """See `Face`; 1 and I are as wide as their die, or slim."""
        if character in "1I" and len(self._paths[character]) < 30:
            return self._aspect * self._slim
        return self._aspect * (self._broad if character in "MW" else 1.0)

    def draw(
        self,
        canvas: Image,
        character: str,
        left_top: tuple[float, float],
        size: tuple[float, float],
    ) -> None:
        """See `Face`; strokes stay within the box, serifs reach a little beyond it."""
        width, height = size
        stroke = max(1.0, self._stroke * height)
        aside = self._heavier * stroke / 2
        across = max(0.0, width - stroke - 2 * aside) / BOX_WIDTH
        scale = np.array([across, (height - stroke) / BOX_HEIGHT], np.float32)
        offset = np.array([left_top[0] + stroke / 2 + aside, left_top[1] + stroke / 2], np.float32)
        square = min(self._square, GENTLE) if character in ROUND else self._square
        lines = _warped(_polylines(self._paths[character], square), *self._warps[character])
        if self._serif:
            lines += _serifs(lines, self._serif)
        thickness = max(1, round(stroke))
        for shift in {-aside, aside}:
            points = [
                np.rint((line * scale + offset + (shift, 0)) * (1 << _SUBPIXEL_BITS)).astype(
                    np.int32
                )
                for line in lines
            ]
            cv2.polylines(canvas, points, False, 255, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)


TALL: Final = "01CDIJLNOQTUV"
"""Characters without a waist, whose shape depends less on the position of the middle."""
PIECE: Final = 1.2
"""Length, in the 6 by 10 box, of the pieces that strokes are divided into before they are bent."""


def _warps(rng: np.random.Generator) -> dict[str, tuple[float, float, float, float]]:
    """Sample how each character of one hand departs from its path; see `_warped`.

    All waists of a hand are high or low together, and each die leans a little on its own.
    """
    common, spread = rng.normal(0, 0.17), rng.uniform(0.03, 0.13)
    warps = {}
    for character in PATHS:
        waist = common + rng.normal(0, spread)
        if character in TALL:
            waist *= 0.3
        warps[character] = (
            float(np.exp(np.clip(waist, -0.4, 0.4))),
            float(np.exp(rng.normal(0, 0.05))),
            float(rng.normal(0, 0.12)),
            float(rng.normal(0, 0.1)),
        )
    return warps


def _warped(
    lines: Sequence[Points], waist: float, side: float, bow: float, wave: float
) -> tuple[Points, ...]:
    """Deform a character as a slightly different die would.

    Args:
        lines: its strokes, in the 6 by 10 box.
        waist: above 1 the upper half becomes lower, below 1 higher.
        side: the same for the left half.
        bow: how far the middle moves across.
        wave: how far the upper half moves across; the lower half moves the other way.
    """
    warped = []
    for line in lines:
        fine = _in_pieces(line)
        x, y = fine[:, 0] / BOX_WIDTH, fine[:, 1] / BOX_HEIGHT
        within = np.clip(x, 0, 1)
        down = np.clip(y, 0, 1)
        moved = bow * np.sin(np.pi * down) + wave * np.sin(2 * np.pi * down)
        across = BOX_WIDTH * (within**side + x - within)
        inner = np.sin(np.pi * within)
        height = BOX_HEIGHT * (down**waist + y - down)
        warped.append(np.stack([across + moved * inner, height], axis=1).astype(np.float32))
    return tuple(warped)


def _in_pieces(line: Points) -> Points:
    """Subdivide a line so that its points are at most `PIECE` apart."""
    points = [line[:1]]
    for start, end in pairwise(line):
        many = max(1, math.ceil(float(np.abs(end - start).max()) / PIECE))
        shares = np.linspace(0, 1, many + 1)[1:, None]
        points.append(start + (end - start) * shares)
    return np.concatenate(points).astype(np.float32)


UPRIGHT: Final = 0.35
"""A stroke whose slope across is less than this share of its height gets a serif at its ends."""


def _serifs(lines: Sequence[Points], reach: float) -> tuple[Points, ...]:
    """Draw short bars across the ends of strokes that go straight up or down, as on Virginia's dies.

    Args:
        lines: the strokes, in the 6 by 10 box.
        reach: how far a bar extends on each side.
    """
    bars = []
    for line in lines:
        for end, before in ((line[0], line[1]), (line[-1], line[-2])):
            x, y = end
            across, down = np.abs(end - before)
            if min(abs(y), abs(y - BOX_HEIGHT)) < 0.1 and across < UPRIGHT * down:
                left, right = max(x - reach, -0.6), min(x + reach, BOX_WIDTH + 0.6)
                bars.append(np.array([[left, y], [right, y]], np.float32))
    return tuple(bars)


def _variant(rng: np.random.Generator, character: str, path: str) -> str:
    if rng.random() < 0.55 or character not in VARIANTS:
        return path
    return str(rng.choice(VARIANTS[character]))


TEXT_PACKAGES: Final = {
    "sans": ("overpass", "pt_sans_narrow", "fira_sans_condensed", "ibm_plex_sans_condensed", "signika", "titillium_web", "saira", "rubik", "hammersmith_one"),
    "bold": ("archivo_narrow", "league_spartan", "anton", "rubik", "overpass", "fjalla_one"),
    "condensed": ("saira_condensed", "barlow_condensed", "barlow_semi_condensed", "oswald", "roboto_condensed", "bebas_neue", "fjalla_one", "teko", "rajdhani"),
    "serif": ("playfair_display", "arvo", "sanchez", "antic_slab"),
    "slab": ("roboto_slab", "zilla_slab", "alfa_slab_one", "sanchez"),
    "script": ("lobster", "pacifico", "yellowtail"),
}  # fmt: skip
"""Typefaces (SIL Open Font License or Apache-2.0) for words, by kind: packages `fontpkg-<name>`."""

NAME_PACKAGES: Final = {
    "sans": (*TEXT_PACKAGES["sans"], "montserrat", "josefin_sans", "raleway", "quicksand", "exo_2", "oxygen"),
    "bold": (*TEXT_PACKAGES["bold"], "russo_one", "black_ops_one", "bungee", "righteous", "luckiest_guy"),
    "condensed": TEXT_PACKAGES["condensed"],
    "serif": (*TEXT_PACKAGES["serif"], "libre_baskerville", "eb_garamond", "cinzel", "marcellus", "abril_fatface", "noto_serif"),
    "slab": (*TEXT_PACKAGES["slab"], "bitter"),
    "script": (*TEXT_PACKAGES["script"], "lobster_two", "oleo_script", "dancing_script", "great_vibes", "kalam", "permanent_marker"),
}  # fmt: skip
"""Typefaces for the names of states, by kind."""

HELD_OUT_NAME_PACKAGES: Final = {
    "sans": ("lato", "cabin"),
    "bold": ("kanit", "poppins"),
    "condensed": ("open_sans",),
    "serif": ("merriweather", "lora", "cormorant_garamond"),
    "slab": ("source_serif_4",),
    "script": ("satisfy", "caveat"),
}
"""Typefaces that no name in training has, by kind: those of the validation."""

SERIAL_PACKAGES: Final = (
    "overpass", "saira_condensed", "barlow_condensed", "barlow_semi_condensed", "oswald", "roboto_condensed",
    "archivo_narrow", "bebas_neue", "fjalla_one", "anton", "rajdhani", "share_tech", "pt_sans_narrow",
    "roboto_mono", "fira_sans_condensed", "ibm_plex_sans_condensed", "league_spartan", "dosis", "varela_round", "nunito",
    "rubik", "saira", "titillium_web", "roboto_slab", "zilla_slab", "signika", "jetbrains_mono", "play",
    "hammersmith_one", "sanchez", "arvo",
)  # fmt: skip
"""Typefaces for serials: lining figures only, and none whose 2 is as square as its Z."""

_USUAL_WEIGHTS = ("Regular", "Medium", "SemiBold", "Bold", "ExtraBold")
_SHEET_PX = 64


class MissingTypeface(Exception):
    """A typeface package of the training extra is not installed."""


@cache
def font_files(package: str) -> tuple[Path, ...]:
    """The upright font files of a `fontpkg` package. Raises: MissingTypeface."""
    found = find_spec(f"fontpkg_{package}")
    if found is None or found.origin is None:
        raise MissingTypeface(f"fontpkg-{package.replace('_', '-')} is not installed")
    files = sorted((Path(found.origin).parent / "files").glob("*.[to]tf"))
    upright = [path for path in files if "Italic" not in path.name]
    usual = [p for p in upright if "[" in p.name or p.stem.split("-")[-1] in _USUAL_WEIGHTS]
    return tuple(usual or upright)


@lru_cache(maxsize=1000)
def _font(path: Path, size_px: int, weight: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(path, size_px)
    if "wght" in path.name:
        font.set_variation_by_axes([_at(axis, weight) for axis in font.get_variation_axes()])
    return font


def _at(axis: ImageFont.Axis, weight: int) -> float:
    """Position on an axis of a variable typeface: its default, and on the weight axis the weight."""
    low, usual, high = axis["minimum"] or 0, axis["default"] or 0, axis["maximum"] or 0
    is_weight = bytes(axis["name"] or b"").lower().startswith(b"weight")
    return min(max(weight, low), high) if is_weight else usual


@cache
def _glyph(path: Path, weight: int, character: str) -> tuple[Image, float]:
    """Return a tightly cropped character, and its width over the height of a capital."""
    font = _font(path, _SHEET_PX, weight)
    left, top, right, bottom = font.getbbox(character)
    picture = Pillow.new("L", (int(right - left) + 2, int(bottom - top) + 2), 0)
    ImageDraw.Draw(picture).text((1 - left, 1 - top), character, fill=255, font=font)
    inked = np.array(picture)
    ys, xs = np.nonzero(inked > 60)
    cut = inked[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    capital = font.getbbox("H")
    return cut, cut.shape[1] / max(1.0, capital[3] - capital[1])


class TypeFace:
    """A typeface, squeezed or stretched as a whole."""

    def __init__(self, rng: np.random.Generator, packages: Sequence[str] = SERIAL_PACKAGES) -> None:
        files = font_files(str(rng.choice(list(packages))))
        self._path = files[int(rng.integers(len(files)))]
        self._weight = int(rng.choice((400, 500, 600, 700, 800)))
        aspect = _glyph(self._path, self._weight, "H")[1]
        self._stretch = rng.uniform(0.42, 0.66) / aspect
        self._bold = int(rng.integers(0, 2))

    def width(self, character: str) -> float:
        """See `Face`."""
        return _glyph(self._path, self._weight, character)[1] * self._stretch

    def draw(
        self,
        canvas: Image,
        character: str,
        left_top: tuple[float, float],
        size: tuple[float, float],
    ) -> None:
        """See `Face`."""
        ink, _ = _glyph(self._path, self._weight, character)
        width, height = max(1, round(size[0])), max(1, round(size[1]))
        cut = cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA)
        x, y = round(left_top[0]), round(left_top[1])
        x0, y0 = max(0, x), max(0, y)
        x1, y1 = min(canvas.shape[1], x + width), min(canvas.shape[0], y + height)
        if x1 > x0 and y1 > y0:
            part = canvas[y0:y1, x0:x1]
            np.maximum(part, cut[y0 - y : y1 - y, x0 - x : x1 - x], out=part)


@lru_cache(maxsize=5000)
def _words(
    packages: tuple[str, ...], which: int, text: str, height_px: int, apart_px: int = 0
) -> tuple[Image, tuple[float, ...]]:
    files = font_files(packages[which % len(packages)])
    path = files[(which // len(packages)) % len(files)]
    font = _font(path, max(8, round(height_px * 1.35)), (400, 600, 700)[which % 3])
    left, top, right, bottom = font.getbbox(text)
    more = apart_px * (len(text) - 1)
    picture = Pillow.new("L", (int(right - left) + 2 + more, int(bottom - top) + 2), 0)
    ends = [font.getlength(text[:i]) - left + 1 for i in range(len(text) + 1)]
    if apart_px:
        for i, one in enumerate(text):
            ImageDraw.Draw(picture).text(
                (ends[i] + i * apart_px, 1 - top), one, fill=255, font=font
            )
    else:
        ImageDraw.Draw(picture).text((1 - left, 1 - top), text, fill=255, font=font)
    middles = tuple(i * apart_px + (a + b) / 2 for i, (a, b) in enumerate(pairwise(ends)))
    return np.array(picture), middles


def words(rng: np.random.Generator, kind: str, text: str, height_px: int) -> Image:
    """Return a line of text as a mask, (h, w) uint8, about `height_px` high, in a typeface of a kind."""
    return _words(TEXT_PACKAGES[kind], int(rng.integers(12)), text, height_px)[0]


def spelled_words(
    rng: np.random.Generator,
    packages: Sequence[str],
    text: str,
    height_px: int,
    apart_px: int = 0,
) -> tuple[Image, tuple[float, ...]]:
    """Like `words` in one of some typefaces, its letters so many px further apart than usual; returns the middle of
    each character of `text`, too, px from the mask's left."""
    package = packages[int(rng.integers(len(packages)))]
    return _words((package,), int(rng.integers(12)), text, height_px, apart_px)
