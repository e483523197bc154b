"""Text as audit's routes take it."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from shared.core.fields import storable

Term = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(storable),
]
