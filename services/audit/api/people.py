"""Whose people may work on audits and findings."""

from shared.access.grant import Grant
from shared.core.errors import NotAuthorised
from shared.service.runtime import Runtime


def check_department(runtime: Runtime, grant: Grant) -> None:
    """Raise NotAuthorised for people of any agency but this department."""
    if grant.principal.agency_ori != runtime.policy.department.ori:
        raise NotAuthorised("this is for people of this department", code="agency")
