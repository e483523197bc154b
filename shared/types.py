"""Words that every service uses, with their one normal form."""

import re
import unicodedata
from typing import Annotated, NewType

import msgspec

Ori = NewType("Ori", str)
"""Originating agency identifier, nine characters as NCIC assigns it, e.g. CA0520100."""

PlateText = NewType("PlateText", str)
"""A plate in its normal form: A-Z and 0-9 only, 1 to 12 characters."""

Confidence = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""The lowest per-character probability, 0 to 1."""

Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]

MAX_PLATE_CHARACTERS = 12
_NOT_PLATE = re.compile(r"[^A-Z0-9]")


def normalise_plate(text: str) -> PlateText:
    """Return `text` as a plate: upper case, A-Z and 0-9 only; separators and symbols dropped.

    No character is ever turned into another that looks like it.

    Raises: ValueError when nothing is left, or more than 12 characters are.
    """
    plain = text
    if not text.isascii():
        plain = unicodedata.normalize("NFKC", text)
    plate = _NOT_PLATE.sub("", plain.upper())
    if not 1 <= len(plate) <= MAX_PLATE_CHARACTERS:
        message = f"a plate has 1 to {MAX_PLATE_CHARACTERS} letters and digits, not {len(plate)}"
        raise ValueError(message)
    return PlateText(plate)
