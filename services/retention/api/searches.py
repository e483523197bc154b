"""The route of searches of reads (policy 468.4(b), (c))."""

from typing import Annotated

from fastapi import APIRouter

from services.retention.api.fields.records import LookalikesQuery, SearchQuery
from services.retention.api.views.searches import LookalikesOut, ReadsOut, found_reads
from services.retention.service import Running
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission

router = APIRouter(prefix="/v1/reads", tags=["search"])


@router.post("/search")
async def search_reads(
    body: SearchQuery,
    grant: Annotated[Grant, access(Permission.RECORD_SEARCH)],
    retention: Running,
) -> ReadsOut:
    """Return matching reads of the caller's agency, newest first, at most `limit` a page.

    The log records each read shown.
    """
    region = body.parsed_region(retention.runtime.policy.department.state)
    asked = body.criteria(region)
    found = await retention.search.page(
        grant, asked, limit=body.limit, after=body.after, counted=body.count
    )
    links = retention.runtime.links
    return found_reads(found, region, grant, links, counted=body.after is None)


@router.post("/lookalikes")
async def list_lookalikes(
    body: LookalikesQuery,
    grant: Annotated[Grant, access(Permission.RECORD_SEARCH)],
    retention: Running,
) -> LookalikesOut:
    """Return the plates that match with look-alikes, the most likely first, each with its newest read.

    At most 50 plates, and only those with a read that the caller may see. The log records each read shown. To see all
    reads of a plate, search that plate.
    """
    region = body.parsed_region(retention.runtime.policy.department.state)
    asked = body.criteria(region)
    found = await retention.search.lookalikes(grant, asked)
    return LookalikesOut.of(found, grant, retention.runtime.links)
