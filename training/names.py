"""Samples for the reader of states' names, written once and read often: `python -m training.names`.

They mix the sheets, words and typefaces of all styles: a name can be on any sheet, in any hand and at either
edge, so that only the name itself identifies the state.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.model import Colour, Image
from services.recognition.engine.states import cut_edges
from services.recognition.models import NAMES_HEIGHT_PX, NAMES_WIDTH_PX
from training import files
from training.faces import HELD_OUT_NAME_PACKAGES, NAME_PACKAGES, spelled_words
from training.files import mapped, write_blocks
from training.fittings import DEALERS, MONTHS, fit_hardware, stick_on, worn
from training.painting import (
    HEIGHT_PX,
    NAME_FONTS,
    WIDTH_PX,
    any_colour,
    contrasting,
    lay,
    one_of,
    sheet,
    squeezed,
)
from training.photography import WIDEST_PX, found_corners, photograph
from training.plates import PlateRenderer, face_of
from training.press import press
from training.samples import REGIONS
from training.signs import SIGN_WORDS, bare
from training.styles import STYLES, Style

NARROWEST_PX: Final = 60
"""Width of a plate in its photo; names on narrower plates are illegible."""
BLOCK: Final = 1000
COLUMN_PX: Final = 4
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
UNNAMED_SHARE: Final = 0.16
"""Share of plates without a visible name of a state."""
HARDWARE_SHARE: Final = 0.5
"""Share of plates with bolts, a rim, or a frame; a dealer's frame often hides the name to be learnt."""
OWN_SHEET, BARE_SHEET = 0.4, 0.2
"""Shares of names on their own style's sheet, and on a sheet of a single colour; the rest are on other styles'
sheets."""
BEFORE: Final = (
    "EXPLORE",
    "Scenic",
    "Explore",
    "VISIT",
    "Wild, Wonderful",
    "Beautiful",
    "State of",
    "Sweet Home",
)
BEHIND: Final = (".gov", " - 10", " USA", " 1889", ", USA", ".com")
ADDRESSES: Final = ("www.{}.gov", "My{}.com", "www.{}.com", "{}.org")
"""How plates print their state's site."""
STACKED_SHARE: Final = 0.3
"""Share of names of two words that have a line for each, such as New Hampshire's."""
INNER_SHARE, OUTER_SHARE = 0.14, 0.08
"""Shares of names between other words and the serial, as North Dakota's, and between the edge and other words."""
APART_SHARE: Final = 0.15
"""Share of lines whose letters are spread."""
BENT_SHARE: Final = 0.1
"""Share of lines on an arc."""
# fmt: off
PLAIN_WORDS: Final = (
    "LINN", "KENTON", "NESHOBA", "LAUDERDALE", "SALT LAKE", "DALLAS", "ORANGE", "POLK", "MADISON", "JEFFERSON",
    "EXEMPT", "TRUCK", "TRAILER", "FLEET", "APPORTIONED", "COMMERCIAL", "DEALER", "MUNICIPAL", "GOVERNMENT",
    "TEMPORARY", "VETERAN", "DISABLED", "FIREFIGHTER", "IN GOD WE TRUST", "CENTENNIAL", "CELEBRATING STATEHOOD",
    "UNIVERSITY", "PASSENGER", "COUNTY", "CLASSIC", "ANTIQUE", "PERMANENT", "COMBINATION", "SUNSHINE", "WILDLIFE",
    "Ontario", "Quebec", "Je me souviens", "Alberta", "Manitoba", "MEXICO", "SONORA", "BAJA CALIFORNIA NORTE", "Guam",
    "Puerto Rico", "NUEVO LEON", "Nova Scotia", "SASKATCHEWAN", "UNITED STATES", "DEUTSCHLAND", "THANK YOU",
)
NAMES: Final = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado", "CT": "Connecticut",
    "DC": "Washington, DC", "DE": "Delaware", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "IA": "Iowa", "ID": "Idaho",
    "IL": "Illinois", "IN": "Indiana", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana", "MA": "Massachusetts", "MD": "Maryland",
    "ME": "Maine", "MI": "Michigan", "MN": "Minnesota", "MO": "Missouri", "MS": "Mississippi", "MT": "Montana", "NC": "North Carolina",
    "ND": "North Dakota", "NE": "Nebraska", "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NV": "Nevada",
    "NY": "New York", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island",
    "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VA": "Virginia", "VT": "Vermont",
    "WA": "Washington", "WI": "Wisconsin", "WV": "West Virginia", "WY": "Wyoming",
}
OTHER_NAMES: Final = {"DC": ("Washington, D.C.", "District of Columbia", "TAXATION WITHOUT REPRESENTATION")}
# fmt: on
SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "edges": (NAMES_HEIGHT_PX, NAMES_WIDTH_PX, 3),
    "states": (),
    "letters": (2, NAMES_WIDTH_PX // COLUMN_PX),
}
"""The files of a folder of samples, and the shape of one sample in each; see `Names`."""
DONE: Final = "done"
"""Marker file, written once all samples are rendered."""


