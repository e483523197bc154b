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
from shared.access.principals import BEARER, Principal, authenticate
from shared.access.purposes import Purpose, purpose_of
from shared.accounts.picture_links import LINK_TOKEN
from shared.core.errors import AlprError, NotAuthenticated, NotAuthorised, Unavailable
from shared.core.permissions import PATROL_PERMISSIONS, Permission
from shared.core.problem_codes import Common
from shared.events import PurposeRecord
from shared.limits.limiter import mark_authenticated
from shared.service.runtime import Runtime, runtime_of


def access(
    permission: Permission,
    *,
    purpose_needed: bool = False,
    scope_by_record: bool = False,
    picture_of: str | None = None,
) -> Any:
    """Return a route's one guard: `grant: Annotated[Grant, access(Permission.X)]`.

    `purpose_needed` is for a route that shows plates under a permission that can do without a purpose.

    `scope_by_record` is for a route that names a record by id: whether it lies within the purpose's
    scope shows only in the record, so the store that reads it must apply `grant.purpose.scope`.

    `picture_of` is for a route with a record's picture: the path parameter with the record's id. With a
    link in `link_token` the picture belongs to the attempt whose answer offered it, and none is recorded.

    Raises: ValueError for `purpose_needed` of a permission of which the policy need not say what opens it.

    Raises (in the route): NotAuthenticated, NotAuthorised; Unavailable if the attempt cannot be recorded.
    """
    if purpose_needed and not permission.is_opened_by_purpose:
        raise ValueError(f"shared.core.permissions does not say that a purpose opens {permission}")
    return Depends(Guard(permission, purpose_needed, scope_by_record, picture_of))


@dataclass
class _Asking:
    """One request, and what the guard knows of it so far: the record of a refusal has that much."""

    request: Request
    runtime: Runtime
    now: datetime
    elements: Elements
    principal: Principal | None = None
    purpose: Purpose | None = None
    offered_in: UUID | None = None
    """The attempt whose answer offered the picture that is asked for."""


@dataclass(frozen=True, eq=False)
class Guard:
    """A dependency that FastAPI calls for each request. The OpenAPI document is made from its fields."""

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
        """Record the attempt that a request is; return its grant, or raise why it is refused."""
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
        """Find out who asks and for what purpose. Raises: NotAuthenticated, NotAuthorised, Unavailable."""
        runtime, now = asking.runtime, asking.now
        asking.principal = principal = authenticate(runtime, credentials, now)
        mark_authenticated(asking.request)
        _authorise(self.permission, principal, now)
        if self.permission.needs_current_accounts:
            runtime.people.check_current(now)
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


def _authorise(permission: Permission, principal: Principal, now: datetime) -> None:
    if permission.value not in principal.permissions:
        raise NotAuthorised(Common.PERMISSION_MISSING, permission=permission)
    if not permission.needs_training:
        return
    if principal.trained_until is None:
        raise NotAuthorised(Common.TRAINING_MISSING)
    if principal.trained_until <= now:
        raise NotAuthorised(Common.TRAINING_LAPSED, lapsed_on=principal.trained_until.date())


def _recorded(
    runtime: Runtime, permission: Permission, purpose: Purpose | None
) -> PurposeRecord | None:
    if purpose is not None:
        return purpose.record
    if permission in PATROL_PERMISSIONS:
        return PurposeRecord(kind=runtime.policy.purposes.patrol)
    return None


def _offered_in(asking: _Asking, principal: Principal, parameter: str) -> UUID | None:
    """Return the attempt whose answer offered the picture, None for a request without a link.

    Raises: NotAuthorised for a link that does not hold, or a path parameter that is no id.
    """
    token = asking.request.query_params.get(LINK_TOKEN)
    if not token:
        return None
    try:
        record_id = UUID(asking.request.path_params[parameter])
    except ValueError:
        raise NotAuthorised(Common.PICTURE_NOT_OFFERED) from None
    return asking.runtime.links.attempt_of(token, record_id, principal.account_id, asking.now)
