"""The search of reads by plate, part of a plate, look-alikes, devices, area and time (policy 468.4(b), (c))."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from services.retention.api.fields import AreaIn
from services.retention.api.views import ReadsOut, reads_out
from services.retention.domain.criteria import (
    Criteria,
    Cursor,
    check_search,
    decode_cursor,
    within_retention,
)
from services.retention.service import Running
from services.retention.store.search import Searches
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import ValueRefused
from shared.core.fields import Moment
from shared.core.permissions import Permission
from shared.core.regions import Region, parse_region
from shared.http.app import Work
from shared.http.models import After, Count, PlatePatternText, RequestBody

router = APIRouter(prefix="/v1/searches", tags=["search"])


class Search(RequestBody):
    """The conditions of a search: a plate or a pattern of one, or all vehicles at some place, in a window of time."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "plate": "7AB?1*",
                    "captured_from": "2026-05-01T00:00:00Z",
                    "captured_to": "2026-06-01T00:00:00Z",
                },
                {
                    "area": {"latitude": 39.9277, "longitude": -122.1792, "radius_m": 400},
                    "captured_from": "2026-05-30T21:30:00-07:00",
                    "captured_to": "2026-05-30T23:00:00-07:00",
                },
            ]
        }
    )

    plate: PlatePatternText | None = None
    lookalike: bool = False
    """Whether to find plates too that differ only in look-alikes, such as 8 and B."""
    captured_from: Moment
    captured_to: Moment
    device_ids: Annotated[list[UUID], Field(max_length=200, default_factory=list)]
    area: AreaIn | None = None
    region: Annotated[str, Field(min_length=2, max_length=10, examples=["US-CA"])] | None = None
    """`US-CA`, `CA` for a state of the department's own country, or a country that issues plates itself.
    The search also finds reads without a determined region."""
    minimum_confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    after: After | None = None

    def criteria(self, region: str | None = None) -> Criteria:
        """Return the domain's criteria; `region` is the full form of the request's region."""
        return Criteria(
            plate=self.plate,
            lookalike=self.lookalike,
            captured_from=self.captured_from,
            captured_to=self.captured_to,
            device_ids=tuple(sorted(set(self.device_ids))),
            area=self.area.area() if self.area else None,
            region=region,
            minimum_confidence=self.minimum_confidence,
        )


@router.post("", summary="Search the records")
async def search_reads(
    body: Search,
    grant: Annotated[Grant, access(Permission.RECORD_SEARCH)],
    work: Work,
    retention: Running,
) -> ReadsOut:
    """Reads of the caller's agency, newest first, at most `limit` a page. The log records each read shown."""
    runtime, settings = retention.runtime, retention.settings
    taken = _region(body.region, runtime.policy.department.state)
    asked = body.criteria(taken.region if taken else None)
    after = decode_cursor(body.after, asked) if body.after else None
    criteria = within_retention(asked, grant.now, runtime.policy.retention.schedule_days)
    check_search(criteria, runtime.policy.narrowness)
    searches = Searches(work.connection, timeout_s=settings.retention_search_timeout_s)
    reads, more = await searches.page(grant, criteria, limit=body.limit, after=after)
    cursor = Cursor(reads[-1].captured_at, reads[-1].read_id, asked.fingerprint) if more else None
    return ReadsOut(
        items=reads_out(reads, grant, runtime.links),
        next=cursor.encode() if cursor else None,
        count=Count(value=len(reads), at_least=more) if after is None else None,
        captured_from=criteria.captured_from,
        captured_to=criteria.captured_to,
        region=taken.region if taken else None,
        taken_from=taken.taken_from if taken else None,
    )


def _region(text: str | None, department_state: str) -> Region | None:
    if text is None:
        return None
    try:
        return parse_region(text, department_state)
    except ValueRefused as exc:
        raise exc.at("body.region") from None
