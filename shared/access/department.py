"""The check that a person belongs to this department, for routes that other agencies' people may reach."""

from fastapi import Request

from shared.access.grant import Grant
from shared.core.errors import NotAuthorised
from shared.core.problem_codes import Common
from shared.service.api_runtime import runtime_of


def check_department(request: Request, grant: Grant) -> None:
    """Raise NotAuthorised for people of any agency but this department."""
    if grant.principal.agency_ori != runtime_of(request).policy.department.ori:
        raise NotAuthorised(Common.DEPARTMENT_ONLY)
