"""Recipient agencies, registered by the ALPR administrator."""

from dataclasses import asdict, replace
from typing import Annotated

from fastapi import APIRouter, Request

from services.release.api.fields import AgencyChange, AgencyIn
from services.release.api.guard import ReleaseRead, check_department
from services.release.api.views import AgencyOut
from services.release.domain.problem_codes import Code
from services.release.domain.requests import Agency, treatment
from services.release.store import Agencies
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import Conflict, InvalidInput, NotFound
from shared.core.permissions import Permission
from shared.core.policy import Policy
from shared.core.types import Ori
from shared.events import AgencyChanged
from shared.http.app import Work
from shared.http.models import OriText, Page
from shared.service.runtime import runtime_of

router = APIRouter(prefix="/agencies", tags=["agencies"])

AgencyManage = Annotated[Grant, access(Permission.AGENCY_MANAGE)]


@router.post("", status_code=201)
async def register_agency(
    body: AgencyIn, grant: AgencyManage, work: Work, request: Request
) -> AgencyOut:
    """Register an agency that may ask for data."""
    await check_department(request, grant)
    policy = runtime_of(request).policy
    if body.ori == policy.department.ori:
        raise InvalidInput(Code.AGENCY_IS_THE_DEPARTMENT, field="ori")
    agency = Agency(
        Ori(body.ori), name=body.name, kind=body.kind, state=body.state, contact=body.contact
    )
    if not await Agencies(work.connection).add(agency, grant.actor.person_id, grant.now):
        raise Conflict(Code.AGENCY_REGISTERED_BEFORE, field="ori")
    await work.emit(_changed(grant, agency, "registered", _details(agency)))
    return _out(agency, policy)


@router.patch("/{ori}")
async def change_agency(
    ori: OriText, body: AgencyChange, grant: AgencyManage, work: Work, request: Request
) -> AgencyOut:
    """Change what is registered of an agency, or bar it (`active` false)."""
    await check_department(request, grant)
    agencies = Agencies(work.connection)
    before = await agencies.get(ori, lock=True)
    if before is None:
        raise NotFound(Code.AGENCY_UNKNOWN)
    after = replace(before, **body.model_dump(exclude_none=True))
    if after == before:
        raise Conflict(Code.AGENCY_UNCHANGED)
    await agencies.change(after, grant.actor.person_id, grant.now)
    old = _details(before)
    details = {name: value for name, value in _details(after).items() if old[name] != value}
    await work.emit(_changed(grant, after, "changed", details))
    return _out(after, runtime_of(request).policy)


@router.get("")
async def list_agencies(grant: ReleaseRead, work: Work, request: Request) -> Page[AgencyOut]:
    """All registered agencies, by name."""
    policy = runtime_of(request).policy
    found = await Agencies(work.connection).all()
    return Page.of([_out(agency, policy) for agency in found])


@router.get("/{ori}")
async def get_agency(ori: OriText, grant: ReleaseRead, work: Work, request: Request) -> AgencyOut:
    """One registered agency."""
    agency = await Agencies(work.connection).get(ori)
    if agency is None:
        raise NotFound(Code.AGENCY_UNKNOWN)
    return _out(agency, runtime_of(request).policy)


def _changed(grant: Grant, agency: Agency, change: str, details: dict[str, str]) -> AgencyChanged:
    return AgencyChanged(
        occurred_at=grant.now,
        actor=grant.actor,
        agency_ori=agency.ori,
        change=change,
        details=details,
    )


def _details(agency: Agency) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(agency).items() if name != "ori"}


def _out(agency: Agency, policy: Policy) -> AgencyOut:
    sharing = policy.sharing
    how = treatment(agency, sharing.recipients, sharing.states)
    return AgencyOut(**asdict(agency), treatment=how.value)