@dataclass(frozen=True, slots=True)
class Names:
    """Arrays of equal length, memory-mapped."""

    edges: NDArray[np.uint8]
    """(N, 80, 192, 3) BGR."""
    states: NDArray[np.uint8]
    """(N,) indices into REGIONS; 0 for a plate without a state's name."""
    letters: NDArray[np.uint8]
    """(N, 2, 48): the letter whose middle is in each column of 4 px of the upper and of the lower edge, 1 to 26
    for A to Z, large or small; 0 for none."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter on a plate, and its middle, px."""

    text: str
    x: float
    y: float


class NamedPlates:
    """Draws plates whose names are to be read; caches sheets, which cost the most."""

    def __init__(
        self,
        *,
        cached_per_style: int = 6,
        packages: Mapping[str, Sequence[str]] = NAME_PACKAGES,
    ) -> None:
        """`packages`: the typefaces of names and other words, by kind."""
        self._serials = PlateRenderer()
        self._packages = packages
        self._cached: dict[tuple[int, int], Image] = {}
        self._cached_per_style = cached_per_style
        self._of: dict[str, list[Style]] = defaultdict(list)
        for style in STYLES:
            if style.aspect < 2.5:
                self._of[style.region].append(style)

    def render(self, rng: np.random.Generator) -> tuple[Image, str, list[Letter]]:
        """Return a plate, (160, 320, 3) uint8 BGR; its state, or `unknown` if the plate names none; and the letters
        at its edges."""
        region = "unknown" if rng.random() < UNNAMED_SHARE else str(rng.choice(REGIONS[1:]))
        styles = self._of[region]
        style = styles[int(rng.integers(len(styles)))]
        plate = self._sheet(rng, style)
        letters = self._write(rng, plate, style)
        marks = self._serials.marks(rng, style)
        stick_on(rng, plate, style)
        face = face_of(rng, style)
        press(rng, plate, marks, face, style, contrasting(rng, plate, one_of(rng, style.ink)), None)
        if rng.random() < HARDWARE_SHARE:
            fit_hardware(rng, plate)
        return worn(rng, plate), region, letters

    def _sheet(self, rng: np.random.Generator, style: Style) -> Image:
        which = rng.random()
        if which < BARE_SHEET:
            return bare(rng)
        own = which < BARE_SHEET + OWN_SHEET
        number = STYLES.index(style) if own else int(rng.integers(len(STYLES)))
        key = number, int(rng.integers(self._cached_per_style))
        if key not in self._cached:
            painted = sheet(np.random.default_rng(key), STYLES[number])
            self._cached[key] = np.asarray(cv2.resize(painted, (WIDTH_PX, HEIGHT_PX)), np.uint8)
        return self._cached[key].copy()

    def _write(self, rng: np.random.Generator, plate: Image, style: Style) -> list[Letter]:
        """Write the name at one edge, and other words or none at the other."""
        letters: list[Letter] = []
        top = bool(rng.random() < 0.75)
        if style.name_place != "none" and rng.random() < 0.6:
            top = style.name_place == "top"
        write = partial(write_line, rng, plate, style=style, packages=self._packages)
        if style.region != "unknown":
            letters += self._write_name(rng, write, style, top=top)
        elif rng.random() < 0.6:
            letters += write(anything(rng), top=top, size=(0.09, 0.22)).letters
        which = rng.random()
        if which < 0.4 and style.slogan:
            letters += write(style.slogan, top=not top, size=(0.06, 0.15)).letters
        elif which < 0.65:
            letters += write(anything(rng), top=not top, size=(0.06, 0.18)).letters
        return letters

    def _write_name(
        self, rng: np.random.Generator, write: "Writing", style: Style, *, top: bool
    ) -> list[Letter]:
        """Write the name in a line, in two, or in one that is the inner or the outer of two.

        Returns: the letters of the name's longest line; a column has a label of one line only.
        """
        name = naming(rng, style)
        first, _, second = name.partition(" ")
        which = rng.random()
        if second and which < STACKED_SHARE:
            outer, inner = (first, second) if top else (second, first)
            written = write(outer, top=top, size=(0.08, 0.16))
            more = write(inner, top=top, size=(0.08, 0.16), edge_px=written.reach_px)
            return max(written.letters, more.letters, key=len)
        which = rng.random()
        other = style.slogan if style.slogan and rng.random() < 0.5 else anything(rng)
        if which < INNER_SHARE:
            written = write(other, top=top, size=(0.05, 0.1))
            return write(name, top=top, size=(0.08, 0.15), edge_px=written.reach_px).letters
        if which < INNER_SHARE + OUTER_SHARE:
            written = write(name, top=top, size=(0.08, 0.16))
            write(other, top=top, size=(0.05, 0.1), edge_px=written.reach_px)
            return written.letters
        return write(name, top=top, size=(0.09, 0.24)).letters


