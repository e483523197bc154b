"""Text as requests may hold it."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from shared.fields import storable
from shared.types import normalise_plate


def plate_pattern(text: str) -> str:
    """Return a plate in its normal form, with `*` and `?` where they stood.

    Raises: ValueError when it has no letter or digit, or cannot be a plate.
    """
    literal = normalise_plate(text.replace("*", "").replace("?", ""))
    wanted = [c for c in text.upper() if c.isalnum() or c in "*?"]
    pattern = "".join(wanted)
    if pattern.replace("*", "").replace("?", "") != literal:
        raise ValueError("a plate has letters A-Z, digits, and * or ? for what is unknown")
    return pattern


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(storable),
]
Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=2000),
    AfterValidator(storable),
]
PlatePattern = Annotated[
    str, StringConstraints(min_length=1, max_length=40), AfterValidator(plate_pattern)
]
OriText = Annotated[str, StringConstraints(to_upper=True, pattern=r"^[A-Za-z]{2}[A-Za-z0-9]{7}$")]
StateText = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}$")]
