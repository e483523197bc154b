"""Region packs: how the plates of a part of the world are numbered, shaped and confused, as data.

A pack is a file of `packs/`; the policy chooses one or several by their names (`[regions] packs`). Recognition takes
its serial formats, lengths and shapes of plates from them, and hotlist its classes of look-alikes (ADR-0086).

A serial format is a text of `L` for a letter, `D` for a digit and `[EH]` for one of these characters; `{2,5}` after one
repeats it 2 to 5 times, `{3}` three times.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from string import ascii_uppercase
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from shared.core.plates import CHARACTERS, MAX_PLATE_CHARACTERS
from shared.core.regions import ALLOWED, is_region

DEFAULT: Final = ("us",)
"""The packs of a policy that chooses none."""

_FOLDER: Final = Path(__file__).parent / "packs"
_PART: Final = re.compile(r"([LD]|\[[A-Z0-9]+\])(?:\{([1-9])(?:,([1-9]))?\})?")


class RegionPackFault(ValueError):
    """A pack is unknown or invalid; the message names file and key, and what is allowed."""


class PlateShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plate's size, and where a single line of characters is on it."""

    width_mm: Annotated[float, Meta(gt=0, le=1000)]
    height_mm: Annotated[float, Meta(gt=0, le=1000)]
    serial_top: Annotated[float, Meta(ge=0, le=1)]
    serial_bottom: Annotated[float, Meta(ge=0, le=1)]
    """Both are shares of the plate's height, from its top."""

    small_pairs: bool = False
    """Whether such plates may have two small characters, one above the other, before or behind the serial."""


