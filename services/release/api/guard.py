"""Checks that a person belongs to the department, or to a registered agency."""

from fastapi import Request

from services.release.domain.requests import Agency
from services.release.store import Agencies
from shared.access.grant import Grant
from shared.access.rule_refusals import refusals_recorded
from shared.core.errors import NotAuthorised
from shared.http.app import Work
from shared.service.runtime import runtime_of


async def check_department(request: Request, grant: Grant) -> None:
    """Raise NotAuthorised, and record it, for people of any agency but this department."""
    async with refusals_recorded(request, grant):
        if grant.principal.agency_ori != runtime_of(request).policy.department.ori:
            raise NotAuthorised("this is for people of this department", code="agency")


async def registered_agency(request: Request, work: Work, grant: Grant) -> Agency:
    """Return the requester's agency. Raises: NotAuthorised, and records it, if it is barred or unknown."""
    ori = grant.principal.agency_ori
    async with refusals_recorded(request, grant):
        agency = await Agencies(work.connection).get(ori)
        if agency is None:
            raise NotAuthorised(f"agency {ori} is not registered to ask for data", code="agency")
        if not agency.active:
            raise NotAuthorised(f"agency {ori} may not ask for data at present", code="agency")
        return agency
