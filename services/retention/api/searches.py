"""The route of searches of reads (policy 468.4(b), (c))."""

from typing import Annotated

from fastapi import APIRouter

from services.retention.api.fields import SearchQuery
from services.retention.api.views import ReadsOut, found_reads
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
    asked = body.criteria(region.region if region else None)
    found = await retention.search.page(grant, asked, limit=body.limit, after=body.after)
    links = retention.runtime.links
    return found_reads(found, region, grant, links, counted=body.after is None)