class RegionPack(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One pack as its file has it."""

    title: Annotated[str, Meta(min_length=1, max_length=60)]
    shortest: Annotated[int, Meta(ge=1, le=MAX_PLATE_CHARACTERS)]
    longest: Annotated[int, Meta(ge=1, le=MAX_PLATE_CHARACTERS)]
    """Characters of a serial; a text outside these lengths is no plate."""

    issued_oftener: Annotated[float, Meta(ge=1, le=1000)]
    """How many times more often a plate of an issued series occurs on the road than among the rendered plates that the
    reader was trained on."""

    mixed_rarer: Annotated[float, Meta(ge=1, le=1000)] = 1.0
    """How many times rarer than among those rendered plates a plate of no series is whose characters change between
    letters and digits more than once."""

    lookalikes: tuple[str, ...]
    """Classes of characters that readers confuse; the first one of a class represents it."""

    plates: Annotated[tuple[PlateShape, ...], Meta(min_length=1)]
    issuers: Annotated[Mapping[str, tuple[str, ...]], Meta(min_length=1)]
    """Serial formats by issuer."""

    any_issuer: tuple[str, ...] = ()
    """Serial formats of a plate whose issuer is unknown; those of all issuers if empty."""

    letters: Mapping[str, str] = {}
    """By issuer, the letters of its serials; A to Z if it is absent."""


class Series:
    """The serials that some formats allow."""

    __slots__ = ("_pattern",)

    def __init__(self, formats: Iterable[tuple[str, str]]) -> None:
        """`formats` are pairs of a valid format and the letters that it may have."""
        patterns = dict.fromkeys(_pattern(one, letters) for one, letters in formats)
        self._pattern = re.compile("|".join(patterns))

    def __contains__(self, plate: str) -> bool:
        return self._pattern.fullmatch(plate) is not None


class Regions:
    """The chosen packs together."""

    def __init__(self, named: Mapping[str, RegionPack]) -> None:
        """`named` are one or more packs by their names."""
        packs = tuple(named.values())
        self.names = tuple(named)
        """The names, in the policy's order."""

        self._of_issuer: dict[str, list[tuple[Series, float]]] = {}
        for pack in packs:
            for issuer, formats in pack.issuers.items():
                series = Series((one, _letters(pack, issuer)) for one in formats)
                self._of_issuer.setdefault(issuer, []).append((series, pack.issued_oftener))
        self._of_any = [(_of_any_issuer(pack), pack.issued_oftener) for pack in packs]
        self._mixed_rarer = min(pack.mixed_rarer for pack in packs)
        self.lengths = range(
            min(pack.shortest for pack in packs), max(pack.longest for pack in packs) + 1
        )
        """The numbers of characters that a serial may have."""

        self.plates = tuple(dict.fromkeys(shape for pack in packs for shape in pack.plates))
        """The shapes of plates."""

        self.lookalikes = joined(one for pack in packs for one in pack.lookalikes)
        """The classes of look-alikes; two classes of different packs that share a character are one."""

    @property
    def issuers(self) -> frozenset[str]:
        """ISO 3166 codes of the issuers, such as `US-CA` or `DE`."""
        return frozenset(self._of_issuer)

    def is_issued(self, plate: str, region: str | None = None) -> bool:
        """Whether a plate has the format of an issued series.

        Args:
            plate: A-Z and 0-9.
            region: whose series, such as `US-CA`; any issuer's if it is None or in no chosen pack.
        """
        return any(plate in series for series, _ in self._series(region))

    def issued_oftener(self, plate: str, region: str | None = None) -> float:
        """Return the prior of a plate beside a word that no issuer has issued in series, whose prior is 1; see
        `is_issued`."""
        found = (oftener for series, oftener in self._series(region) if plate in series)
        if oftener := max(found, default=0.0):
            return oftener
        return 1 / self._mixed_rarer if _is_mixed(plate) else 1.0

    def engine_name(self, name: str) -> str:
        """Return an engine's name, with the packs' names at its end unless they are the usual ones."""
        return name if self.names == DEFAULT else f"{name}-{'-'.join(self.names)}"

    def _series(self, region: str | None) -> Sequence[tuple[Series, float]]:
        return self._of_issuer.get(region or "", self._of_any)


def _is_mixed(plate: str) -> bool:
    changes = (one.isdigit() != following.isdigit() for one, following in pairwise(plate))
    return sum(changes) > 1


def available() -> tuple[str, ...]:
    """Return the names of all packs, in alphabetical order."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


@cache
def regions_of(names: tuple[str, ...]) -> Regions:
    """Return the packs of these names together, which a policy has checked. Raises: RegionPackFault."""
    check_names(names)
    return Regions({name: pack_of(name) for name in names})


def check_names(names: Sequence[str]) -> None:
    """Raises: RegionPackFault unless these are one or more packs, each once."""
    there = available()
    allowed = f"one or more of {', '.join(there)}"
    if not names:
        raise RegionPackFault(f"names no pack: allowed are {allowed}")
    for name in names:
        if name not in there:
            raise RegionPackFault(f"names {name!r}, which is no pack: allowed are {allowed}")
        if list(names).count(name) > 1:
            raise RegionPackFault(f"names {name} twice")


def pack_of(name: str) -> RegionPack:
    """Load and check a pack. Raises: RegionPackFault."""
    file = f"{name}.toml"
    return parse((_FOLDER / file).read_text(), file)


def parse(text: str, file: str) -> RegionPack:
    """Return the pack that a file's text describes. Raises: RegionPackFault naming `file`, key and allowed values."""
    try:
        pack = msgspec.convert(tomllib.loads(text), RegionPack)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        raise RegionPackFault(f"{file}: {exc}") from exc
    if pack.shortest > pack.longest:
        raise RegionPackFault(f"{file}: shortest is above longest")
    for shape in pack.plates:
        if shape.serial_top >= shape.serial_bottom:
            raise RegionPackFault(f"{file}: plates: serial_top is not above serial_bottom")
    _check_lookalikes(pack, file)
    _check_issuers(pack, file)
    return pack


def _check_lookalikes(pack: RegionPack, file: str) -> None:
    seen: set[str] = set()
    for one in pack.lookalikes:
        if len(one) < 2 or len(set(one)) < len(one) or not set(one) <= set(CHARACTERS):
            raise RegionPackFault(
                f"{file}: lookalikes: {one!r} is no class: allowed are two or more different "
                "characters of A-Z and 0-9"
            )
        if twice := seen & set(one):
            raise RegionPackFault(
                f"{file}: lookalikes: {min(twice)} is in two classes: allowed is one"
            )
        seen |= set(one)


def _check_issuers(pack: RegionPack, file: str) -> None:
    for issuer in (*pack.issuers, *pack.letters):
        if not is_region(issuer):
            raise RegionPackFault(f"{file}: {issuer!r} is no issuer: allowed are {ALLOWED}")
    if unknown := pack.letters.keys() - pack.issuers.keys():
        raise RegionPackFault(f"{file}: letters.{min(unknown)} is of no issuer of this pack")
    for issuer, letters in pack.letters.items():
        if not letters or not set(letters) <= set(ascii_uppercase):
            raise RegionPackFault(f"{file}: letters.{issuer}: allowed are letters A-Z, one or more")
    formats = {f"issuers.{issuer}": serials for issuer, serials in pack.issuers.items()}
    for key, serials in (*formats.items(), ("any_issuer", pack.any_issuer)):
        if not serials and key != "any_issuer":
            raise RegionPackFault(f"{file}: {key} has no serial format: allowed is one or more")
        for serial in serials:
            _check_format(serial, f"{file}: {key}", pack)


def _check_format(serial: str, where: str, pack: RegionPack) -> None:
    if re.fullmatch(f"({_PART.pattern})+", serial) is None:
        raise RegionPackFault(
            f"{where}: {serial!r} is no serial format: allowed are L for a letter, D for a digit and [EH] for one of "
            "these characters, each followed by {2} or {1,3} if it repeats"
        )
    for part, least, most in _PART.findall(serial):
        if most and least > most:
            raise RegionPackFault(
                f"{where}: {serial!r} repeats {part} {least} to {most} times: the first number is the smaller one"
            )
    shortest, longest = _lengths(serial)
    if not pack.shortest <= shortest <= longest <= pack.longest:
        raise RegionPackFault(
            f"{where}: {serial!r} has {shortest} to {longest} characters: allowed are {pack.shortest} to {pack.longest}"
        )


def _lengths(serial: str) -> tuple[int, int]:
    """Return the least and the greatest number of characters of a format."""
    shortest = longest = 0
    for _, least, most in _PART.findall(serial):
        shortest += int(least or 1)
        longest += int(most or least or 1)
    return shortest, longest


def _pattern(serial: str, letters: str) -> str:
    """Return the regular expression of a format."""
    classes = {"L": f"[{letters}]", "D": "[0-9]"}
    return _PART.sub(lambda part: classes.get(part[1], part[1]) + part[0][len(part[1]) :], serial)


def _letters(pack: RegionPack, issuer: str) -> str:
    return pack.letters.get(issuer, ascii_uppercase)


def _of_any_issuer(pack: RegionPack) -> Series:
    if pack.any_issuer:
        return Series((one, ascii_uppercase) for one in pack.any_issuer)
    return Series(
        (one, _letters(pack, issuer)) for issuer, formats in pack.issuers.items() for one in formats
    )


def joined(classes: Iterable[str]) -> tuple[str, ...]:
    """Return classes of characters without overlap: those that share a character are one, in the order given."""
    found: list[str] = []
    for one in classes:
        together = [other for other in found if set(other) & set(one)]
        if not together:
            found.append(one)
            continue
        found[found.index(together[0])] = "".join(dict.fromkeys("".join((*together, one))))
        found = [other for other in found if other not in together[1:]]
    return tuple(found)
