"""How US plates look and are numbered: data for rendering plates to train on.

The styles are in the TOML files of this folder, by region; `palette.toml` names the colours. They were written
from memory of plates on the road since about 1995, for variety rather than for the record: colours, words and
series are close to the issued ones, the pictures are only of the same kind (`training.motifs`). Personalised
serials are not listed; any style may carry one.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from scenes.model import Colour
from scenes.plates import DIGITS, LETTERS
from training.motifs import MOTIFS, Motif, together

FILES = (
    "california",
    "northwest",
    "mountain",
    "texas",
    "florida",
    "deep_south",
    "midwest",
    "new_york",
    "northeast",
    "specialty",
    "trades",
    "motorcycles",
    "europe",
    "neighbours",
)
"""In this order: a seed draws a style by its index."""

Font = Literal["sans", "bold", "serif", "slab", "script", "condensed"]
Place = Literal["top", "bottom", "none"]
Face = Literal["die", "wide", "serif"]

_FOLDER = Path(__file__).parent
PALETTE: Mapping[str, Colour] = {
    name: (b, g, r)
    for name, (b, g, r) in tomllib.loads((_FOLDER / "palette.toml").read_text()).items()
}
"""Named colours, BGR."""


class StyleFault(ValueError):
    """A style file names an unknown field or value; the message names file, style and fault."""


@dataclass(frozen=True)
class Serial:
    """One series of serials.

    In `pattern`, `9` is a digit and `A` a letter; a space is a gap, `-` a hyphen, `*` the style's emblem and `/`
    the end of the upper line; none of these is part of the plate. `{AA}` is a stacked pair of small characters,
    the upper first, and `[H]` the letter or digit H itself.
    """

    pattern: str
    weight: float = 1.0
    letters: str = LETTERS
    first: str = DIGITS
    """Allowed leading digits."""


@dataclass(frozen=True)
class Style:
    """One design of plate, with the series seen on it."""

    region: str
    """Postal code, or `unknown`."""
    name: str
    """As printed; empty if the plate has no name."""
    serials: tuple[Serial, ...]
    weight: float = 1.0
    """How often it occurs on US roads, relative to the others."""
    ink: Colour | tuple[Colour, ...] = PALETTE["navy"]
    """The serial's colour, or several to choose from."""
    background: tuple[Colour, ...] = (PALETTE["white"],)
    """One to four colours that blend from top to bottom."""
    name_font: Font = "sans"
    name_place: Place = "top"
    name_colour: Colour = PALETTE["navy"]
    slogan: str = ""
    slogan_font: Font = "sans"
    slogan_place: Place = "bottom"
    slogan_colour: Colour = PALETTE["navy"]
    motif: Motif | None = None
    emblem: str = "none"
    """The emblem that `*` in a pattern draws: a key of `motifs.EMBLEMS`."""
    emblem_colour: Colour | None = None
    face: Face = "die"
    """`die` is pressed and narrow, `wide` boxy or printed flat, `serif` pressed with serifs."""
    sticker_places: tuple[str, ...] = ()
    aspect: float = 2.0
    """Width by height."""
    serial_left: float = 0.0
    """Share of the width, from the left edge, that the serial leaves free."""


_CHOICES = {
    "name_font": Font,
    "slogan_font": Font,
    "name_place": Place,
    "slogan_place": Place,
    "face": Face,
}


def parse(text: str, file: str) -> list[Style]:
    """Return the styles of a file's TOML, in its order. Raises: StyleFault."""
    styles = []
    for number, table in enumerate(tomllib.loads(text)["style"], 1):
        try:
            styles.append(_style(table))
        except (KeyError, TypeError, ValueError) as exc:
            raise StyleFault(f"{file}, style {number} ({table.get('region')}): {exc}") from exc
    return styles


def _style(table: Mapping[str, Any]) -> Style:
    """Build a style from its table. Raises: KeyError, TypeError or ValueError for unknown fields or values."""
    if unknown := table.keys() - {field.name for field in fields(Style)}:
        raise ValueError(f"no such fields: {', '.join(sorted(unknown))}")
    for name, allowed in _CHOICES.items():
        if name in table and table[name] not in get_args(allowed):
            raise ValueError(f"{name} is {table[name]!r}, not one of {get_args(allowed)}")
    made = dict(table)
    made["serials"] = tuple(_serial(said) for said in table["serials"])
    made["sticker_places"] = tuple(table.get("sticker_places", ()))
    for name in table.keys() & {"name_colour", "slogan_colour", "emblem_colour"}:
        made[name] = _colour(table[name])
    for name in table.keys() & {"ink", "background"}:
        made[name] = _colours(table[name])
    if "motif" in table:
        made["motif"] = _motif(table["motif"])
    return Style(**made)


def _serial(said: str | Mapping[str, Any]) -> Serial:
    return Serial(said) if isinstance(said, str) else Serial(**said)


def _colour(said: str | Sequence[int]) -> Colour:
    """Return a colour by its name in the palette, or by its three numbers."""
    if isinstance(said, str):
        return PALETTE[said]
    blue, green, red = said
    return blue, green, red


def _colours(said: Any) -> Any:
    """Return one colour, or the tuple of colours that a list of them names."""
    if isinstance(said, list) and not isinstance(said[0], int):
        return tuple(_colour(one) for one in said)
    return _colour(said)


def _motif(said: Sequence[Any] | Mapping[str, Any]) -> Motif:
    """Return a motif from one drawing, or from several over one another."""
    if not isinstance(said, Mapping):
        drawn = [_motif(one) for one in said]
        return drawn[0] if len(drawn) == 1 else together(*drawn)
    draw = MOTIFS[said["draw"]]
    hints = get_type_hints(draw)
    several: Sequence[Colour] = ()
    given: dict[str, Any] = {}
    for name, value in said.items():
        if name == "draw":
            continue
        if name == "motif":
            given[name] = _motif(value)
        elif name == "colours":
            several = _colours(value)
        elif Colour in (hints[name], *get_args(hints[name])):
            given[name] = _colours(value)
        else:
            given[name] = tuple(value) if isinstance(value, list) else value
    return draw(*several, **given)


STYLES: tuple[Style, ...] = tuple(
    style
    for name in FILES
    for style in parse((_FOLDER / f"{name}.toml").read_text(), f"{name}.toml")
)
"""All styles."""
