"""The guard of a route: authenticate, authorise, record the attempt durably, and only then issue a grant.

Civil Code 1798.90.52(a); CJIS Security Policy AU-3.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials

from shared.access.attempts import attempt_of, check_recordable, record_attempt
from shared.access.data_elements import Elements, elements_of
from shared.access.grant import Grant, issue_grant
from shared.access.principals import BEARER, Principal, authenticate, authorise
from shared.access.purposes import Purpose, purpose_of
from shared.accounts.picture_links import LINK_TOKEN
from shared.core.errors import AlprError, NotAuthenticated, NotAuthorised, Unavailable
from shared.core.permissions import PATROL_PERMISSIONS, Permission
from shared.core.problem_codes import Common
from shared.events import PurposeRecord
from shared.limits.limiter import mark_authenticated
from shared.service.api_runtime import ApiRuntime, runtime_of


def access(
    permission: Permission,
    *,
    purpose_needed: bool = False,
    scope_by_record: bool = False,
    picture_of: str | None = None,
) -> Any:
    """Return a route's one guard: `grant: Annotated[Grant, access(Permission.X)]`.

    Args:
        purpose_needed: the route shows plates, and its permission alone does not require a purpose.
        scope_by_record: the route names a record by id. Only the record shows whether it lies within the purpose's
            scope, so the store that reads it must apply `grant.purpose.scope`.
        picture_of: the path parameter with the record's id, for a route that returns a record's picture. If the
            request has a link in `link_token`, the picture belongs to the attempt whose answer offered it, and the
            guard records no attempt.

    Raises: ValueError for `purpose_needed` with a permission that no purpose opens.
    Raises (in the route): NotAuthenticated, NotAuthorised; TooLarge, Malformed for the body; Unavailable if the
        attempt cannot be recorded.
    """
    if purpose_needed and not permission.is_opened_by_purpose:
        raise ValueError(f"no purpose opens {permission}: list it in shared/core/permissions.py")
    return Depends(Guard(permission, purpose_needed, scope_by_record, picture_of))


@dataclass
class _Asking:
    """One request, and the facts that the guard has established so far; a refusal is recorded with these."""

    request: Request
    runtime: ApiRuntime
    now: datetime
    elements: Elements
    principal: Principal | None = None
    purpose: Purpose | None = None
    offered_in: UUID | None = None
    """The attempt whose answer offered the requested picture."""


@dataclass(frozen=True, eq=False)
class Guard:
    """A dependency that FastAPI calls for each request. The OpenAPI document is generated from its fields."""

    permission: Permission
    purpose_needed: bool
    scope_by_record: bool
    picture_of: str | None

    @property
    def needs_purpose(self) -> bool:
        """Whether each request needs a declared purpose."""
        return self.purpose_needed or self.permission.needs_purpose

    async def __call__(
        self,
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
        x_alpr_purpose: Annotated[
            str | None,
            Header(description="A purpose token from POST /v1/purposes of the identity service."),
        ] = None,
    ) -> Grant:
        """Record the request's attempt; return its grant, or raise its refusal."""
        runtime = runtime_of(request)
        asking = _Asking(request, runtime, runtime.clock.now(), await elements_of(request))
        fault: AlprError | None = None
        try:
            self._check(asking, credentials, x_alpr_purpose)
        except (NotAuthenticated, NotAuthorised, Unavailable) as exc:
            fault = exc
        principal, offered_in = asking.principal, asking.offered_in
        if offered_in is not None and principal is not None:
            check_recordable(runtime, self.permission)
            return self._issue(asking, principal, offered_in, offered=True)
        attempt = attempt_of(
            request,
            self.permission,
            asking.now,
            actor=principal.actor if principal else None,
            elements=asking.elements.recorded,
            purpose=_recorded(runtime, self.permission, asking.purpose),
            reason=fault.detail if fault else None,
        )
        await record_attempt(runtime, attempt)
        if fault is not None or principal is None:
            raise fault or NotAuthenticated(Common.TOKEN_MISSING)
        request.state.granted = grant = self._issue(asking, principal, attempt.attempt_id)
        return grant

    def _check(
        self,
        asking: _Asking,
        credentials: HTTPAuthorizationCredentials | None,
        purpose_token: str | None,
    ) -> None:
        """Authenticate and authorise, and check the purpose. Raises: NotAuthenticated, NotAuthorised, Unavailable."""
        runtime, now = asking.runtime, asking.now
        asking.principal = principal = authenticate(runtime, credentials, now)
        mark_authenticated(asking.request)
        authorise(self.permission, principal, now)
        if self.permission.needs_current_accounts:
            runtime.people.check_current(now)
        runtime.restored.check(self.permission)
        asking.purpose = purpose = purpose_of(
            runtime,
            self.permission,
            principal.account_id,
            purpose_token,
            now,
            needed=self.purpose_needed,
        )
        if purpose is not None and not self.scope_by_record:
            purpose.check_scope(asking.elements.asked)
        if self.picture_of is not None:
            asking.offered_in = _offered_in(asking, principal, self.picture_of)

    def _issue(
        self, asking: _Asking, principal: Principal, attempt_id: UUID, *, offered: bool = False
    ) -> Grant:
        return issue_grant(
            asking.runtime,
            self.permission,
            principal,
            asking.purpose,
            attempt_id=attempt_id,
            request_id=asking.request.state.request_id,
            now=asking.now,
            counted=True,
            offered=offered,
        )


def _recorded(
    runtime: ApiRuntime, permission: Permission, purpose: Purpose | None
) -> PurposeRecord | None:
    if purpose is not None:
        return purpose.record
    if permission in PATROL_PERMISSIONS:
        return PurposeRecord(kind=runtime.policy.purposes.patrol)
    return None


def _offered_in(asking: _Asking, principal: Principal, parameter: str) -> UUID | None:
    """Return the attempt whose answer offered the picture; None for a request without a link.

    Raises: NotAuthorised for an invalid or expired link, or a path parameter that is not an id.
    """
    token = asking.request.query_params.get(LINK_TOKEN)
    if not token:
        return None
    try:
        record_id = UUID(asking.request.path_params[parameter])
    except ValueError:
        raise NotAuthorised(Common.PICTURE_NOT_OFFERED) from None
    return asking.runtime.links.attempt_of(token, record_id, principal.account_id, asking.now)
