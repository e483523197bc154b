"""Exports the reads of a search: discloses and commits each piece before its caller may send it (ADR-0058)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.retention.actions.holds import check_purpose
from services.retention.actions.searches import FoundReads, ReadsPage, search
from services.retention.domain.criteria import Criteria
from services.retention.store.replica import Replica
from shared.access.grant import Grant
from shared.access.rechecks import check_again
from shared.postgres.unit_of_work import UnitOfWork
from shared.service.api_runtime import ApiRuntime

PIECE = 1000
"""The most reads in one transaction, and so the most that are on record as disclosed before they are sent."""


@dataclass(frozen=True)
class ReadExport:
    """An export whose first piece is disclosed. It holds no connection between two pieces."""

    runtime: ApiRuntime
    grant: Grant
    asked: Criteria
    timeout_s: float
    replica: Replica | None
    first: FoundReads

    async def pieces(self) -> AsyncIterator[ReadsPage]:
        """Yield the reads, newest first; reads and discloses a piece only when the caller asks for it.

        Raises, before a piece after the first: RefusedByRule past the limit of records a day; NotAuthenticated,
        NotAuthorised, Unavailable if the guard would not let the person in any more; InvalidInput for a search that
        takes too long.
        """
        page = self.first.page
        yield page
        while page.next is not None:
            check_again(self.runtime, self.grant)
            found = await _piece(
                self.runtime, self.grant, self.asked, page.next, self.timeout_s, self.replica
            )
            page = found.page
            yield page


async def begin(
    runtime: ApiRuntime,
    grant: Grant,
    asked: Criteria,
    *,
    after: str | None,
    timeout_s: float,
    replica: Replica | None,
) -> ReadExport:
    """Disclose the first piece of an export of the reads that match, of the caller's agency.

    Raises: InvalidInput, naming the field, for a search that is refused too; NotAuthorised unless the declared purpose
    contains all that the criteria cover; RefusedByRule past the limit of records a day; Unavailable.
    """
    check_purpose(grant, asked)
    first = await _piece(runtime, grant, asked, after, timeout_s, replica)
    return ReadExport(runtime, grant, asked, timeout_s, replica, first)


async def _piece(
    runtime: ApiRuntime,
    grant: Grant,
    asked: Criteria,
    after: str | None,
    timeout_s: float,
    replica: Replica | None,
) -> FoundReads:
    """Read, disclose and count up to `PIECE` reads, and commit that."""
    async with runtime.db.begin() as connection:
        work = UnitOfWork(connection, runtime.service, runtime.clock)
        return await search(
            runtime.policy,
            work,
            grant,
            asked,
            after=after,
            limit=PIECE,
            timeout_s=timeout_s,
            replica=replica,
        )
