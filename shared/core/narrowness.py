"""How wide a request may be: one rule for searches, releases and the records that a hold shows (ADR-0028).

It prevents a copy of the whole record: if a request names little of a plate, its window must be short, whatever
cameras or area it names.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.core.errors import InvalidInput
from shared.core.plates import PlatePattern
from shared.core.policy import Narrowness
from shared.core.problem_codes import Common


@dataclass(frozen=True)
class Breadth:
    """The extent of some criteria, all of which must match."""

    pattern: PlatePattern | None
    captured_from: datetime | None
    captured_to: datetime | None
    names_place: bool
    """Whether devices or an area are named."""

    names_reads: bool = False
    """Whether reads are named by their ids, which only an earlier disclosure reveals."""


def too_wide(asked: Breadth, rule: Narrowness, *, at: str = "") -> InvalidInput | None:
    """Return the refusal of criteria that are wider than a search may be, or None.

    `at` is the path of the criteria in the request's body, with a trailing dot; the refusal names the field.
    """
    if asked.names_reads:
        return None
    if asked.pattern is None and not asked.names_place:
        return InvalidInput(Common.NOTHING_NAMED, field=f"{at}plate")
    if asked.pattern is not None and not asked.names_place and not asked.pattern.searchable:
        return InvalidInput(Common.PLATE_TOO_OPEN, field=f"{at}plate")
    known = asked.pattern.known_characters if asked.pattern is not None else 0
    if known >= rule.known_characters or _within(asked, timedelta(days=rule.days)):
        return None
    return InvalidInput(
        Common.WINDOW_TOO_LONG,
        field=f"{at}captured_from",
        days=rule.days,
        known_characters=rule.known_characters,
    )


def _within(asked: Breadth, longest: timedelta) -> bool:
    """Whether the window has both ends and is no longer than `longest`."""
    if asked.captured_from is None or asked.captured_to is None:
        return False
    return asked.captured_to - asked.captured_from <= longest
