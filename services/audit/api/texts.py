"""Text as audit's routes take it."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from services.audit.entries import as_plate
from shared.fields import storable


def _plate(text: str) -> str:
    plate = as_plate(text)
    if not plate:
        raise ValueError("a plate has at least one letter or digit")
    return plate


Term = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(storable),
]
Note = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=4000),
    AfterValidator(storable),
]
PlateTerm = Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(_plate)]
