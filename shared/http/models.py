"""Models and field types that the requests and answers of every service share."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, Self, TypeVar

import msgspec
from fastapi import Header
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from shared.core.errors import InvalidInput, ValueRefused
from shared.core.fields import storable
from shared.core.plates import MAX_TYPED_CHARACTERS, PlatePattern, normalise_plate
from shared.core.problem_codes import Common
from shared.core.types import ORI_PATTERN, parse_ori
from shared.events import Actor

T = TypeVar("T")
K = TypeVar("K")

MAX_REASON_CHARACTERS = 2000
MAX_CURSOR_CHARACTERS = 300
MAX_KEY = 2**62
_LINE_BREAKS = dict.fromkeys(map(ord, "\n\r\t"), " ")


class Problem(BaseModel):
    """A problem document (RFC 9457); docs/problems.md lists the codes and their parameters."""

    type: str = "about:blank"
    title: str
    status: int
    code: str = Field(description="The rule that refused; programs use this code and not the text")
    params: dict[str, Any] = Field(description="The values of this refusal, by the code's names")
    detail: str = Field(default="", description="The code's text with its parameters, for people")
    instance: str = ""
    field: str | None = Field(default=None, description="The field of the request that is at fault")
    errors: list[dict[str, Any]] | None = Field(
        default=None, description="Every fault, if there can be several"
    )
    retry_after_s: int | None = None


class RequestBody(BaseModel):
    """The base of every request body; refuses an unknown field by its name."""

    model_config = ConfigDict(extra="forbid")


class PersonOut(BaseModel):
    """A person, as the log and the files name people."""

    model_config = ConfigDict(from_attributes=True)

    person_id: str
    name: str
    title: str
    agency_ori: str

    @classmethod
    def of(cls, actor: Actor | None) -> Self | None:
        """Return an actor as answers show people; None for None."""
        return None if actor is None else cls.model_validate(actor)


class BoxOut(BaseModel):
    """The box of the plate in the frame, in pixels from the frame's top left."""

    model_config = ConfigDict(from_attributes=True)

    x_px: int
    y_px: int
    width_px: int
    height_px: int


class CountOut(BaseModel):
    """The number of items; if `at_least` is true, there may be more."""

    value: int
    at_least: bool = False


class Page(BaseModel, Generic[T]):
    """One page of a list. For the next page, repeat the request with `after` set to `next`."""

    items: list[T]
    next: str | None = Field(
        default=None, description="The `after` of the next page, unchanged; null on the last page"
    )
    count: CountOut | None = None

    @classmethod
    def of(cls, items: Sequence[T], *, last: object = None) -> Self:
        """Return a page; `last` is the key of its last item if more items may follow, else None."""
        return cls(items=list(items), next=None if last is None else cursor_of(last))


Limit = Annotated[int, Field(ge=1, le=200, description="The most items of a page")]
After = Annotated[
    str,
    Field(
        max_length=MAX_CURSOR_CHARACTERS, description="The `next` of the previous page, unchanged"
    ),
]
"""The position at which a page begins: opaque text that only the service interprets."""


_KEY = Header(
    alias="Idempotency-Key",
    min_length=8,
    max_length=100,
    pattern=r"^[!-~]+$",
    description="A random text of the caller for this request. A retry with the same key has no second effect.",
)
IdempotencyKey = Annotated[str, _KEY]
OptionalKey = Annotated[str | None, _KEY]
"""The key of a request that may come without one; each such request has an effect of its own."""

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment in the key of a page."""


def cursor_of(key: object) -> str:
    """Return a key, such as an id, a name or a tuple of both, as the text of a page's `next`."""
    return urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def key_of(after: str | None, kind: type[K]) -> K | None:
    """Return the key in a page's `after`; None for the first page.

    Raises: InvalidInput for text that is not the `next` of a page of this list.
    """
    if after is None:
        return None
    try:
        plain = urlsafe_b64decode(after + "=" * (-len(after) % 4))
        key = msgspec.json.decode(plain, type=kind)
        for part in key if isinstance(key, tuple) else (key,):
            if isinstance(part, str):
                storable(part)
            if isinstance(part, int) and not 0 <= part < MAX_KEY:
                raise ValueError("is not the number of an item")
    except (ValueError, msgspec.DecodeError):
        raise InvalidInput(Common.CURSOR_UNKNOWN, field="after") from None
    return key


class ResolvedRegionOut(BaseModel):
    """A region in its full form, and the short form that a person or a list gave."""

    region: Annotated[str, Field(examples=["US-CA"])]
    taken_from: Annotated[str, Field(examples=["CA"])]


def resolved_regions(regions: Mapping[str, str]) -> list[ResolvedRegionOut]:
    """Return each short form with the region that it stands for, sorted by short form."""
    return [
        ResolvedRegionOut(region=region, taken_from=short)
        for short, region in sorted(regions.items())
    ]


def _lines(text: str) -> str:
    if any(ord(one) < 32 or ord(one) == 127 for one in text.translate(_LINE_BREAKS)):
        raise ValueRefused(Common.TEXT_HAS_CONTROLS)
    return storable(text)


ShortText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(storable),
]
"""One line of text, such as a name or a number: 1 to 200 characters."""

Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=MAX_REASON_CHARACTERS),
    AfterValidator(_lines),
]
"""A reason in words: 3 to 2,000 characters, line breaks allowed."""

OriText = Annotated[
    str,
    AfterValidator(parse_ori),
    Field(
        description="NCIC's identifier of an agency: two letters and seven letters or digits",
        examples=["CA0520100"],
        json_schema_extra={"pattern": ORI_PATTERN},
    ),
]
"""An ORI in a request, converted to upper case."""


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
"""A pattern of a plate, in the normal form of `shared.core.plates.PlatePattern`."""

WholePlate = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_TYPED_CHARACTERS),
    AfterValidator(normalise_plate),
    Field(description="1 to 12 letters and digits, all of them known."),
]
"""A plate without unknown characters, in its normal form."""
