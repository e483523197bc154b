"""One plate, flat and clean or worn, as it left the press and was screwed to a car."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from deploy.local.scenes.model import Colour, Image, Points, as_image
from deploy.local.scenes.plates import DIGITS, LETTERS
from training.faces import DieFace, Face, TypeFace, words
from training.motifs import EMBLEMS
from training.styles import STYLES, Serial, Style

HEIGHT_PX: Final = 160
"""Plates are drawn this high; twice the height that the reader sees."""
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
# fmt: off
DEALERS = (
    "VALLEY MOTORS", "HARBOR AUTO", "MESA HONDA", "SUNRISE CARS", "FOOTHILL FORD", "TOYOTA", "STEVENS CREEK",
    "EL SOL MOTORS", "VOLKSWAGEN", "CAPITOL", "LEXUS", "510-347-4800", "(713) 864-1645", "I LOVE MY DOG",
    "ALUMNI", "STATE UNIVERSITY", "MITSUBISHI", "BIG TEX AUTO", "LEE KIA", "HOUSTON", "DEALER SALES", "NISSAN", "BMW",
    "www.bigcars.com", "PREMIER CHEVROLET", "AUTO MALL", "MY OTHER CAR", "PROUD PARENT", "SAN FRANCISCO",
)
SYLLABLES = (
    "BLU", "RED", "SKY", "GO", "MY", "LUV", "FAST", "CAR", "DOG", "CAT", "MOM", "DAD", "KID", "SUN", "RUN", "SKI", "BIG", "ZOO",
    "JO", "MAX", "SAM", "KAY", "TOY", "JET", "FUN", "ACE", "VET", "DOC", "GR8", "4", "2", "1", "N", "U", "IM", "B", "LIL", "OLD",
    "NEW", "HOT", "ROD", "GTO", "ZR", "Z", "EX", "QT", "WOW", "YES", "NO", "HI", "BYE", "OUT", "FRONT", "SPEED", "QUIL", "BEAR",
    "WOLF", "HAWK", "KING", "QUEEN", "JAZZ", "ROCK", "STAR", "MOON", "TEX", "CAL", "AK", "HYD", "FLY", "PLT", "VW", "BMW", "XJ",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class RenderedPlate:
    """A plate by itself, seen from straight ahead."""

    pixels: Image
    """(160, w, 3) uint8 BGR; w is 320 for a US plate."""
    text: str
    """What a reader should say: A-Z and 0-9 in reading order; empty where there is no serial."""
    region: str
    """Postal code of the state, or `unknown`."""
    places: Points
    """(n, 2) float32: the middle of each character of `text`, px of `pixels`."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """One thing in a line of a serial: a character, a stacked pair, or what stands between."""

    text: str
    stacked: bool = False

    @property
    def is_gap(self) -> bool:
        return self.text in (" ", "-", "*", ".")


def issue(rng: np.random.Generator, serial: Serial) -> list[_Mark]:
    """Draw a serial of a series, with its gaps, hyphens, emblem and stacked pairs."""
    marks: list[_Mark] = []
    first = True
    for token in re.findall(r"\{[^}]*\}|\[[^\]]*\]|.", serial.pattern):
        if token[0] == "[":
            marks.extend(_Mark(c) for c in token[1:-1])
        elif token[0] == "{":
            inner = re.findall(r"\[[^\]]*\]|.", token[1:-1])
            pair = [t[1:-1] if t[0] == "[" else _draw(rng, t, serial, False) for t in inner]
            marks.append(_Mark("".join(pair), True))
        elif token in " -*/.":
            marks.append(_Mark(token))
        else:
            marks.append(_Mark(_draw(rng, token, serial, first)))
        first = False
    return marks


def _draw(rng: np.random.Generator, kind: str, serial: Serial, first: bool) -> str:
    if kind == "9":
        choices = serial.first if first else DIGITS
    elif kind == "A":
        choices = serial.letters
    else:
        return kind
    return choices[int(rng.integers(len(choices)))]


def _personal(rng: np.random.Generator) -> list[_Mark]:
    """A personalised serial: syllables, digits, now and then a gap."""
    text = ""
    longest = int(rng.integers(3, 9))
    while len(text) < longest and (not text or rng.random() < 0.9):
        text += str(rng.choice(SYLLABLES))
        if rng.random() < 0.15:
            text += " "
    text = text[: max(2, longest)].strip()
    if rng.random() < 0.25:
        text = text[:5] + str(rng.integers(1, 1000))
    return [_Mark(c) for c in text[:8]]


def _any(rng: np.random.Generator) -> list[_Mark]:
    """Letters and digits at random, so that a reader cannot lean on grammar alone."""
    alphabet = LETTERS + DIGITS
    many = int(rng.choice((2, 3, 4, 5, 6, 7, 8), p=(0.02, 0.05, 0.1, 0.18, 0.25, 0.3, 0.1)))
    marks = [_Mark(alphabet[int(rng.integers(36))]) for _ in range(many)]
    if many > 4 and rng.random() < 0.5:
        marks.insert(int(rng.integers(2, many - 1)), _Mark(str(rng.choice((" ", "-", "*", ".")))))
    return marks


class PlateRenderer:
    """Draws plates of all styles; keeps painted backgrounds, which cost the most."""

    def __init__(self, styles: Sequence[Style] = STYLES, *, kept_per_style: int = 10) -> None:
        self._styles = styles
        weights = np.array([style.weight for style in styles])
        # Half by how often a style is met, half evenly, so that the rare are learnt too.
        self._shares = 0.5 * weights / weights.sum() + 0.5 / len(styles)
        self._kept: dict[tuple[int, int], Image] = {}
        self._kept_per_style = kept_per_style

    def render(self, rng: np.random.Generator) -> RenderedPlate:
        """A plate; deterministic by the generator's state."""
        number = int(rng.choice(len(self._styles), p=self._shares))
        style = self._styles[number]
        marks = self._marks(rng, style)
        plate = self._background(rng, number)
        ink = _one(rng, style.ink)
        if rng.random() < 0.12:
            plate, ink = _recoloured(rng, plate)
        elif rng.random() < 0.3:
            plate = as_image(
                plate.astype(np.float32) * rng.uniform(0.85, 1.1, 3).astype(np.float32)
            )
        _stickers(rng, plate, style)
        face: Face = (
            DieFace(rng, wide=style.face == "wide") if rng.random() < 0.68 else TypeFace(rng)
        )
        places = _press(rng, plate, marks, face, style, ink)
        _hardware(rng, plate)
        text = "".join(mark.text for mark in marks if not mark.is_gap and mark.text != "/")
        middles = np.array(places, np.float32).reshape(-1, 2)
        return RenderedPlate(_worn(rng, plate), text, style.region, middles)

    def blank(self, rng: np.random.Generator) -> Image:
        """What is no plate but looks like one: a sign with words, or a bare plate."""
        number = int(rng.choice(len(self._styles), p=self._shares))
        plate = self._background(rng, number) if rng.random() < 0.4 else _plain(rng)
        for _ in range(int(rng.integers(0, 4))):
            _some_words(rng, plate)
        return _worn(rng, plate)

    def _marks(self, rng: np.random.Generator, style: Style) -> list[_Mark]:
        which = rng.random()
        if which < 0.14 and style.aspect < 2.5:
            return _personal(rng)
        if which < 0.34:
            return _any(rng)
        weights = np.array([serial.weight for serial in style.serials])
        return issue(rng, style.serials[int(rng.choice(len(weights), p=weights / weights.sum()))])

    def _background(self, rng: np.random.Generator, number: int) -> Image:
        key = number, int(rng.integers(self._kept_per_style))
        if key not in self._kept:
            # Seeded by its place, so that what is kept does not depend on what was drawn before.
            self._kept[key] = _painted(np.random.default_rng(key), self._styles[number])
        return self._kept[key].copy()


