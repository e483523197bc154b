"""Exports the reads of a search: discloses and commits each piece before its caller may send it (ADR-0058)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.retention.actions.holds import check_purpose
from services.retention.actions.searches import FoundReads, ReadSearch, ReadsPage
from services.retention.domain.criteria import Criteria
from shared.access.grant import Grant
from shared.access.rechecks import check_again

PIECE = 1000
"""The most reads in one transaction, and so the most that are on record as disclosed before they are sent."""


@dataclass(frozen=True)
class ReadExport:
    """An export whose first piece is disclosed. It holds no connection between two pieces."""

    search: ReadSearch
    grant: Grant
    asked: Criteria
    first: FoundReads

    async def pieces(self) -> AsyncIterator[ReadsPage]:
        """Yield the reads, newest first; reads and discloses a piece only when the caller asks for it.

        Raises, before a piece after the first: RefusedByRule past the limit of records a day; NotAuthenticated,
        NotAuthorised, Unavailable if the guard would not let the person in any more; Unavailable, too, if too many
        heavy searches wait; InvalidInput for a search that takes too long.
        """
        page = self.first.page
        yield page
        while page.next is not None:
            check_again(self.search.runtime, self.grant)
            found = await self.search.page(self.grant, self.asked, limit=PIECE, after=page.next)
            page = found.page
            yield page


async def begin(
    search: ReadSearch, grant: Grant, asked: Criteria, *, after: str | None
) -> ReadExport:
    """Disclose the first piece of an export of the reads that match, of the caller's agency.

    Raises: InvalidInput, naming the field, for a search that is refused too; NotAuthorised unless the declared purpose
    contains all that the criteria cover; RefusedByRule past the limit of records a day; Unavailable.
    """
    check_purpose(grant, asked)
    first = await search.page(grant, asked, limit=PIECE, after=after)
    return ReadExport(search, grant, asked, first)
