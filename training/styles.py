"""How US plates look and are numbered: data for rendering plates to train on.

Written from memory of what is on the road since about 1995, for variety rather than for the
record: colours, words and series are close to what was issued, the pictures are only of the same
kind (training/motifs.py). Personalised serials are not here; any style may carry one.
"""

from dataclasses import dataclass
from typing import Literal

from deploy.local.scenes.model import Colour
from deploy.local.scenes.plates import DIGITS, LETTERS, LETTERS_WITHOUT_IOQ
from training.motifs import (
    Motif,
    bands,
    border,
    clouds,
    diagonal,
    fading_bands,
    faint,
    field_rows,
    flag,
    forest,
    hills,
    leaves,
    left_band,
    mountains,
    noise,
    rainbow,
    repeated_text,
    scattered,
    side_picture,
    silhouette,
    sky,
    skyline,
    sun,
    sunset,
    swoosh,
    together,
    waves,
)

Font = Literal["sans", "bold", "serif", "slab", "script", "condensed"]
Place = Literal["top", "bottom", "none"]
Face = Literal["die", "wide"]

WHITE: Colour = (246, 246, 244)
CREAM: Colour = (214, 236, 244)
SILVER: Colour = (208, 206, 204)
YELLOW: Colour = (60, 205, 245)
PALE_YELLOW: Colour = (150, 228, 246)
GOLD: Colour = (50, 160, 214)
ORANGE: Colour = (40, 120, 240)
PEACH: Colour = (150, 190, 246)
PINK: Colour = (200, 190, 240)
RED: Colour = (44, 36, 196)
MAROON: Colour = (40, 24, 110)
BROWN: Colour = (40, 66, 108)
TAN: Colour = (150, 190, 214)
GREEN: Colour = (62, 104, 30)
DARK_GREEN: Colour = (48, 72, 20)
PALE_GREEN: Colour = (190, 226, 200)
TEAL: Colour = (130, 120, 20)
TURQUOISE: Colour = (190, 180, 60)
SKY: Colour = (244, 218, 176)
PALE_BLUE: Colour = (246, 234, 214)
BLUE: Colour = (176, 92, 30)
ROYAL: Colour = (160, 60, 26)
NAVY: Colour = (96, 40, 22)
PURPLE: Colour = (140, 50, 96)
LILAC: Colour = (226, 186, 202)
GREY: Colour = (140, 140, 140)
SLATE: Colour = (110, 96, 84)
BLACK: Colour = (30, 28, 28)

CORNERS = ("tl", "tr", "bl", "br")
UPPER, LOWER = ("tl", "tr"), ("bl", "br")


@dataclass(frozen=True)
class Serial:
    """One series of serials.

    In `pattern`, `9` is a digit and `A` a letter; a space is a gap, `-` a hyphen, `*` the style's
    emblem and `/` the end of the upper line, none of them part of the plate. `{AA}` is a stacked
    pair of small characters, the upper first, and `[H]` the letter or digit H itself.
    """

    pattern: str
    weight: float = 1.0
    letters: str = LETTERS
    first: str = DIGITS
    """What a leading digit may be."""


@dataclass(frozen=True)
class Style:
    """One design of plate, with the series seen on it."""

    region: str
    """Postal code, or `unknown`."""
    name: str
    """As printed; empty where nothing is."""
    serials: tuple[Serial, ...]
    weight: float = 1.0
    """How often it is met on US roads, beside the others."""
    ink: Colour | tuple[Colour, ...] = NAVY
    """The serial's colour, or several to choose from."""
    background: tuple[Colour, ...] = (WHITE,)
    """One to four colours that blend from top to bottom."""
    name_font: Font = "sans"
    name_place: Place = "top"
    name_colour: Colour = NAVY
    slogan: str = ""
    slogan_font: Font = "sans"
    slogan_place: Place = "bottom"
    slogan_colour: Colour = NAVY
    motif: Motif | None = None
    emblem: str = "none"
    """What `*` in a pattern stands for: a key of `motifs.EMBLEMS`."""
    emblem_colour: Colour | None = None
    face: Face = "die"
    """`die` is pressed and narrow, `wide` boxy or printed flat."""
    sticker_places: tuple[str, ...] = ()
    aspect: float = 2.0
    """Width by height."""
    serial_left: float = 0.0
    """The share of the width, from the left edge, that the serial keeps clear of."""


def series(*patterns: str, letters: str = LETTERS) -> tuple[Serial, ...]:
    """Several series that are met equally often."""
    return tuple(Serial(pattern, letters=letters) for pattern in patterns)


