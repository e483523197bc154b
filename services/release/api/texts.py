"""Text as requests may hold it."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from shared.fields import storable

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
OriText = Annotated[str, StringConstraints(to_upper=True, pattern=r"^[A-Za-z]{2}[A-Za-z0-9]{7}$")]
StateText = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}$")]
