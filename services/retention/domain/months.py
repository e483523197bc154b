"""Calendar months in UTC, by which records are laid up."""

from datetime import UTC, datetime, timedelta


def months_between(start: datetime, end: datetime) -> list[datetime]:
    """Return the first moment of each UTC month that [start, end) touches."""
    months = []
    month = month_of(start)
    while month < end:
        months.append(month)
        month = next_month(month)
    return months


def month_of(moment: datetime) -> datetime:
    """Return the first moment of a moment's month, in UTC."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    """Return the first moment of the month after."""
    return month_of(month + timedelta(days=32))