def held_out_plates() -> NamedPlates:
    """Return what draws the plates of the validation, whose typefaces no training has."""
    return NamedPlates(cached_per_style=2, packages=HELD_OUT_NAME_PACKAGES)


def naming(rng: np.random.Generator, style: Style) -> str:
    """Return a state's name as plates print it: in capitals or not, sometimes with another word."""
    name = NAMES[style.region]
    others = OTHER_NAMES.get(style.region, ())
    if others and rng.random() < 0.6:
        name = str(rng.choice(others))
    if rng.random() < 0.55:
        name = name.upper()
    which = rng.random()
    if which < 0.07:
        return f"{rng.choice(BEFORE)} {name}"
    if which < 0.1:
        return str(rng.choice(ADDRESSES)).format(name.replace(" ", ""))
    return f"{name}{rng.choice(BEHIND)}" if which < 0.15 else name


def anything(rng: np.random.Generator) -> str:
    """Return words that name no state: counties, classes, dealers, signs, provinces, months."""
    lists = (PLAIN_WORDS, PLAIN_WORDS, DEALERS, SIGN_WORDS, MONTHS)
    text = str(rng.choice(lists[int(rng.integers(len(lists)))]))
    return text if rng.random() < 0.6 else text.title()


@dataclass(frozen=True, slots=True)
class Written:
    """A line on a plate: its letters, and how far it reaches from the edge, px."""

    letters: list[Letter]
    reach_px: int


class Writing(Protocol):
    """Writes a line at an edge of a plate; see `write_line`."""

    def __call__(
        self, text: str, *, top: bool, size: tuple[float, float], edge_px: int | None = None
    ) -> Written:
        """Write it."""


