"""Auditors read for the purpose of an audit, and for no other."""

from typing import Annotated
from uuid import uuid4

from fastapi import Depends, Request

from shared.access import Grant, Permission, access, record_attempt
from shared.elements import elements_of
from shared.errors import NotAuthorised
from shared.events import AccessAttempted
from shared.runtime import runtime_of

PURPOSE = "audit"


async def for_audit(
    request: Request, grant: Annotated[Grant, access(Permission.AUDIT_READ)]
) -> Grant:
    """Return the grant of somebody of this department who declared an audit.

    Raises: NotAuthorised, once the refusal is recorded beside the attempt that the guard let through.
    """
    runtime = runtime_of(request)
    reason = None
    if grant.principal.agency_ori != runtime.policy.department.ori:
        reason = "the audit log is for people of this department"
    elif grant.purpose is None or grant.purpose.record.kind != PURPOSE:
        reason = "the audit log is read for the purpose of an audit only: declare kind 'audit'"
    if reason is None:
        return grant
    refusal = AccessAttempted(
        occurred_at=grant.now,
        attempt_id=uuid4(),
        actor=grant.actor,
        service=runtime.service,
        permission=grant.permission.value,
        method=request.method,
        route=str(getattr(request.scope.get("route"), "path", "unknown")),
        elements=await elements_of(request),
        allowed=False,
        reason=reason,
        purpose=grant.purpose.record if grant.purpose else None,
        request_id=grant.request_id,
        client_address=request.client.host if request.client else "",
    )
    await record_attempt(runtime, refusal)
    raise NotAuthorised(reason, code="purpose")


AuditRead = Annotated[Grant, Depends(for_audit)]