# --- the West -----------------------------------------------------------------------------------

CALIFORNIA = (
    Style(
        "CA",
        "California",
        (
            Serial("9AAA999", 10, LETTERS_WITHOUT_IOQ, first="456789"),
            Serial("9AAA999", 1, LETTERS_WITHOUT_IOQ, first="123"),
            Serial("99999A9", 1.4, LETTERS_WITHOUT_IOQ),
            Serial("9A99999", 1, LETTERS_WITHOUT_IOQ, first="456789"),
        ),
        weight=22,
        name_font="script",
        name_colour=RED,
        slogan="dmv.ca.gov",
        sticker_places=CORNERS,
    ),
    Style(
        "CA",
        "California",
        (Serial("9AAA999", 1, LETTERS_WITHOUT_IOQ, first="23456"), *series("9A99999")),
        weight=4,
        name_font="script",
        name_colour=RED,
        sticker_places=UPPER,
    ),
    Style(
        "CA",
        "CALIFORNIA",
        (*series("AAA 999", "9A9 9A9", "9A99999", "AAA9A9"), Serial("99A9 9A9", 0.3)),
        weight=1.5,
        ink=YELLOW,
        background=(BLACK,),
        name_colour=YELLOW,
        name_font="condensed",
        sticker_places=UPPER,
    ),
    Style(
        "CA",
        "California",
        (Serial("999{[D][P]}", 2), Serial("{[D][P]}999A9"), Serial("9999{[D][P]}")),
        weight=0.8,
        name_font="script",
        name_colour=RED,
        motif=side_picture("wheelchair", BLUE),
        serial_left=0.24,
        sticker_places=UPPER,
    ),
    Style(
        "CA",
        "CALIFORNIA",
        series("[E]999999", "9999999"),
        weight=0.5,
        slogan="EXEMPT",
        name_font="condensed",
    ),
    Style(
        "CA",
        "California",
        series("99A9A", "A99AA", "999AA"),
        weight=0.4,
        background=(SKY, PALE_BLUE, PEACH),
        slogan="YOSEMITE",
        motif=together(
            mountains(SLATE, (110, 130, 110), base=0.85, peak=0.5), forest(DARK_GREEN, base=0.92)
        ),
        sticker_places=UPPER,
    ),
    Style(
        "CA",
        "California",
        series("99A9A", "9AA99", "AA999"),
        weight=0.4,
        background=(TURQUOISE, SKY),
        motif=together(waves(BLUE, TURQUOISE), silhouette("fish", TEAL, size=0.4, x=0.14, y=0.55)),
        serial_left=0.2,
        name_colour=WHITE,
    ),
    Style(
        "CA",
        "CALIFORNIA",
        series("99A9999", "A999999", "9999999"),
        weight=0.5,
        slogan="TRAILER",
        name_colour=ROYAL,
        ink=ROYAL,
        sticker_places=UPPER,
    ),
    Style(
        "CA",
        "CALIFORNIA",
        series("AA99A99", "AA99A9A"),
        weight=1.5,
        ink=(BLACK, RED),
        slogan="TEMPORARY",
        motif=faint(repeated_text("CALIFORNIA", GREY), 0.5),
        face="wide",
        name_colour=BLACK,
        name_font="bold",
    ),
)

