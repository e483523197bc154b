"""Draws one plate, flat and clean, as it is screwed to a car."""

import cv2
import numpy as np

from scenes.designs import DESIGNS, PLATE_HEIGHT_PX, PLATE_WIDTH_PX, Design
from scenes.glyphs import draw_glyph
from scenes.model import Colour, Image, as_image
from scenes.plates import Issued

STROKE_PX = 17
GLYPH_HEIGHT_PX = 122
SERIAL_TOP_PX = 96
MARGIN_PX = 44
CORNER_RADIUS_PX = 22
STICKERS: tuple[Colour, ...] = ((40, 160, 230), (60, 170, 60), (200, 120, 50), (60, 60, 210))
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DEALERS = ("VALLEY MOTORS", "HARBOR AUTO", "MESA HONDA", "SUNRISE CARS", "FOOTHILL FORD")


def draw_plate(rng: np.random.Generator, issued: Issued) -> Image:
    """Draw the plate alone: (300, 600, 3) uint8 BGR, 12 by 6 inches (SAE J686)."""
    design = DESIGNS[issued.state]
    plate = _background(design)
    if design.motif:
        design.motif(plate)
    _words(plate, design)
    if rng.random() < 0.8:
        _stickers(plate, rng)
    _press(plate, issued.pressed, design)
    _rim_and_bolts(plate, rng)
    if rng.random() < 0.35:
        _dealer_frame(plate, rng)
    return _weather(plate, rng)


def corner_mask() -> Image:
    """Return (300, 600) uint8: 255 on the plate, 0 outside its round corners."""
    mask = np.zeros((PLATE_HEIGHT_PX, PLATE_WIDTH_PX), np.uint8)
    r, w, h = CORNER_RADIUS_PX, PLATE_WIDTH_PX, PLATE_HEIGHT_PX
    cv2.rectangle(mask, (r, 0), (w - r, h), 255, -1)
    cv2.rectangle(mask, (0, r), (w, h - r), 255, -1)
    for centre in ((r, r), (w - r, r), (r, h - r), (w - r, h - r)):
        cv2.circle(mask, centre, r, 255, -1, cv2.LINE_AA)
    return mask


def _background(design: Design) -> Image:
    down = np.linspace(0, 1, PLATE_HEIGHT_PX)[:, None, None]
    ramp = (1 - down) * np.array(design.top) + down * np.array(design.bottom)
    return as_image(np.broadcast_to(ramp, (PLATE_HEIGHT_PX, PLATE_WIDTH_PX, 3)).copy())


