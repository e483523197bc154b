"""Whose people may do what: the department's own, and those of registered agencies."""

from services.release.domain import Agency
from services.release.store import Agencies
from shared.access import Grant
from shared.errors import NotAuthorised
from shared.http import Work
from shared.runtime import Runtime


def check_department(runtime: Runtime, grant: Grant) -> None:
    """Raise NotAuthorised for people of any agency but this department."""
    if grant.principal.agency_ori != runtime.policy.department.ori:
        raise NotAuthorised("this is for people of this department", code="agency")


async def registered_agency(work: Work, grant: Grant) -> Agency:
    """Return the requester's agency. Raises: NotAuthorised when it is not registered, or barred."""
    agency = await Agencies(work.connection).get(grant.principal.agency_ori)
    if agency is None:
        raise NotAuthorised(
            f"agency {grant.principal.agency_ori} is not registered to ask for data", code="agency"
        )
    if not agency.active:
        raise NotAuthorised(f"agency {agency.ori} may not ask for data at present", code="agency")
    return agency
