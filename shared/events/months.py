"""Counts of a month that follow from no event: what a service has stored at its end, and reads, which are too many."""

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from shared.events.base import Event

Name = Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,50}$")]


class Counted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One count: of `figure`, or of one kind of it."""

    figure: Name
    kind: Name | None = None
    count: Annotated[int, msgspec.Meta(ge=0, le=10**15)]


class MonthCounted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A service counted for the public figures when a month had ended; no count is of a person, place or plate."""

    TOPIC: ClassVar[str] = "alpr.month.counted"
    KEYED_BY: ClassVar[str] = "service"

    service: str
    month: date  # its first day
    counts: list[Counted]