def write_line(
    rng: np.random.Generator,
    plate: Image,
    text: str,
    *,
    top: bool,
    size: tuple[float, float],
    style: Style,
    packages: Mapping[str, Sequence[str]] = NAME_PACKAGES,
    edge_px: int | None = None,
) -> Written:
    """Write words along an edge in some hand, upright or leaning, on a band or not.

    Args:
        rng: chooses the hand, the colour and the place.
        plate: what is written on.
        text: the words.
        top: whether at the upper edge.
        size: the least and the most height of a line, shares of the plate's.
        style: the style whose hand and colour some lines have.
        packages: the typefaces, by kind.
        edge_px: where the line begins, from the edge; None for a place close to it.
    """
    own = rng.random() < 0.3
    kind = style.name_font if own else str(rng.choice(NAME_FONTS))
    height = max(6, round(rng.uniform(*size) * HEIGHT_PX))
    if rng.random() < 0.2:
        line = _in_small_capitals(rng, packages[kind], text, height)
    else:
        apart = round(height * rng.uniform(0.1, 0.5)) if rng.random() < APART_SHARE else 0
        line = _Line(text, *spelled_words(rng, packages[kind], text, height, apart))
    line = _leaning(rng, line)
    if rng.random() < BENT_SHARE:
        line = _bent(rng, line)
    mask = squeezed(line.mask, rng.uniform(0.6, 0.96) * plate.shape[1])
    edge = round(rng.uniform(0.01, 0.09) * HEIGHT_PX) if edge_px is None else edge_px
    y = edge if top else HEIGHT_PX - edge - mask.shape[0]
    spare = plate.shape[1] - mask.shape[1]
    x = spare // 2 + int(rng.integers(-6, 7))
    if rng.random() < 0.25:
        x = round(rng.uniform(0.04, 0.96) * spare)
    ground = plate[max(0, y) : y + mask.shape[0], max(0, x) : x + mask.shape[1]]
    if rng.random() < 0.15:
        reach = slice(0, y + mask.shape[0] + 3) if top else slice(max(0, y - 3), None)
        plate[reach] = any_colour(rng)
    colour: Colour = style.name_colour if own else any_colour(rng)
    colour = contrasting(rng, ground, colour)
    if rng.random() < 0.15:
        wider = cv2.copyMakeBorder(mask, 2, 2, 2, 2, cv2.BORDER_CONSTANT)
        around = np.asarray(cv2.dilate(wider, np.ones((3, 3))), np.uint8)
        lay(plate, around, (x - 2, y - 2), any_colour(rng))
    lay(plate, mask, (x, y), colour)
    scale = mask.shape[1] / line.mask.shape[1]
    middle = y + mask.shape[0] / 2
    letters = [
        Letter(one.upper(), x + scale * at, middle)
        for one, at in zip(line.text, line.middles, strict=True)
        if one.upper() in LETTERS
    ]
    return Written(letters, edge + mask.shape[0] + 1)


@dataclass(frozen=True, slots=True)
class _Line:
    """Words as a mask, and the middle of each character, px from its left."""

    text: str
    mask: Image
    middles: tuple[float, ...]


