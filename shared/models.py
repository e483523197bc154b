"""What the requests and answers of every service are made of."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from shared.plates import MAX_TYPED_CHARACTERS, PlatePattern, normalise_plate


def _pattern_text(text: str) -> str:
    return PlatePattern.parse(text).text


PlatePatternText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_TYPED_CHARACTERS),
    AfterValidator(_pattern_text),
    Field(
        description="1 to 12 letters and digits; `?` is one unknown character, `*` any number of them."
    ),
]
"""A plate as far as it is known, in the normal form of `shared.plates.PlatePattern`."""

WholePlate = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_TYPED_CHARACTERS),
    AfterValidator(normalise_plate),
    Field(description="1 to 12 letters and digits, all of them known."),
]
"""A plate of which no character is unknown, in its normal form."""
