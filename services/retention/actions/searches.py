"""Searches the reads by plate, part of a plate, look-alikes, devices, area and time (policy 468.4(b), (c))."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
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
from services.retention.domain.lookalikes import MOST_LISTED
from services.retention.domain.search_cost import is_heavy
from services.retention.store.records import Read
from services.retention.store.replica import Replica
from services.retention.store.search import LookalikePlates, MatchCount, Searches
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

    count: MatchCount | None = None
    """The number of all reads that match, if it was asked for."""


@dataclass(frozen=True)
class ReadSearch:
    """Searches the reads of one service, each page in a transaction of its own."""

    runtime: ApiRuntime
    heavy: HeavySearches
    timeout_s: float
    replica: Replica | None
    """The replica that may read them; their disclosure always commits on the primary, before the caller gets one."""

    async def page(
        self,
        grant: Grant,
        asked: Criteria,
        *,
        limit: int,
        after: str | None,
        counted: bool = False,
    ) -> FoundReads:
        """Return a page of the reads that match, of the caller's agency, whose disclosure is committed.

        `counted` adds the number of all that match. Raises: InvalidInput, naming the field, for a search that is too
        wide, too slow or before the schedule's days, or for an `after` of another search; Unavailable if too many heavy
        searches wait; RefusedByRule past the limit of records a day.
        """
        last = decode_cursor(after, asked) if after else None
        criteria = self._checked(grant, asked)
        async with self._turn(criteria, counted=counted), self._searches() as searches:
            page = await searches.page(grant, criteria, limit=limit, after=last, counted=counted)
        if page.rest_until is None:
            reads = ReadsPage.of(page.reads, asked, more=page.more)
        else:
            rest = Cursor(page.rest_until, UUID(int=0), asked.fingerprint)
            reads = ReadsPage(page.reads, rest.encode())
        return FoundReads(reads, criteria, page.rest_until, page.count)

    async def lookalikes(self, grant: Grant, asked: Criteria) -> LookalikePlates:
        """Return the plates that match with look-alikes, each with its newest read, disclosed.

        Raises: as `page`, and InvalidInput for a pattern of too many plates.
        """
        criteria = self._checked(grant, asked)
        async with self._turn(criteria), self._searches() as searches:
            return await searches.lookalikes(grant, criteria, most=MOST_LISTED)

    def _checked(self, grant: Grant, asked: Criteria) -> Criteria:
        policy = self.runtime.policy
        criteria = within_retention(asked, grant.now, policy.retention.schedule_days)
        check_search(criteria, policy.narrowness)
        return criteria

    def _turn(
        self, criteria: Criteria, *, counted: bool = False
    ) -> AbstractAsyncContextManager[None]:
        return self.heavy.turn() if is_heavy(criteria, counted=counted) else nullcontext()

    @asynccontextmanager
    async def _searches(self) -> AsyncIterator[Searches]:
        """Open a transaction for one search; commits what it disclosed."""
        async with self.runtime.db.begin() as connection:
            yield Searches(connection, timeout_s=self.timeout_s, replica=self.replica)