def _in_small_capitals(
    rng: np.random.Generator, packages: Sequence[str], text: str, height_px: int
) -> _Line:
    """Set capitals on one line, the first of each word higher than the others."""
    hand = int(rng.integers(1 << 30))
    pieces: list[Image] = []
    middles: list[float] = []
    said, at = "", 0
    for word in text.upper().split():
        for part, high in ((word[:1], height_px), (word[1:], round(0.78 * height_px))):
            if part:
                same = np.random.default_rng(hand)
                mask, where = spelled_words(same, packages, part, max(6, high))
                pieces.append(np.pad(mask, ((0, 0), (0, 1))))
                middles += [at + x for x in where]
                said, at = said + part, at + pieces[-1].shape[1]
        pieces.append(np.zeros((1, max(2, height_px // 3)), np.uint8))
        at += pieces[-1].shape[1]
    tallest = max(piece.shape[0] for piece in pieces)
    raised = [np.pad(piece, ((tallest - piece.shape[0], 0), (0, 0))) for piece in pieces[:-1]]
    return _Line(said, np.concatenate(raised, axis=1), tuple(middles))


def _leaning(rng: np.random.Generator, line: _Line) -> _Line:
    """Stretch the words, and sometimes slant them like italics."""
    height, width = line.mask.shape
    stretch = rng.uniform(0.75, 1.35)
    lean = rng.uniform(0, 0.35) if rng.random() < 0.3 else 0.0
    out = max(4, round(stretch * width + lean * height))
    matrix = np.array([[stretch, -lean, lean * height], [0, 1, 0]], np.float32)
    mask = np.asarray(cv2.warpAffine(line.mask, matrix, (out, height)), np.uint8)
    return _Line(line.text, mask, tuple(stretch * x + lean * height / 2 for x in line.middles))


def _bent(rng: np.random.Generator, line: _Line) -> _Line:
    """Lay the words on an arc, its middle higher or lower than its ends."""
    height, width = line.mask.shape
    rise = rng.uniform(0.1, 0.5) * height
    x, y = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(round(height + rise), dtype=np.float32)
    )
    off = rise * (2 * x / width - 1) ** 2
    if rng.random() < 0.3:
        off = rise - off
    mask = cv2.remap(line.mask, x, (y - off).astype(np.float32), cv2.INTER_LINEAR)
    return _Line(line.text, np.asarray(mask, np.uint8), line.middles)


def width_px(rng: np.random.Generator) -> float:
    """Sample the width of a plate in its photo; small widths are more frequent."""
    return float(np.exp(rng.uniform(np.log(NARROWEST_PX), np.log(WIDEST_PX))))


@dataclass(frozen=True, slots=True)
class NameSample:
    """One plate as the network sees it; see `Names`."""

    edges: Image
    state: int
    letters: NDArray[np.uint8]


def sample(rng: np.random.Generator, renderer: NamedPlates) -> NameSample:
    """Render one plate as the network sees it, with its labels."""
    plate, region, letters = renderer.render(rng)
    middles = np.array([(one.x, one.y) for one in letters], np.float32).reshape(-1, 2)
    photo = photograph(rng, plate, width_px(rng), middles)
    cut = cut_edges(photo.pixels, found_corners(rng, photo))
    columns = np.zeros(SHAPES["letters"], np.uint8)
    for one, (row, x) in zip(letters, cut.placed(photo.places), strict=True):
        if row is not None and 0 <= x < NAMES_WIDTH_PX:
            columns[row, int(x) // COLUMN_PX] = LETTERS.index(one.text) + 1
    return NameSample(cut.picture, REGIONS.index(region), columns)


def drawn(rng: np.random.Generator, renderer: NamedPlates, count: int) -> Names:
    """Render a number of samples with one generator."""
    pictures, states, letters = (np.empty((count, *shape), np.uint8) for shape in SHAPES.values())
    for i in range(count):
        one = sample(rng, renderer)
        pictures[i], states[i], letters[i] = one.edges, one.state, one.letters
    return Names(pictures, states, letters)


def _block(job: tuple[int, int]) -> tuple[NDArray[np.uint8], ...]:
    """Render a number of samples from one seed: the arrays of `Names` in their order."""
    seed, count = job
    cv2.setNumThreads(1)
    rng = np.random.default_rng((11, seed))
    found = drawn(rng, _renderer(), count)
    return found.edges, found.states, found.letters


@cache
def _renderer() -> NamedPlates:
    """Return this process's renderer, so that the sheets it painted are reused."""
    return NamedPlates()


def write(folder: Path, count: int, seed: int, workers: int) -> None:
    """Render `count` samples into `folder` as .npy files; the same for the same seed."""
    write_blocks(folder, SHAPES, _block, count=count, seed=seed, block=BLOCK, workers=workers)
    (folder / DONE).touch()


def load(folder: Path) -> Names:
    """Memory-map samples that `write` made."""
    return Names(*mapped(folder, SHAPES))


def main() -> None:
    """Render samples."""
    files.main(__doc__, 80_000, write)


if __name__ == "__main__":
    main()
