"""Calendar months in a department's time zone: figures count whole ones."""

from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Month(NamedTuple):
    """A calendar month."""

    first_day: date
    start: datetime
    """In UTC."""
    end: datetime
    """In UTC; not included."""

    @property
    def name(self) -> str:
        """The month as text: 2026-06."""
        return f"{self.first_day:%Y-%m}"


def month_of(at: datetime, zone: str) -> Month:
    """Return the month of a moment."""
    return _beginning(at.astimezone(ZoneInfo(zone)).date(), zone)


def month_before(at: datetime, zone: str) -> Month:
    """Return the last month that had ended at a moment."""
    day = at.astimezone(ZoneInfo(zone)).date()
    return _beginning(_months_on(day, -1), zone)


def is_zone(name: str) -> bool:
    """Whether a text is the name of a time zone in the IANA database."""
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return False
    return True


def _beginning(day: date, zone: str) -> Month:
    first = day.replace(day=1)
    return Month(first, _midnight(first, zone), _midnight(_months_on(first, 1), zone))


def _months_on(day: date, months: int) -> date:
    """Return the first day of the month that is so many months after that of a day."""
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def _midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
