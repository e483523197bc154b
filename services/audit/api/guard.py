"""Restricts the audit log, audits and findings to people of this department.

The policy lists the purposes that open them (`purposes.opens`).
"""

from typing import Annotated

from fastapi import Depends, Request

from services.audit.domain.problem_codes import Code
from shared.access.grant import Grant
from shared.access.guard import access
from shared.access.rule_refusals import record_refusal
from shared.core.errors import NotAuthorised
from shared.core.permissions import Permission
from shared.core.problem_codes import Common
from shared.service.api_runtime import ApiRuntime, runtime_of


async def for_audit(
    request: Request, grant: Annotated[Grant, access(Permission.AUDIT_READ)]
) -> Grant:
    """Return the grant of a person of this department.

    Raises: NotAuthorised for people of other agencies, after it records the refusal beside the allowed attempt.
    """
    if grant.principal.agency_ori == runtime_of(request).policy.department.ori:
        return grant
    refusal = NotAuthorised(Code.AUDIT_DEPARTMENT_ONLY)
    await record_refusal(request, grant, refusal.detail)
    raise refusal


AuditRead = Annotated[Grant, Depends(for_audit)]


def check_department(runtime: ApiRuntime, grant: Grant) -> None:
    """Refuse people of other agencies. Raises: NotAuthorised."""
    if grant.principal.agency_ori != runtime.policy.department.ori:
        raise NotAuthorised(Common.DEPARTMENT_ONLY)
