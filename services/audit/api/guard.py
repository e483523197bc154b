"""Auditors read for the purpose of an audit, and for no other."""

from typing import Annotated

from fastapi import Depends, Request

from shared.access import Grant, Permission, access, record_refusal
from shared.errors import NotAuthorised
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
    await record_refusal(request, grant, reason)
    raise NotAuthorised(reason, code="purpose")


AuditRead = Annotated[Grant, Depends(for_audit)]
