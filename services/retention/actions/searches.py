"""Searches the reads by plate, part of a plate, look-alikes, devices, area and time (policy 468.4(b), (c))."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from services.retention.actions.heavy_searches import HeavySearches
from services.retention.domain.criteria import (
    Criteria,
    Cursor,
    check_search,
    decode_cursor,
    within_retention,
)
from services.retention.domain.search_cost import is_heavy
from services.retention.store.records import Read
from services.retention.store.replica import Replica
from services.retention.store.search import Searches, SearchPage
from shared.access.grant import Grant
from shared.service.api_runtime import ApiRuntime


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
    searched_from: datetime | None = None
    """The begin of what was searched, if the page ended for its time; its next page continues there."""


@dataclass(frozen=True)
class ReadSearch:
    """Searches the reads of one service, each page in a transaction of its own."""

    runtime: ApiRuntime
    heavy: HeavySearches
    timeout_s: float
    replica: Replica | None
    """The replica that may read them; their disclosure always commits on the primary, before the caller gets one."""

    async def page(
        self, grant: Grant, asked: Criteria, *, limit: int, after: str | None
    ) -> FoundReads:
        """Return a page of the reads that match, of the caller's agency, whose disclosure is committed.

        Raises: InvalidInput, naming the field, for a search that is too wide, too slow or before the schedule's days,
        or for an `after` of another search; Unavailable if too many heavy searches wait; RefusedByRule past the limit
        of records a day.
        """
        policy = self.runtime.policy
        last = decode_cursor(after, asked) if after else None
        criteria = within_retention(asked, grant.now, policy.retention.schedule_days)
        check_search(criteria, policy.narrowness)
        async with self.heavy.turn() if is_heavy(criteria) else nullcontext():
            page = await self._page(grant, criteria, limit, last)
        if page.rest_until is None:
            return FoundReads(ReadsPage.of(page.reads, asked, more=page.more), criteria)
        rest = Cursor(page.rest_until, UUID(int=0), asked.fingerprint).encode()
        return FoundReads(ReadsPage(page.reads, rest), criteria, page.rest_until)

    async def _page(
        self, grant: Grant, criteria: Criteria, limit: int, after: Cursor | None
    ) -> SearchPage:
        async with self.runtime.db.begin() as connection:
            searches = Searches(connection, timeout_s=self.timeout_s, replica=self.replica)
            return await searches.page(grant, criteria, limit=limit, after=after)