def _centred(
    plate: Image, text: str, bottom_px: int, font: int, scale: float, colour: Colour
) -> None:
    thickness = max(1, round(scale * 1.6))
    (width, _), _ = cv2.getTextSize(text, font, scale, thickness)
    origin = ((PLATE_WIDTH_PX - width) // 2, bottom_px)
    cv2.putText(plate, text, origin, font, scale, colour, thickness, cv2.LINE_AA)


def _words(plate: Image, design: Design) -> None:
    _centred(plate, design.name, 58, design.name_font, design.name_scale, design.name_colour)
    font = cv2.FONT_HERSHEY_DUPLEX
    _centred(plate, design.slogan, PLATE_HEIGHT_PX - 22, font, 0.8, design.slogan_colour)


def _stickers(plate: Image, rng: np.random.Generator) -> None:
    """Draw the month at the top left, the year at the top right."""
    colour = STICKERS[int(rng.integers(len(STICKERS)))]
    for left, text in ((66, str(rng.choice(MONTHS))), (478, f"20{rng.integers(25, 28)}")):
        cv2.rectangle(plate, (left, 18), (left + 62, 56), colour, -1)
        cv2.putText(
            plate,
            text,
            (left + 4, 45),
            cv2.FONT_HERSHEY_DUPLEX,
            0.72,
            (250, 250, 250),
            1,
            cv2.LINE_AA,
        )


def _layout(pressed: str) -> tuple[list[float], float]:
    """Return the left edge of each character, and the width of a glyph, in px."""
    widths = np.array([{" ": 0.55, "-": 0.6}.get(c, 1.0) for c in pressed])
    pitch = min(82.0, (PLATE_WIDTH_PX - 2 * MARGIN_PX + 22) / widths.sum())
    left = (PLATE_WIDTH_PX - widths.sum() * pitch + pitch * 0.32) / 2
    places = left + np.concatenate([[0.0], np.cumsum(widths)[:-1]]) * pitch
    return places.tolist(), pitch * 0.68


def _press(plate: Image, pressed: str, design: Design) -> None:
    """Draw the serial, raised: a lit edge above it and a shaded one below."""
    metal = np.zeros(plate.shape[:2], np.uint8)
    places, width = _layout(pressed)
    for place, character in zip(places, pressed, strict=True):
        if character == "-":
            middle = SERIAL_TOP_PX + GLYPH_HEIGHT_PX // 2
            cv2.line(
                metal, (round(place + 6), middle), (round(place + 20), middle), 255, 12, cv2.LINE_AA
            )
        elif character == " " and design.gap_motif:
            design.gap_motif(plate, round(place + 0.1 * width))
        elif character != " ":
            draw_glyph(
                metal, character, (place, SERIAL_TOP_PX), (width, GLYPH_HEIGHT_PX), STROKE_PX
            )
    raised = cv2.GaussianBlur(metal, (0, 0), 3).astype(np.float32) / 255
    slope = np.roll(raised, 3, axis=0) - np.roll(raised, -3, axis=0)
    cover = (metal.astype(np.float32) / 255)[..., None]
    plate[:] = as_image(plate * (1 - cover) + np.array(design.ink) * cover - 34 * slope[..., None])


def _rim_and_bolts(plate: Image, rng: np.random.Generator) -> None:
    h, w = plate.shape[:2]
    for inset, shade in ((3, 150), (6, 225)):
        cv2.rectangle(
            plate, (inset, inset), (w - inset, h - inset), (shade, shade, shade), 3, cv2.LINE_AA
        )
    for x in (150, 450):
        for y in (22, h - 20) if rng.random() < 0.4 else (22,):
            cv2.circle(plate, (x, y), 9, (130, 130, 128), -1, cv2.LINE_AA)
            cv2.circle(plate, (x, y), 9, (70, 70, 70), 2, cv2.LINE_AA)


def _dealer_frame(plate: Image, rng: np.random.Generator) -> None:
    """Draw a dealer's frame: it covers the slogan and the edges, never the serial."""
    shade = (38, 38, 38) if rng.random() < 0.6 else (205, 205, 208)
    h, w = plate.shape[:2]
    cv2.rectangle(plate, (8, 8), (w - 8, h - 8), shade, 20, cv2.LINE_AA)
    plate[h - 52 :] = shade
    text = (225, 225, 225) if shade[0] < 100 else (40, 40, 40)
    _centred(plate, str(rng.choice(DEALERS)), h - 17, cv2.FONT_HERSHEY_DUPLEX, 0.95, text)


def _weather(plate: Image, rng: np.random.Generator) -> Image:
    """Add road dirt, fading and the shade of the bumper, from hardly any to a lot."""
    h, w = plate.shape[:2]
    blots = rng.normal(0, 1, (5, 9)).astype(np.float32)
    dirt = np.clip(cv2.resize(blots, (w, h), interpolation=cv2.INTER_CUBIC), 0, 2)
    share = (dirt * np.float32(rng.beta(1, 4)) * 0.45)[..., None]
    mud = np.array((88, 104, 116), np.float32)
    worn = plate * (1 - share) + mud * share
    fade = np.float32(rng.beta(1, 5)) * 0.5
    worn = worn * (1 - fade) + np.float32(170) * fade
    if rng.random() < 0.4:
        edge = rng.uniform(0.1, 0.6) * h + np.linspace(-1, 1, w) * rng.uniform(-30, 30)
        below = np.arange(h)[:, None] > edge[None, :]
        worn *= np.where(below, 1.0, rng.uniform(0.5, 0.85)).astype(np.float32)[..., None]
    return as_image(worn)