NORTHWEST = (
    Style(
        "WA",
        "WASHINGTON",
        series("AAA9999", "999-AAA", "999 AAA", "A99999A"),
        weight=3,
        ink=NAVY,
        name_colour=RED,
        slogan="Evergreen State",
        slogan_font="script",
        motif=faint(mountains((220, 190, 160), base=0.8, peak=0.55, snow=True), 0.6),
        sticker_places=(*UPPER, "bl"),
    ),
    Style(
        "OR",
        "Oregon",
        series("999 AAA", "AAA 999", "999*AAA"),
        weight=2,
        ink=NAVY,
        background=(LILAC, PALE_BLUE, WHITE),
        name_colour=NAVY,
        motif=together(
            mountains((200, 160, 170), (190, 190, 160), base=0.8, peak=0.3),
            silhouette("tree", (90, 130, 60), size=0.62),
        ),
        emblem="tree",
        emblem_colour=GREEN,
        sticker_places=LOWER,
    ),
    Style(
        "OR",
        "Oregon",
        series("{[C][L]}99999", "{AA}99999", "[T]999999"),
        weight=0.4,
        background=(PALE_BLUE, WHITE, TAN),
        motif=together(mountains(SKY, base=0.85, snow=True), side_picture("fish", (150, 120, 190))),
        serial_left=0.24,
    ),
    Style(
        "OR",
        "Oregon",
        series("{AA}99999", "99999{AA}"),
        weight=0.4,
        background=(SKY, LILAC),
        slogan="CRATER LAKE",
        motif=together(mountains(BLUE, base=0.75, peak=0.3), waves(ROYAL, BLUE, base=0.75)),
    ),
    Style(
        "ID",
        "Idaho",
        series(
            "9A 99999", "9A 9999", "99A 9999", "9A 999A", "9A A9999", "[A] 999999", "[K] 99999A"
        ),
        weight=1,
        ink=BLUE,
        background=(RED, WHITE, PALE_BLUE),
        name_font="slab",
        name_colour=BLUE,
        slogan="Famous Potatoes",
        slogan_colour=BLUE,
        motif=together(
            mountains((200, 160, 120), base=0.85, peak=0.25), forest((120, 140, 90), base=0.95)
        ),
        sticker_places=LOWER,
    ),
    Style(
        "AK",
        "ALASKA",
        series("AAA 999"),
        weight=0.5,
        ink=ROYAL,
        background=(YELLOW,),
        name_colour=ROYAL,
        slogan="The Last Frontier",
        emblem="star",
        motif=faint(silhouette("state", GOLD, size=0.7), 0.3),
        sticker_places=UPPER,
    ),
    Style(
        "AK",
        "ALASKA",
        series("AAA 999", "AAA*999"),
        weight=0.3,
        ink=BLACK,
        background=(SKY, YELLOW),
        slogan="The Great Land",
        emblem="bear",
        motif=together(mountains(SLATE, base=0.75, snow=True), silhouette("bear", BROWN, size=0.5)),
    ),
    Style(
        "HI",
        "HAWAII",
        series("AAA 999", "AA9 999"),
        weight=0.6,
        ink=BLACK,
        name_font="bold",
        name_colour=BLACK,
        slogan="ALOHA STATE",
        slogan_colour=BLACK,
        motif=faint(rainbow(RED, ORANGE, YELLOW, GREEN, BLUE, PURPLE), 0.45),
        sticker_places=("tr", "br"),
    ),
)

