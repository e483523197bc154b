"""Compares words for a vehicle's make or colour; only a clear contradiction counts as a difference."""

import re

# NCIC vehicle make codes (VMA) that are not the first letters of the make's name.
_MAKE_CODES = {
    "TOYT": "TOYOTA",
    "LEXS": "LEXUS",
    "MERZ": "MERCEDESBENZ",
    "MERCEDES": "MERCEDESBENZ",
    "VW": "VOLKSWAGEN",
    "CHEVY": "CHEVROLET",
    "LNDR": "LANDROVER",
    "ROV": "LANDROVER",
    "MNNI": "MINI",
    "TESL": "TESLA",
    "ISU": "ISUZU",
    "STRN": "SATURN",
    "SAA": "SAAB",
    "SUZI": "SUZUKI",
    "KW": "KENWORTH",
    "PTRB": "PETERBILT",
    "FRHT": "FREIGHTLINER",
    "INTL": "INTERNATIONAL",
    "HD": "HARLEYDAVIDSON",
    "RAM": "DODGE",  # sold and listed as Dodge until 2010, as Ram since
    "ALFA": "ALFAROMEO",
}

# NCIC vehicle colour codes (VCO) and common words, by what a camera can tell apart.
_COLOURS = {
    "white": "WHI WHITE IVORY CREAM CRM",
    "grey": "GRY GREY GRAY SIL SILVER ALUMINUM",
    "black": "BLK BLACK",
    "blue": "BLU BLUE DBL LBL NAVY TEAL TEA TURQUOISE TRQ",
    "red": "RED MAR MAROON BURGUNDY",
    "green": "GRN GREEN DGR LGR",
    "brown": "BRO BROWN BRZ BRONZE TAN BGE BEIGE GLD GOLD COPPER CPR",
    "yellow": "YEL YELLOW",
    "orange": "ONG ORG ORANGE",
    "purple": "PLE PURPLE LAV LAVENDER",
    "pink": "PNK PINK",
}
_GROUP_OF = {word: group for group, words in _COLOURS.items() for word in words.split()}

# Pairs that lamps, shade and dirt turn into one another.
_CONFUSED = (
    {"white", "grey"},
    {"grey", "black"},
    {"black", "blue"},
    {"grey", "blue"},
    {"white", "brown"},
    {"grey", "brown"},
    {"red", "brown"},
    {"red", "orange"},
    {"orange", "yellow"},
    {"brown", "yellow"},
    {"black", "green"},
    {"blue", "green"},
    {"blue", "purple"},
    {"red", "pink"},
    {"purple", "pink"},
)
_NOT_LETTER = re.compile("[^A-Z]")


def makes_differ(seen: str | None, listed: str | None) -> bool:
    """Return whether both are known and name different makes; a code that begins a name is that name."""
    one, other = _make(seen), _make(listed)
    if not one or not other:
        return False
    return not (one.startswith(other) or other.startswith(one))


def _make(text: str | None) -> str:
    plain = _NOT_LETTER.sub("", (text or "").upper())
    if plain in {"", "UNKNOWN", "UNK", "OTHER", "NONE"}:
        return ""
    return _MAKE_CODES.get(plain, plain)


def colours_differ(seen: str | None, listed: str | None) -> bool:
    """Return whether both are known and no camera would confuse them."""
    ones, others = _groups(seen), _groups(listed)
    if not ones or not others or ones & others:
        return False
    return not any({one, other} in _CONFUSED for one in ones for other in others)


def _groups(text: str | None) -> set[str]:
    """Return the colour groups in a text; two-tone vehicles have both colours, e.g. BLK/WHI."""
    words = re.split("[^A-Z]+", (text or "").upper())
    return {_GROUP_OF[word] for word in words if word in _GROUP_OF}
