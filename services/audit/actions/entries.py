"""Searches the log for an auditor."""

from services.audit.domain.windows import check_window
from services.audit.store.log import Row
from services.audit.store.search import Entries, Query
from shared.access.grant import Grant
from shared.postgres.unit_of_work import UnitOfWork


async def search(work: UnitOfWork, grant: Grant, query: Query) -> list[Row]:
    """Return the entries that match, newest first, and record their disclosure.

    Raises: InvalidInput for a window that does not begin before its end.
    """
    check_window(query.occurred_from, query.occurred_to)
    return await Entries(work.connection).search(grant, query)
