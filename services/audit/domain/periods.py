"""The periods of the audit plan: calendar months, or several of a year, one after another (ADR-0035).

UTC. A period ends where the plan has its next boundary, and the next begins there: no gap, no overlap, also
where the plan changes.
"""

from datetime import UTC, datetime

BY_SOFTWARE = "EVENT"
"""The method of an attempt that the software made for a person: an approved release is one request."""

SOFTWARE = "system:"
"""Begins the id of an actor that is no person."""


PERIOD, ENTRIES = "period_seq", "entries"
"""Details of the entry that says that a sample was drawn: of which period, and the entries in their order."""


def start_of(at: datetime, months: int) -> datetime:
    """Return when the period began that `at` lies in."""
    day = at.astimezone(UTC)
    first = (day.month - 1) // months * months + 1
    return datetime(day.year, first, 1, tzinfo=UTC)


def end_of(start: datetime, months: int) -> datetime:
    """Return the plan's first boundary after `start`."""
    begun = start_of(start, months)
    following = begun.month - 1 + months
    return datetime(begun.year + following // 12, following % 12 + 1, 1, tzinfo=UTC)


def due_period(
    log_began: datetime, last_end: datetime | None, months: int, now: datetime
) -> tuple[datetime, datetime] | None:
    """Return the next period to fix, from and to; None while it has not ended.

    Args:
        log_began: when the log's first entry was appended; the first period is the one around it.
        last_end: where the last period that was fixed ends, None if none was.
        months: of a period.
    """
    start = last_end if last_end is not None else start_of(log_began, months)
    end = end_of(start, months)
    return (start, end) if now >= end else None