def _one(rng: np.random.Generator, choices: Colour | Sequence[Colour]) -> Colour:
    if isinstance(choices[0], int):
        return choices  # type: ignore[return-value]
    return choices[int(rng.integers(len(choices)))]  # type: ignore[return-value]


def _painted(rng: np.random.Generator, style: Style) -> Image:
    """Gradient, motif, name and slogan of a style, with a little freedom."""
    stops = np.array(style.background, np.float32)
    at = np.linspace(0, len(stops) - 1, 300)
    low = np.minimum(at.astype(int), max(0, len(stops) - 2))
    share = (at - low)[:, None]
    high = np.minimum(low + 1, len(stops) - 1)
    ramp = stops[low] * (1 - share) + stops[high] * share
    full = as_image(np.repeat(ramp[:, None, :], 600, axis=1))
    if style.motif is not None:
        style.motif(full, rng)
    width = round(HEIGHT_PX * style.aspect)
    plate = cv2.resize(full, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    if style.name and style.name_place != "none":
        top = style.name_place == "top"
        _line(rng, plate, style.name, style.name_font, style.name_colour, top=top, size=(0.1, 0.19))
    if style.slogan:
        top = style.slogan_place == "top"
        _line(
            rng,
            plate,
            style.slogan,
            style.slogan_font,
            style.slogan_colour,
            top=top,
            size=(0.07, 0.12),
        )
    return np.ascontiguousarray(plate)


def _line(
    rng: np.random.Generator,
    plate: Image,
    text: str,
    font: str,
    colour: Colour,
    *,
    top: bool,
    size: tuple[float, float],
) -> None:
    """A line of words along the upper or lower edge, in the middle."""
    mask = words(rng, font, text, max(6, round(rng.uniform(*size) * HEIGHT_PX)))
    most = 0.8 * plate.shape[1]
    if mask.shape[1] > most:
        mask = cv2.resize(mask, (int(most), mask.shape[0]), interpolation=cv2.INTER_AREA)
    height = mask.shape[0]
    edge = round(rng.uniform(0.03, 0.07) * HEIGHT_PX)
    y = edge if top else HEIGHT_PX - edge - height
    _ink(plate, mask, ((plate.shape[1] - mask.shape[1]) // 2 + int(rng.integers(-4, 5)), y), colour)


def _ink(plate: Image, mask: Image, at: tuple[int, int], colour: Colour) -> None:
    """Lay a colour on `plate` where `mask` says, its top left at a place; cut off at the edges."""
    x, y = at
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(plate.shape[1], x + mask.shape[1]), min(plate.shape[0], y + mask.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    cover = mask[y0 - y : y1 - y, x0 - x : x1 - x, None].astype(np.float32) / 255
    part = plate[y0:y1, x0:x1].astype(np.float32)
    plate[y0:y1, x0:x1] = as_image(part * (1 - cover) + np.array(colour, np.float32) * cover)


def _recoloured(rng: np.random.Generator, plate: Image) -> tuple[Image, Colour]:
    """A plate in colours of its own: pale with a dark ink, or dark with a pale one."""
    pale = rng.random() < 0.7
    tint = rng.uniform(150, 255, 3) if pale else rng.uniform(0, 110, 3)
    grey = cv2.cvtColor(plate, cv2.COLOR_BGR2GRAY).astype(np.float32)[..., None] / 255
    strength = rng.uniform(0.1, 0.6)
    spread = 1 - strength * (1 - grey) if pale else 1 - strength * grey
    ink = rng.uniform(0, 110, 3) if pale else rng.uniform(160, 255, 3)
    return as_image(tint.astype(np.float32) * spread), tuple(int(c) for c in ink)  # type: ignore[return-value]


def _stickers(rng: np.random.Generator, plate: Image, style: Style) -> None:
    """Month and year stickers in the corners that the style leaves for them."""
    h, w = plate.shape[:2]
    for place in style.sticker_places:
        if rng.random() < 0.35:
            continue
        sw, sh = round(rng.uniform(0.08, 0.14) * 320), round(rng.uniform(0.12, 0.2) * h)
        left = round(rng.uniform(0.02, 0.09) * w)
        up = round(rng.uniform(0.03, 0.09) * h)
        x = left if place[1] == "l" else w - left - sw
        y = up if place[0] == "t" else h - up - sh
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        if rng.random() < 0.75:
            cv2.rectangle(plate, (x, y), (x + sw, y + sh), colour, -1)
        text = (
            str(rng.choice(MONTHS))
            if rng.random() < 0.45
            else str(rng.choice(("09", "2012", "15", "24", "26", "2025", "99")))
        )
        mask = words(rng, "bold", text, max(6, round(sh * rng.uniform(0.4, 0.7))))[:, : sw - 2]
        dark = sum(colour) > 380
        _ink(plate, mask, (x + (sw - mask.shape[1]) // 2, y + (sh - mask.shape[0]) // 2),
             (20, 20, 20) if dark else (245, 245, 245))  # fmt: skip
        if rng.random() < 0.3:
            small = words(rng, "sans", str(rng.integers(100000, 9999999)), 6)[:, : sw - 2]
            _ink(plate, small, (x + 1, y + sh - small.shape[0] - 1), (30, 30, 30))


def _press(
    rng: np.random.Generator,
    plate: Image,
    marks: list[_Mark],
    face: Face,
    style: Style,
    ink: Colour,
) -> list[tuple[float, float]]:
    """Put the serial on: one line or two, raised or printed flat; the characters' middles."""
    h, w = plate.shape[:2]
    metal = np.zeros((h, w), np.uint8)
    at = next((i for i, mark in enumerate(marks) if mark.text == "/"), None)
    lines = [marks] if at is None else [marks[:at], marks[at + 1 :]]
    if len(lines) == 1:
        high = rng.uniform(0.4, 0.56) if style.aspect < 3 else rng.uniform(0.6, 0.78)
        middles = [rng.uniform(0.49, 0.58) if style.aspect < 3 else 0.5]
    else:
        high = rng.uniform(0.3, 0.38)
        middles = [0.3, 0.72]
    places: list[tuple[float, float]] = []
    for line, middle in zip(lines, middles, strict=True):
        places += _set_line(rng, plate, metal, line, face, style, (high * h, middle * h), ink)
    cover = (metal.astype(np.float32) / 255)[..., None]
    shaded = plate * (1 - cover) + np.array(ink, np.float32) * cover
    if rng.random() < 0.75:
        soft = cv2.GaussianBlur(metal, (0, 0), rng.uniform(1.0, 2.0)).astype(np.float32) / 255
        reach = int(rng.integers(1, 3))
        slope = np.roll(soft, reach, axis=0) - np.roll(soft, -reach, axis=0)
        if rng.random() < 0.3:
            slope = slope + np.roll(soft, reach, axis=1) - np.roll(soft, -reach, axis=1)
        shaded -= rng.uniform(-20, 45) * slope[..., None]
    plate[:] = as_image(shaded)
    return places


def _set_line(
    rng: np.random.Generator,
    plate: Image,
    metal: Image,
    line: list[_Mark],
    face: Face,
    style: Style,
    where: tuple[float, float],
    ink: Colour,
) -> list[tuple[float, float]]:
    """Set one line: widths by the face, squeezed to fit, spread over the plate's width."""
    high, middle = where
    w = plate.shape[1]
    gap = rng.uniform(0.35, 0.8)
    emblem = rng.uniform(0.5, 0.9)
    space = rng.uniform(0.1, 0.3)

    def natural(mark: _Mark) -> float:
        if mark.stacked:
            return 0.75 * face.width("H")
        if mark.text == " ":
            return gap * 0.5
        if mark.text in "-.":
            return 0.28
        if mark.text == "*":
            return emblem * 0.55
        return face.width(mark.text)

    widths = np.array([natural(mark) for mark in line]) * high
    spaces = space * 0.5 * high
    total = widths.sum() + spaces * (len(line) - 1)
    kept_clear = style.serial_left * w if rng.random() < 0.8 else 0.0
    if style.aspect > 3:
        kept_clear = 0.05 * w
    room = (w - kept_clear) * rng.uniform(0.8, 0.93)
    if total > room or (rng.random() < 0.5 and total > 0.7 * room):
        widths *= room / total
        spaces *= room / total
    else:
        slack = room - total
        spread = rng.uniform(0, 0.8) * slack / max(1, len(line) - 1)
        spaces += min(spread, 0.28 * high)
    total = widths.sum() + spaces * (len(line) - 1)
    lean = rng.normal(0, 0.02) * w
    x = kept_clear + (w - kept_clear - total) / 2 + float(np.clip(lean, -0.03 * w, 0.03 * w))
    top = middle - high / 2
    places: list[tuple[float, float]] = []
    for mark, width in zip(line, widths, strict=True):
        _set_mark(rng, plate, metal, mark, face, style, (x, top, float(width), high), ink)
        if not mark.is_gap:
            heights = (-0.27, 0.27) if mark.stacked else (0.0,)
            places += [(x + width / 2, middle + up * high) for up in heights]
        x += width + spaces
    return places


def _set_mark(
    rng: np.random.Generator,
    plate: Image,
    metal: Image,
    mark: _Mark,
    face: Face,
    style: Style,
    box: tuple[float, float, float, float],
    ink: Colour,
) -> None:
    x, top, width, high = box
    if mark.stacked:
        small = high * 0.46
        for place, character in zip((top, top + high - small), mark.text, strict=False):
            face.draw(metal, character, (x, place), (min(width, small * 0.8), small))
    elif mark.text == "-":
        y = round(top + high / 2)
        cv2.line(
            metal, (round(x), y), (round(x + width), y), 255, max(2, round(high * 0.1)), cv2.LINE_AA
        )
    elif mark.text == ".":
        centre = round(x + width / 2), round(top + high * rng.uniform(0.45, 0.6))
        cv2.circle(metal, centre, max(2, round(high * 0.08)), 255, -1, cv2.LINE_AA)
    elif mark.text == "*":
        kind = (
            style.emblem
            if style.emblem != "none" and rng.random() < 0.7
            else str(rng.choice(list(EMBLEMS)))
        )
        colour = (
            style.emblem_colour
            if style.emblem_colour and rng.random() < 0.6
            else _some_colour(rng, ink)
        )
        size = high * rng.uniform(0.3, 1.2)
        EMBLEMS[kind](plate, (x + width / 2, top + high * rng.uniform(0.4, 0.6)), size, colour, rng)
    elif mark.text != " ":
        face.draw(metal, mark.text, (x, top), (width, high))


def _some_colour(rng: np.random.Generator, ink: Colour) -> Colour:
    if rng.random() < 0.5:
        return ink
    return tuple(int(c) for c in rng.integers(0, 256, 3))  # type: ignore[return-value]


def _hardware(rng: np.random.Generator, plate: Image) -> None:
    """Rim, bolts, and often a dealer's frame with its words over the edges."""
    h, w = plate.shape[:2]
    if rng.random() < 0.6:
        shade = int(rng.integers(60, 255))
        inset = int(rng.integers(1, 5))
        cv2.rectangle(
            plate,
            (inset, inset),
            (w - 1 - inset, h - 1 - inset),
            (shade,) * 3,
            int(rng.integers(1, 4)),
            cv2.LINE_AA,
        )
    for x in (0.25 * w, 0.75 * w):
        for y in (0.075 * h, 0.925 * h):
            if rng.random() < 0.4:
                at = round(x + rng.normal(0, 2)), round(y + rng.normal(0, 2))
                shade = int(rng.integers(20, 240))
                cv2.circle(plate, at, int(rng.integers(3, 7)), (shade,) * 3, -1, cv2.LINE_AA)
    if rng.random() < 0.38:
        _frame(rng, plate)


def _frame(rng: np.random.Generator, plate: Image) -> None:
    h, w = plate.shape[:2]
    dark = rng.random() < 0.6
    shade = rng.uniform(5, 60, 3) if dark else rng.uniform(150, 235, 3)
    colour = tuple(int(c) for c in shade)
    side = round(rng.uniform(0.008, 0.03) * w)
    top, bottom = round(rng.uniform(0.02, 0.2) * h), round(rng.uniform(0.02, 0.2) * h)
    plate[:top] = colour
    plate[h - bottom :] = colour
    plate[:, :side] = colour
    plate[:, w - side :] = colour
    if rng.random() < 0.5:
        r = int(rng.integers(4, 16))
        cv2.rectangle(plate, (side, top), (w - side, h - bottom), colour, r // 2, cv2.LINE_AA)
    text_colour = (230, 230, 230) if dark else (30, 30, 30)
    for strip, y in ((top, 0), (bottom, h - bottom)):
        if strip > 10 and rng.random() < 0.75:
            mask = words(
                rng,
                str(rng.choice(("bold", "sans", "slab", "script"))),
                str(rng.choice(DEALERS)),
                round(strip * 0.7),
            )
            mask = mask[:strip, : w - 8]
            _ink(
                plate,
                mask,
                ((w - mask.shape[1]) // 2, y + (strip - mask.shape[0]) // 2),
                text_colour,
            )


def _worn(rng: np.random.Generator, plate: Image) -> Image:
    """Road dirt, fading, scratches and shade, from hardly any to a lot."""
    h, w = plate.shape[:2]
    worn = plate.astype(np.float32)
    if rng.random() < 0.5:
        blots = rng.normal(0, 1, (4, 8)).astype(np.float32)
        dirt = np.clip(cv2.resize(blots, (w, h), interpolation=cv2.INTER_CUBIC), 0, 2)
        share = (dirt * np.float32(rng.beta(1, 4)) * 0.5)[..., None]
        worn = worn * (1 - share) + rng.uniform(40, 140, 3).astype(np.float32) * share
    if rng.random() < 0.5:
        fade = np.float32(rng.beta(1, 4)) * 0.6
        worn = worn * (1 - fade) + np.float32(rng.uniform(100, 200)) * fade
    if rng.random() < 0.3:
        edge = rng.uniform(0, 1) * h + np.linspace(-1, 1, w) * rng.uniform(-0.4, 0.4) * h
        below = np.arange(h)[:, None] > edge[None, :]
        if rng.random() < 0.3:
            below = ~below
        worn *= np.where(below, 1.0, rng.uniform(0.35, 0.85)).astype(np.float32)[..., None]
    return as_image(worn)


def _plain(rng: np.random.Generator) -> Image:
    base = np.full((HEIGHT_PX, 320, 3), rng.uniform(0, 255, 3), np.float32)
    ramp = np.linspace(-1, 1, 320)[None, :, None] * rng.uniform(-40, 40)
    return np.ascontiguousarray(as_image(base + ramp.astype(np.float32)))


# fmt: off
SIGN_WORDS = (
    "STOP", "FOR SALE", "NO PARKING", "CAUTION", "WIDE LOAD", "TOYOTA", "FORD", "HONDA", "SCHOOL BUS", "POLICE", "TAXI",
    "CHEVROLET", "EXIT", "ONE WAY", "SPEED LIMIT", "OPEN", "CAFE", "BAKERY", "HYBRID", "TURBO", "4x4", "V6", "LIMITED", "DIESEL",
    "CALL NOW", "BABY ON BOARD", "AUTO REPAIR", "TOWING", "U-HAUL", "STUDENT DRIVER", "AMBULANCE", "KEEP RIGHT", "SPORT", "AWD",
)
# fmt: on


def _some_words(rng: np.random.Generator, plate: Image) -> None:
    """Words, a phone number or a time stamp somewhere on what is no plate."""
    which = rng.random()
    if which < 0.6:
        text = str(rng.choice(SIGN_WORDS))
    elif which < 0.8:
        text = f"{rng.integers(200, 999)}-{rng.integers(200, 999)}-{rng.integers(0, 9999):04d}"
    else:
        text = f"{rng.integers(1, 13)}/{rng.integers(1, 29)}/20{rng.integers(10, 27)} {rng.integers(0, 24)}:{rng.integers(0, 60):02d}"
    height = round(rng.uniform(0.12, 0.6) * HEIGHT_PX)
    mask = words(rng, str(rng.choice(("sans", "bold", "condensed", "serif"))), text, height)
    if mask.shape[1] > plate.shape[1] * 0.95:
        mask = cv2.resize(mask, (int(plate.shape[1] * 0.95), height), interpolation=cv2.INTER_AREA)
    at = (
        int(rng.integers(0, max(1, plate.shape[1] - mask.shape[1]))),
        int(rng.integers(0, max(1, HEIGHT_PX - mask.shape[0]))),
    )
    _ink(plate, mask, at, tuple(int(c) for c in rng.integers(0, 256, 3)))  # type: ignore[arg-type]
