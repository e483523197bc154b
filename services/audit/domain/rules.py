"""The rules by which entries raise findings (policy 468.3.1(c)), without their queries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Search:
    """One search of a plate: its time and its case."""

    at: datetime
    case_number: str | None


def crowded(times: Iterable[datetime], within: timedelta, limit: int) -> datetime | None:
    """Return the time at which `limit` of `times` first lay within `within` of each other; None if never."""
    ordered = sorted(times)
    for first, last in zip(ordered, ordered[limit - 1 :], strict=False):
        if last - first <= within:
            return last
    return None


def repeated(
    searches: Sequence[Search], within: timedelta, *, searches_limit: int, cases_limit: int
) -> datetime | None:
    """Return the time at which one person's searches of one plate reached a limit; None if they did not.

    The limits within `within`: `searches_limit` searches, or `cases_limit` different cases.
    """
    often = crowded((s.at for s in searches), within, searches_limit)
    for many in _by_cases(sorted(searches, key=lambda s: s.at), within, cases_limit):
        return min(often, many) if often is not None else many
    return often


def _by_cases(ordered: Sequence[Search], within: timedelta, limit: int) -> Iterable[datetime]:
    """Yield each time at which searches within the window had named `limit` different cases."""
    latest: dict[str, datetime] = {}
    for search in ordered:
        if search.case_number is None:
            continue
        latest[search.case_number] = search.at
        recent = [at for at in latest.values() if search.at - at <= within]
        if len(recent) >= limit:
            yield search.at
