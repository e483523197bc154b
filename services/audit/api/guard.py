"""Restricts the audit log, audits and findings to people of this department.

The policy lists the purposes that open them (`purposes.opens`).
"""

from typing import Annotated

from fastapi import Depends, Request

from services.audit.domain.problem_codes import Code
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import NotAuthorised
from shared.core.permissions import Permission
from shared.service.api_runtime import runtime_of


async def for_audit(
    request: Request, grant: Annotated[Grant, access(Permission.AUDIT_READ)]
) -> Grant:
    """Return the grant of a person of this department.

    Raises: NotAuthorised for people of other agencies.
    """
    if grant.principal.agency_ori != runtime_of(request).policy.department.ori:
        raise NotAuthorised(Code.AUDIT_DEPARTMENT_ONLY)
    return grant


AuditRead = Annotated[Grant, Depends(for_audit)]
