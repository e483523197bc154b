"""Recipient agencies, registered by the ALPR administrator."""

from typing import Annotated

from fastapi import APIRouter, Request

from services.release.actions import agencies
from services.release.api.fields import AgencyChangesIn, AgencyIn
from services.release.api.guard import ReleaseRead
from services.release.api.views import AgencyOut
from services.release.domain.problem_codes import Code
from services.release.store import Agencies
from shared.access.department import check_department
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import NotFound
from shared.core.permissions import Permission
from shared.core.types import Ori
from shared.http.app import Work
from shared.http.models import After, Limit, OriText, Page, key_of
from shared.service.api_runtime import runtime_of

router = APIRouter(prefix="/v1/agencies", tags=["agencies"])

AgencyManage = Annotated[Grant, access(Permission.AGENCY_MANAGE)]


@router.post("", status_code=201)
async def register_agency(
    body: AgencyIn, grant: AgencyManage, work: Work, request: Request
) -> AgencyOut:
    """Register an agency that may ask for data."""
    check_department(request, grant)
    policy = runtime_of(request).policy
    agency = body.agency()
    await agencies.register(work, grant, agency, policy.department.ori)
    return AgencyOut.of(agency, policy.sharing)


@router.patch("/{ori}")
async def update_agency(
    ori: OriText, body: AgencyChangesIn, grant: AgencyManage, work: Work, request: Request
) -> AgencyOut:
    """Change what is registered of an agency, or bar it (`active` false)."""
    check_department(request, grant)
    changed = await agencies.change(work, grant, Ori(ori), body.changes())
    return AgencyOut.of(changed, runtime_of(request).policy.sharing)


@router.get("")
async def list_agencies(
    grant: ReleaseRead,
    work: Work,
    request: Request,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[AgencyOut]:
    """All registered agencies, by name."""
    sharing = runtime_of(request).policy.sharing
    found = await Agencies(work.connection).page(after=key_of(after, str), limit=limit)
    more = found[-1].ori if len(found) == limit else None
    return Page.of([AgencyOut.of(agency, sharing) for agency in found], last=more)


@router.get("/{ori}")
async def get_agency(ori: OriText, grant: ReleaseRead, work: Work, request: Request) -> AgencyOut:
    """One registered agency."""
    agency = await Agencies(work.connection).get(ori)
    if agency is None:
        raise NotFound(Code.AGENCY_UNKNOWN)
    return AgencyOut.of(agency, runtime_of(request).policy.sharing)
