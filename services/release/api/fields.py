"""Text as requests may hold it."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from shared.core.fields import storable

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(storable),
]
StateText = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}$")]