MOUNTAIN = (
    Style(
        "NV",
        "NEVADA",
        series("999-A99", "999 AAA", "99A-999", "999*AAA", "99A*999", "AAA-999"),
        weight=2,
        ink=NAVY,
        background=(SKY, CREAM, YELLOW),
        name_colour=NAVY,
        slogan="The Silver State",
        slogan_font="script",
        emblem="mountain",
        motif=mountains((190, 150, 170), (170, 180, 190), base=0.7, peak=0.25),
        sticker_places=UPPER,
    ),
    Style(
        "NV",
        "NEVADA",
        series("999*A99", "99A*999", "999*9A9"),
        weight=1,
        ink=ROYAL,
        background=(SILVER,),
        slogan="HOME MEANS NEVADA",
        emblem="dot",
        name_font="slab",
        motif=together(
            swoosh(BLUE, GOLD, y=0.2), faint(mountains(SLATE, base=0.95, peak=0.3), 0.5)
        ),
        sticker_places=UPPER,
    ),
    Style(
        "AZ",
        "ARIZONA",
        series("AAA9999", "999*AAA", "AAA*999", "A9A 9AA"),
        weight=3,
        ink=(GREEN, (70, 84, 40)),
        background=(PURPLE, LILAC, PEACH, WHITE),
        name_colour=TEAL,
        name_font="bold",
        slogan="GRAND CANYON STATE",
        slogan_colour=GREEN,
        emblem="cactus",
        emblem_colour=GREEN,
        motif=together(
            sun(WHITE, x=0.82, y=0.35, radius=0.14), mountains(PURPLE, base=0.95, peak=0.25)
        ),
        sticker_places=("tr",),
    ),
    Style(
        "UT",
        "UTAH",
        series("A99 9AA", "999 9AA", "A99*9AA", "9A9 A9A"),
        weight=1.2,
        ink=NAVY,
        background=(PEACH, ORANGE, WHITE),
        slogan="LIFE ELEVATED",
        name_font="slab",
        emblem="delicate_arch",
        emblem_colour=ORANGE,
        motif=silhouette("delicate_arch", (90, 140, 226), size=0.72),
        sticker_places=UPPER,
    ),
    Style(
        "UT",
        "UTAH",
        series("A99*9AA", "999*9AA", "A999 AA"),
        weight=1,
        ink=BLACK,
        background=(SKY, WHITE),
        slogan="GREATEST SNOW ON EARTH",
        emblem="mountain",
        motif=together(
            mountains(SKY, PALE_BLUE, base=0.9, peak=0.5, snow=True),
            swoosh(BLUE, y=0.25, thickness=0.03),
        ),
        sticker_places=UPPER,
    ),
    Style(
        "UT",
        "UTAH",
        series("9A9AA", "A999AA", "9999 AA"),
        weight=0.4,
        ink=WHITE,
        background=(BLACK,),
        name_colour=WHITE,
        name_font="serif",
    ),
    Style(
        "CO",
        "COLORADO",
        series("AAA-A99", "999-AAA", "AAA-999", "999*AAA", "AAA*999", "AA-9999"),
        weight=2.5,
        ink=(WHITE, DARK_GREEN),
        background=(GREEN,),
        name_place="bottom",
        name_colour=WHITE,
        emblem="mountain",
        motif=mountains(WHITE, base=0.35, peak=0.25),
        sticker_places=LOWER,
    ),
    Style(
        "CO",
        "COLORADO",
        series("AAA-A99", "999-AAA", "AAA-999"),
        weight=2,
        ink=DARK_GREEN,
        name_place="bottom",
        name_colour=WHITE,
        motif=together(bands(GREEN, GREEN, 0.14, 0.16), mountains(GREEN, base=0.25, peak=0.12)),
        sticker_places=LOWER,
    ),
    Style(
        "WY",
        "WYOMING",
        series("9*9999", "99*9999", "9*99999", "99*999A", "9*999AA"),
        weight=0.5,
        ink=(BLACK, NAVY),
        background=(SKY, PALE_BLUE, WHITE),
        name_place="bottom",
        emblem="bucking_horse",
        emblem_colour=BLACK,
        motif=mountains((200, 180, 160), (160, 180, 170), base=0.85, peak=0.5),
        sticker_places=UPPER,
    ),
    Style(
        "WY",
        "WYOMING",
        series("9*9999", "99*9999", "9*99999"),
        weight=0.4,
        ink=BROWN,
        background=(SKY, PEACH, TAN),
        name_colour=BROWN,
        emblem="bucking_horse",
        motif=silhouette("canyon", (130, 150, 200), size=0.5, y=0.65),
        sticker_places=LOWER,
    ),
    Style(
        "MT",
        "MONTANA",
        series("99-9999A", "9-99999A", "9-9999A", "AAA999", "999 AAA"),
        weight=0.5,
        ink=WHITE,
        background=(ROYAL,),
        name_colour=WHITE,
        slogan="TREASURE STATE",
        slogan_colour=WHITE,
        emblem="mountain",
        motif=border(WHITE, 5),
        sticker_places=LOWER,
    ),
    Style(
        "MT",
        "Montana",
        series("9*99999A", "99*9999A", "9*9999A"),
        weight=0.4,
        ink=NAVY,
        background=(SKY, WHITE),
        slogan="Big Sky Country",
        emblem="dash",
        motif=mountains((210, 180, 150), (190, 170, 140), base=0.85),
        sticker_places=UPPER,
    ),
    Style(
        "NM",
        "NEW MEXICO",
        series("999-AAA", "AAA-999", "999*AAA", "AAA*A99"),
        weight=0.8,
        ink=RED,
        background=(YELLOW,),
        name_colour=RED,
        slogan="Land of Enchantment",
        slogan_colour=RED,
        emblem="zia",
        emblem_colour=RED,
        motif=faint(silhouette("zia", ORANGE, size=0.7), 0.35),
        sticker_places=LOWER,
    ),
    Style(
        "NM",
        "NEW MEXICO",
        series("999-AAA", "AAA 999", "AAA*A99"),
        weight=0.7,
        ink=(YELLOW, WHITE),
        background=(TURQUOISE,),
        name_colour=YELLOW,
        slogan="Land of Enchantment",
        slogan_colour=YELLOW,
        emblem="zia",
        sticker_places=LOWER,
        motif=silhouette("zia", YELLOW, size=0.2, x=0.08, y=0.2),
    ),
)

STYLES: tuple[Style, ...] = (
    *CALIFORNIA,
    *NORTHWEST,
    *MOUNTAIN,
)
"""Every style there is."""
