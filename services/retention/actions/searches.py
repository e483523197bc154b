"""Searches the reads by plate, part of a plate, look-alikes, devices, area and time (policy 468.4(b), (c))."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from services.retention.domain.criteria import (
    Criteria,
    Cursor,
    check_search,
    decode_cursor,
    within_retention,
)
from services.retention.store.records import Read
from services.retention.store.replica import Replica
from services.retention.store.search import Searches
from shared.access.grant import Grant
from shared.core.policy import Policy
from shared.postgres.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class ReadsPage:
    """A page of reads, newest first."""

    reads: Sequence[Read]
    next: str | None
    """The cursor of the next page; None on the last page."""

    @classmethod
    def of(cls, reads: Sequence[Read], criteria: Criteria, *, more: bool) -> Self:
        """Return a page; its cursor belongs to `criteria`."""
        if not more:
            return cls(reads, None)
        last = reads[-1]
        return cls(reads, Cursor(last.captured_at, last.read_id, criteria.fingerprint).encode())


@dataclass(frozen=True)
class FoundReads:
    """A page of a search, and the criteria within the schedule's days."""

    page: ReadsPage
    criteria: Criteria


async def search(
    policy: Policy,
    work: UnitOfWork,
    grant: Grant,
    asked: Criteria,
    *,
    after: str | None,
    limit: int,
    timeout_s: float,
    replica: Replica | None,
) -> FoundReads:
    """Return a page of the reads that match, of the caller's agency, and disclose them.

    `replica` may read them; the disclosure always commits on the primary, before the caller gets a record.

    Raises: InvalidInput, naming the field, for a search that is too wide, too slow or before the schedule's days, or
    for an `after` of another search.
    """
    last = decode_cursor(after, asked) if after else None
    criteria = within_retention(asked, grant.now, policy.retention.schedule_days)
    check_search(criteria, policy.narrowness)
    searches = Searches(work.connection, timeout_s=timeout_s, replica=replica)
    reads, more = await searches.page(grant, criteria, limit=limit, after=last)
    return FoundReads(ReadsPage.of(reads, asked, more=more), criteria)
