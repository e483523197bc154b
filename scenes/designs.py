"""The plate design of each state: colours, words and the picture behind or between the characters.

Drawn from memory after the states' common designs, simplified; none is a state's artwork. Sizes are px of the
flat plate, 50 px to the inch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from scenes.model import Colour, Image, Points

PLATE_WIDTH_PX, PLATE_HEIGHT_PX = 600, 300
WHITE: Colour = (246, 246, 244)
NAVY: Colour = (96, 40, 22)
BLACK: Colour = (30, 28, 28)

Motif = Callable[[Image], None]
GapMotif = Callable[[Image, int], None]
"""Paints over the gap of a serial; the number is the x of its middle in px."""


@dataclass(frozen=True)
class Design:
    """One state's plate. `motif` paints the picture under the characters."""

    name: str
    name_colour: Colour
    ink: Colour
    top: Colour = WHITE
    bottom: Colour = WHITE
    name_font: int = cv2.FONT_HERSHEY_TRIPLEX
    slogan: str = ""
    slogan_colour: Colour = NAVY
    motif: Motif | None = None
    gap_motif: GapMotif | None = None
    name_scale: float = 1.25


def _polygon(canvas: Image, points: list[tuple[float, float]], colour: Colour) -> None:
    cv2.fillPoly(canvas, [np.array(points, np.int32)], colour, cv2.LINE_AA)


def _mountains(colour: Colour, base_px: int, peak_px: int) -> Motif:
    def paint(canvas: Image) -> None:
        x = np.linspace(0, PLATE_WIDTH_PX, 13)
        ridge = base_px - peak_px * np.abs(np.sin(x * 0.011 + 0.4) * np.cos(x * 0.033))
        foot = [(PLATE_WIDTH_PX, PLATE_HEIGHT_PX), (0, PLATE_HEIGHT_PX)]
        _polygon(canvas, [*zip(x, ridge, strict=True), *foot], colour)

    return paint


def _bands(colour: Colour, top_px: int, bottom_px: int) -> Motif:
    def paint(canvas: Image) -> None:
        canvas[:top_px] = colour
        canvas[PLATE_HEIGHT_PX - bottom_px :] = colour

    return paint


def _star_points(cx: float, cy: float, radius: float) -> Points:
    turn = np.deg2rad(np.arange(10) * 36 - 90)
    reach = np.where(np.arange(10) % 2 == 0, radius, radius * 0.4)
    star = np.stack([cx + reach * np.cos(turn), cy + reach * np.sin(turn)], axis=1)
    return star.astype(np.float32)


def _star(colour: Colour, radius: float) -> GapMotif:
    def paint(canvas: Image, x: int) -> None:
        star = np.rint(_star_points(x, 160, radius)).astype(np.int32)
        cv2.fillPoly(canvas, [star], colour, cv2.LINE_AA)

    return paint


def _fruit(colour: Colour, leaf: Colour, radius: int) -> GapMotif:
    def paint(canvas: Image, x: int) -> None:
        cv2.circle(canvas, (x, 165), radius, colour, -1, cv2.LINE_AA)
        cv2.ellipse(
            canvas,
            (x + radius // 2, 165 - radius),
            (radius // 2, radius // 4),
            -25,
            0,
            360,
            leaf,
            -1,
            cv2.LINE_AA,
        )

    return paint


def _tree(colour: Colour, trunk: Colour) -> GapMotif:
    def paint(canvas: Image, x: int) -> None:
        cv2.rectangle(canvas, (x - 6, 200), (x + 6, 250), trunk, -1)
        for top, half in ((80, 22), (115, 30), (150, 38)):
            _polygon(canvas, [(x, top), (x + half, top + 65), (x - half, top + 65)], colour)

    return paint


def _arch(colour: Colour) -> GapMotif:
    def paint(canvas: Image, x: int) -> None:
        cv2.ellipse(canvas, (x, 215), (36, 105), 0, 180, 360, colour, 22, cv2.LINE_AA)

    return paint


def _keystone(colour: Colour) -> GapMotif:
    def paint(canvas: Image, x: int) -> None:
        half = [(16, 140), (12, 150), (10, 182), (-10, 182), (-12, 150), (-16, 140)]
        _polygon(canvas, [(x + dx, y) for dx, y in half], colour)

    return paint


DESIGNS = {
    "CA": Design(
        "California", (40, 30, 200), (110, 50, 30), name_font=cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
        slogan="dmv.ca.gov", slogan_colour=(120, 60, 40), name_scale=1.7,
    ),
    "NV": Design("NEVADA", NAVY, NAVY, (235, 222, 205), (205, 205, 212), slogan="HOME MEANS NEVADA",
                 motif=_mountains((205, 190, 175), 150, 60)),
    "AZ": Design("ARIZONA", (235, 240, 240), (96, 40, 20), (150, 120, 60), (205, 225, 240),
                 slogan="GRAND CANYON STATE", motif=_mountains((160, 115, 150), 290, 50)),
    "OR": Design("Oregon", (110, 60, 40), (110, 50, 30), (240, 225, 205), (225, 215, 225),
                 motif=_mountains((215, 195, 205), 200, 70), gap_motif=_tree((90, 130, 60), (70, 90, 110))),
    "WA": Design("WASHINGTON", (60, 40, 190), (80, 40, 20), slogan="EVERGREEN STATE", slogan_colour=(60, 40, 190),
                 motif=_mountains((235, 215, 190), 190, 90)),
    "TX": Design("TEXAS", BLACK, BLACK, slogan="The Lone Star State", slogan_colour=BLACK,
                 gap_motif=_star(BLACK, 17)),
    "FL": Design("FLORIDA", (60, 110, 30), (60, 110, 30), slogan="SUNSHINE STATE", slogan_colour=(60, 110, 30),
                 gap_motif=_fruit((60, 150, 245), (70, 150, 70), 34)),
    "NY": Design("NEW YORK", (70, 200, 250), NAVY, slogan="EXCELSIOR", slogan_colour=(70, 200, 250),
                 motif=_bands(NAVY, 70, 48)),
    "CO": Design("COLORADO", (70, 110, 40), WHITE, (245, 245, 245), (80, 110, 40),
                 motif=_mountains((82, 112, 42), 110, 50)),
    "UT": Design("UTAH", (150, 80, 30), (90, 45, 20), (245, 235, 215), (225, 235, 245),
                 slogan="LIFE ELEVATED", gap_motif=_arch((90, 150, 225))),
    "IL": Design("Illinois", (150, 80, 40), (60, 40, 190), (245, 232, 215), (245, 240, 232),
                 slogan="Land of Lincoln", motif=_mountains((235, 220, 200), 280, 45)),
    "GA": Design("GEORGIA", BLACK, BLACK, slogan="ON MY MIND", gap_motif=_fruit((130, 170, 250), (110, 180, 110), 26)),
    "OH": Design("OHIO", NAVY, NAVY, (245, 235, 225), (225, 225, 245), slogan="BIRTHPLACE OF AVIATION",
                 motif=_mountains((215, 230, 205), 300, 50)),
    "PA": Design("PENNSYLVANIA", (70, 200, 250), NAVY, slogan="visitPA.com", slogan_colour=NAVY,
                 motif=_bands((140, 70, 25), 66, 0), gap_motif=_keystone(NAVY)),
}  # fmt: skip
