"""The periods of the audit plan: one or more calendar months each, one after another (ADR-0035).

Times are in UTC. A period ends at the plan's next boundary, where the next period begins. Periods have no gap and no
overlap, even when the plan changes.
"""

from datetime import UTC, datetime

BY_SOFTWARE = "EVENT"
"""The method of an attempt that the software records on a person's behalf, such as packaging an approved release."""

SOFTWARE = "system:"
"""The prefix of the ids of actors that are not people."""


PERIOD, ENTRIES = "period_seq", "entries"
"""Details of the entry that records the draw of a sample: its period, and the drawn entries in order."""


def start_of(at: datetime, months: int) -> datetime:
    """Return the start of the period that contains `at`."""
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
    """Return the start and end of the next period to fix; None before its end.

    Args:
        log_began: the time of the log's first entry; the first period contains it.
        last_end: the end of the last fixed period, None if there is none.
        months: the length of a period.
    """
    start = last_end if last_end is not None else start_of(log_began, months)
    end = end_of(start, months)
    return (start, end) if now >= end else None
