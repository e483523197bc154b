"""Search of the log's entries by person, plate, purpose, time, kind and outcome."""

from typing import Annotated

from fastapi import APIRouter, Path

from services.audit.actions import entries
from services.audit.api.fields import EntryQuery
from services.audit.api.guard import AuditRead
from services.audit.api.views.entries import EntryOut
from services.audit.domain.problem_codes import Code
from services.audit.store.search import Entries
from shared.core.errors import NotFound
from shared.http.app import Work
from shared.http.models import Page

router = APIRouter(prefix="/v1/entries", tags=["entries"])


@router.post("/search")
async def search_entries(body: EntryQuery, grant: AuditRead, work: Work) -> Page[EntryOut]:
    """Entries of the log that match, newest first. The log records the search as an entry."""
    rows = await entries.search(work, grant, body.query())
    following = rows[-1].seq if len(rows) == body.limit else None
    return Page.of([EntryOut.of(row, exact=body.exact) for row in rows], last=following)


@router.get("/{seq}")
async def get_entry(
    seq: Annotated[int, Path(ge=0, lt=1 << 62)],
    grant: AuditRead,
    work: Work,
    old_log: bool = False,
) -> EntryOut:
    """One entry by its number, with its exact hashed text."""
    row = await Entries(work.connection).get(grant, seq, old_log=old_log)
    if row is None:
        raise NotFound(Code.ENTRY_NUMBER_UNKNOWN)
    return EntryOut.of(row, exact=True)
