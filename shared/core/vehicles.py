"""Words for a vehicle's colour and make, as cameras, lists and people write them: one closed vocabulary for all."""

import re
import unicodedata

# NCIC vehicle colour codes (VCO) and common words, by what a camera can tell apart. A word between two is of both.
COLOURS = {
    "white": "WHI WHITE IVORY CREAM CRM",
    "grey": "GRY GREY GRAY SIL SILVER ALUMINUM COM CHROME CHARCOAL",
    "black": "BLK BLACK CHARCOAL",
    "blue": "BLU BLUE DBL LBL NAVY TEAL TEA TURQUOISE TRQ CYAN",
    "red": "RED MAR MAROON BURGUNDY",
    "green": "GRN GREEN DGR LGR TEAL TEA TURQUOISE TRQ CYAN",
    "brown": "BRO BROWN BRZ BRONZE TAN BGE BEIGE GLD GOLD COPPER CPR TPE TAUPE CREAM CRM",
    "yellow": "YEL YELLOW GLD GOLD",
    "orange": "ONG ORG ORANGE COPPER CPR",
    "purple": "PLE PURPLE LAV LAVENDER VIOLET AME AMETHYST MVE MAUVE",
    "pink": "PNK PINK MVE MAUVE",
}
"""The words of each colour, in capitals."""

SHADES = ("DARK", "DEEP", "LIGHT")
"""What may stand before a word without a space, as in `deepBlue`."""

_COLOURS_OF = {
    shade + word: {colour for colour, words in COLOURS.items() if word in words.split()}
    for word in " ".join(COLOURS.values()).split()
    for shade in ("", *SHADES)
}

MAKE_CODES = {
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
"""NCIC vehicle make codes (VMA) and short forms that are not the first letters of the make's name."""

MAKES = (
    "Abarth", "Acura", "Alfa Romeo", "Alpine", "Aprilia", "Aston Martin", "Audi", "Bentley", "BMW", "Buick", "BYD", "Cadillac", "Chevrolet",
    "Chrysler", "Citroën", "Cupra", "Dacia", "Daewoo", "DAF", "Daihatsu", "Datsun", "Dodge", "Ducati", "Ferrari", "Fiat",
    "Fisker", "Ford", "Freightliner", "Geely", "Genesis", "Geo", "GMC", "Great Wall", "Harley-Davidson", "Hino",
    "Honda", "Hummer", "Hyundai", "Indian", "Infiniti", "International", "Isuzu", "Iveco", "Jaguar", "Jeep",
    "Kawasaki", "Kenworth", "Kia", "KTM", "Lada", "Lamborghini", "Lancia", "Land Rover", "Lexus", "Lincoln",
    "Lotus", "Lucid", "Mack", "MAN", "Maserati", "Maybach", "Mazda", "McLaren", "Mercedes-Benz", "Mercury", "MG",
    "Mini", "Mitsubishi", "Moto Guzzi", "Nissan", "Oldsmobile", "Opel", "Peterbilt", "Peugeot", "Piaggio", "Plymouth", "Polestar",
    "Pontiac", "Porsche", "Renault", "Rivian", "Rolls-Royce", "Rover", "Saab", "Saturn", "Scania", "Scion",
    "Seat", "Škoda", "Smart", "SsangYong", "Subaru", "Suzuki", "Tesla", "Toyota", "Triumph", "Vauxhall", "Vespa", "Volkswagen",
    "Volvo", "Western Star", "Yamaha",
)  # fmt: skip
"""The makes that a search may name."""

NO_MAKE = ("UNKNOWN", "UNK", "OTHER", "NONE")
"""What cameras and lists write for a make that they do not know."""

_WORD = re.compile("[A-Za-z]+")
_NOT_LETTER = re.compile("[^A-Za-z]")
_FEWEST_LETTERS = 2


def colours_in(text: str | None) -> set[str]:
    """Return the colours that a text may mean; both of a two-tone vehicle, e.g. BLK/WHI; none for unknown words."""
    words = _WORD.findall(text or "")
    return {colour for word in words for colour in _COLOURS_OF.get(word.upper(), ())}


def make_of(text: str | None) -> str:
    """Return the make that a text names, as letters A-Z: its whole name, or the start of one; "" if it names none."""
    plain = _NOT_LETTER.sub("", unicodedata.normalize("NFKD", text or "")).upper()
    return "" if plain in NO_MAKE else MAKE_CODES.get(plain, plain)


def may_be_one_make(one: str, other: str) -> bool:
    """Whether two makes, as `make_of` returns them, may be the same: a code that begins a name is that name."""
    return one.startswith(other) or other.startswith(one)


def colour_named(text: str) -> str | None:
    """Return the one colour of `COLOURS` that a person's text means; None if it means none, or may mean several."""
    found = colours_in(text)
    return found.pop() if len(found) == 1 else None


def make_named(text: str) -> str | None:
    """Return the make that a person's text names, as `make_of`; None unless a name of `MAKES` is it or begins so."""
    make = make_of(text)
    if len(make) < _FEWEST_LETTERS:
        return None
    return make if any(make_of(known).startswith(make) for known in MAKES) else None
