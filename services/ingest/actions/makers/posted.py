"""What a device posts in its maker's format, and what it is in ours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class PassedOver(StrEnum):
    """Why a post that was understood has nothing to store."""

    SIGN_OF_LIFE = "sign_of_life"
    """The device says that it is alive."""

    PREVIEW = "preview"
    """An interim result: the device sends the final one when the vehicle has gone."""

    NO_PLATE = "no_plate"
    """It has neither a plate nor a picture."""

    OTHER_EVENT = "other_event"
    """An event about something else than plates, or one that repeats reads which are posted too."""


@dataclass(frozen=True, slots=True)
class FormField:
    """A field or file of a form; or, without a name, a body that is one document."""

    name: str
    """The name of its file, or else of its field."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerRead:
    """One read of a post."""

    fields: dict[str, Any] = field(repr=False)
    """As `POST /v1/reads` takes it, not validated yet."""

    crop: bytes | None = field(default=None, repr=False)
    """The picture of the plate alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A post in our terms. One with a frame and no read is an ordinary capture, which the engine reads."""

    reads: Sequence[MakerRead] = ()
    frame: bytes | None = field(default=None, repr=False)
    captured_at: str | None = None
    """Of a frame without a read; None if the device did not say."""

    place: Mapping[str, float] = field(default_factory=dict)
    """Latitude and longitude of a frame without a read; empty if the device did not say."""

    passed_over: PassedOver | None = None

    @property
    def has_picture(self) -> bool:
        """Whether a picture came along, of the scene or of a plate."""
        return self.frame is not None or any(one.crop is not None for one in self.reads)


Translate = Callable[[Sequence[FormField], str], Posted]
"""Translates a post for a department in a state such as `US-CA`.

Raises: Malformed if a document is not what its maker sends; InvalidInput, naming the maker's field.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """A maker's format."""

    name: str
    """As people know it."""

    translate: Translate
    example: Any
    """A post as the maker documents it: JSON, or the text of an XML document."""

    is_form: bool = False
    """Whether devices post a form with pictures beside the document."""

    about_pictures: str = "A picture in which the device read no plate is read by our engine."
    """For the description of its address."""
