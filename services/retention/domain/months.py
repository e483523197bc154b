"""Calendar months in UTC, the partitions of records."""

from datetime import UTC, datetime, timedelta


def month_of(moment: datetime) -> datetime:
    """Return the first moment of a moment's month, in UTC."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    """Return the first moment of the next month."""
    return month_of(month + timedelta(days=32))
