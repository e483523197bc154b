"""Records access attempts: commits every request for data, allowed or refused, before the service reads data.

Civil Code 1798.90.52(a); CJIS Security Policy AU-3.
"""

from datetime import datetime
from typing import Any

from fastapi import Request

from shared.core.errors import Unavailable
from shared.core.ids import new_id
from shared.core.permissions import Permission
from shared.core.problem_codes import Common
from shared.events import AccessAttempted, Actor, PurposeRecord
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime, runtime_of


def attempt_of(
    request: Request,
    permission: Permission,
    now: datetime,
    *,
    actor: Actor | None,
    elements: dict[str, Any],
    purpose: PurposeRecord | None,
    reason: str | None,
) -> AccessAttempted:
    """Return the attempt event of a request; `reason` is the text of its refusal, None if it was allowed."""
    return AccessAttempted(
        occurred_at=now,
        attempt_id=new_id(),
        actor=actor,
        service=runtime_of(request).service,
        permission=permission.value,
        method=request.method,
        route=_route_of(request),
        elements=elements,
        allowed=reason is None,
        reason=reason,
        purpose=purpose,
        request_id=request.state.request_id,
        caller_request_id=request.state.caller_request_id,
        client_address=request.client.host if request.client else "",
    )


def check_recordable(runtime: ApiRuntime, permission: Permission) -> None:
    """Raise Unavailable if too many access records wait for the audit log, or the log is too far behind."""
    if (coverage := runtime.agreement.coverage) is not None:
        coverage.check(permission)
    if runtime.relay.backlog > runtime.settings.max_outbox_backlog:
        raise Unavailable(Common.ACCESS_RECORDS_WAIT)


async def record_attempt(runtime: ApiRuntime, attempt: AccessAttempted) -> None:
    """Commit `attempt` in a transaction of its own, which a rollback of the request's transaction does not undo.

    Raises: Unavailable if Postgres cannot store it, too many records wait for the audit log, or the log is too far
    behind; the caller must then release no data.
    """
    check_recordable(runtime, Permission(attempt.permission))
    async with runtime.db.begin() as connection:
        await emit(connection, runtime.service, attempt)


def _route_of(request: Request) -> str:
    """Return the template of the request's route. A prefix of a router that includes others would be missing in it."""
    route = request.scope.get("route")
    return str(getattr(route, "path", "unknown"))
