"""Criteria of searches, holds and releases, and their limits (policy 468.4)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from typing import Any, Self
from uuid import UUID

import msgspec

from services.retention.domain.problem_codes import Code
from shared.core.areas import Box, Circle, Polygon, area_of, check_area
from shared.core.errors import InvalidInput, NotAuthorised, ValueRefused
from shared.core.fields import EARLIEST, LATEST
from shared.core.narrowness import Breadth, too_wide
from shared.core.plates import PlatePattern
from shared.core.policy import Narrowness
from shared.core.problem_codes import Common


class Criteria(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """Conditions on a record, joined by AND."""

    plate: str | None = None  # in pattern form
    lookalike: bool = False
    captured_from: datetime | None = None  # inclusive
    captured_to: datetime | None = None  # exclusive
    device_ids: tuple[UUID, ...] = ()
    area: Circle | Box | Polygon | None = None
    region: str | None = None
    minimum_confidence: float | None = None
    colour: str | None = None  # one of shared.core.vehicles.COLOURS
    make: str | None = None  # as shared.core.vehicles.make_of
    described_only: bool = False  # leaves out reads without a known word for the colour or make
    read_ids: tuple[UUID, ...] = ()

    @cached_property
    def pattern(self) -> PlatePattern | None:
        """The plate, parsed once."""
        if self.plate is None:
            return None
        return PlatePattern.parse(self.plate, lookalike=self.lookalike)

    @property
    def names_reads(self) -> bool:
        """Whether only a read, and not a capture without one, can meet these."""
        conditions = (self.plate, self.region, self.minimum_confidence, self.colour, self.make)
        return bool(self.read_ids) or any(condition is not None for condition in conditions)

    @property
    def window(self) -> tuple[datetime, datetime]:
        """The window of a search, [from, to). Raises: InvalidInput if it is missing."""
        if self.captured_from is None or self.captured_to is None:
            raise InvalidInput(Code.SEARCH_WITHOUT_WINDOW, field="captured_from")
        return self.captured_from, self.captured_to

    @property
    def fingerprint(self) -> str:
        """A digest that is equal for equal criteria."""
        return blake2b(msgspec.json.encode(self), digest_size=8).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return the criteria as plain JSON values."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_json(cls, plain: Any) -> Self:
        """Return the criteria that `as_json` wrote."""
        return msgspec.convert(plain, cls)


def within_retention(criteria: Criteria, now: datetime, schedule_days: int) -> Criteria:
    """Return a search's criteria with the window cut to the schedule's days.

    Raises: InvalidInput, naming the field, for a window that is missing, empty or before the schedule's days.
    """
    asked_from, asked_to = criteria.window
    if asked_from >= asked_to:
        raise InvalidInput(Code.SEARCH_WINDOW_EMPTY, field="captured_to")
    oldest = now - timedelta(days=schedule_days)
    if asked_to <= oldest:
        raise InvalidInput(
            Code.SEARCH_WINDOW_TOO_OLD, field="captured_to", schedule_days=schedule_days
        )
    return msgspec.structs.replace(criteria, captured_from=max(asked_from, oldest))


def check_search(criteria: Criteria, rule: Narrowness) -> None:
    """Raise InvalidInput, naming the field, for a search that is too wide or contradicts itself."""
    _checked_pattern(criteria)
    if criteria.area is not None:
        check_area(criteria.area)
    if criteria.described_only and criteria.colour is None and criteria.make is None:
        raise InvalidInput(Code.SEARCH_DESCRIBED_AS_NOTHING, field="described_only")
    _check_narrow(criteria, rule)


def check_hold(criteria: Criteria) -> None:
    """Raise InvalidInput, naming the field, for a hold that is empty or contradicts itself."""
    _checked_pattern(criteria)
    if criteria.area is not None:
        check_area(criteria.area, field="criteria.area")
    if criteria == Criteria():
        raise InvalidInput(Code.HOLD_OF_NOTHING, field="criteria")
    start, end = criteria.captured_from, criteria.captured_to
    if start is not None and end is not None and start >= end:
        raise InvalidInput(Code.SEARCH_WINDOW_EMPTY, field="criteria.captured_to")


def check_release(criteria: Criteria, rule: Narrowness) -> None:
    """Raise InvalidInput, naming the field, for criteria that are invalid or too wide for a release."""
    _checked_pattern(criteria)
    _check_narrow(criteria, rule)


def breadth_of(criteria: Criteria) -> Breadth:
    """Return how wide criteria are."""
    return Breadth(
        pattern=criteria.pattern,
        captured_from=criteria.captured_from,
        captured_to=criteria.captured_to,
        names_place=criteria.area is not None or bool(criteria.device_ids),
        names_reads=bool(criteria.read_ids),
    )


def _check_narrow(criteria: Criteria, rule: Narrowness) -> None:
    if (refusal := too_wide(breadth_of(criteria), rule)) is not None:
        raise refusal


def _checked_pattern(criteria: Criteria) -> PlatePattern | None:
    try:
        pattern = criteria.pattern
    except ValueRefused as exc:
        raise exc.at("plate") from None
    if criteria.lookalike and pattern is None:
        raise InvalidInput(Code.SEARCH_LOOKALIKE_WITHOUT_PLATE, field="plate")
    return pattern


def scope_of(scope: dict[str, Any]) -> Criteria:
    """Return the limits of a declared purpose as criteria.

    Raises: NotAuthorised for unknown or malformed limits; such a purpose allows no access.
    """
    known = {"plate", "captured_from", "captured_to", "device_ids", "area"}
    if unknown := {name for name, value in scope.items() if value is not None} - known:
        raise NotAuthorised(Code.SCOPE_LIMIT_UNKNOWN, limit=min(unknown))
    try:
        plain = {name: value for name, value in scope.items() if value is not None}
        if "area" in plain:
            plain["area"] = area_of(plain["area"])
        return msgspec.convert(plain, Criteria)
    except (msgspec.ValidationError, TypeError, KeyError) as exc:
        raise NotAuthorised(Code.SCOPE_UNREADABLE) from exc


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The end of a page, newest first: the next page starts after this record."""

    captured_at: datetime
    read_id: UUID
    fingerprint: str

    def encode(self) -> str:
        """Return it as opaque text."""
        return urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def decode_cursor(text: str, criteria: Criteria) -> Cursor:
    """Return the cursor in `text`. Raises: InvalidInput if it is none, or belongs to another search."""
    try:
        cursor = msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
    except (ValueError, msgspec.DecodeError):
        raise InvalidInput(Common.CURSOR_UNKNOWN, field="after") from None
    at = cursor.captured_at
    if at.tzinfo is None or not EARLIEST <= at < LATEST:
        raise InvalidInput(Common.CURSOR_UNKNOWN, field="after")
    if cursor.fingerprint != criteria.fingerprint:
        raise InvalidInput(Code.SEARCH_CURSOR_OF_ANOTHER, field="after")
    return cursor
