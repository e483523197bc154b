"""Identifies the person who sends a request, by its access token."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.accounts.tokens import verify
from shared.core.errors import NotAuthenticated, NotAuthorised
from shared.core.permissions import Permission
from shared.core.problem_codes import Common
from shared.core.types import Ori
from shared.events import Actor
from shared.service.api_runtime import ApiRuntime, runtime_of

BEARER = HTTPBearer(auto_error=False, scheme_name="access_token", bearerFormat="JWT")
"""The scheme of access tokens in the OpenAPI documents."""


@dataclass(frozen=True)
class AccessToken:
    """A verified access token with its claims."""

    text: str = field(repr=False)
    claims: dict[str, Any] = field(repr=False)

    @property
    def issued(self) -> datetime:
        """When identity issued it."""
        return datetime.fromtimestamp(float(self.claims["iat"]), UTC)


@dataclass(frozen=True)
class Principal:
    """A person with a valid access token."""

    account_id: str
    name: str
    title: str
    agency_ori: Ori
    permissions: frozenset[str]
    trained_until: datetime | None
    sources: frozenset[str]
    """Data sources this person is entitled to: department, state, federal (468.4(e))."""

    session_id: str
    token: AccessToken | None = field(repr=False, compare=False, default=None)
    """The token of the request; None for the software itself."""

    @property
    def actor(self) -> Actor:
        """The person as events name them."""
        return Actor(
            person_id=self.account_id, name=self.name, title=self.title, agency_ori=self.agency_ori
        )


async def identify(request: Request) -> Principal:
    """Return the person whose access token a request carries; records no attempt. Raises: NotAuthenticated."""
    runtime = runtime_of(request)
    return authenticate(runtime, await BEARER(request), runtime.clock.now())


def authenticate(
    runtime: ApiRuntime, credentials: HTTPAuthorizationCredentials | None, now: datetime
) -> Principal:
    """Return the person whose access token this is. Raises: NotAuthenticated."""
    if credentials is None:
        raise NotAuthenticated(Common.TOKEN_MISSING)
    claims = verify(credentials.credentials, runtime.people.keys, "access", now)
    runtime.people.check(claims)
    trained = claims.get("trained_until")
    try:
        return Principal(
            account_id=str(claims["sub"]),
            name=str(claims["name"]),
            title=str(claims["title"]),
            agency_ori=Ori(str(claims["ori"])),
            permissions=frozenset(claims["permissions"]),
            trained_until=datetime.fromtimestamp(trained, UTC) if trained is not None else None,
            sources=frozenset(claims["sources"]),
            session_id=str(claims["sid"]),
            token=AccessToken(credentials.credentials, claims),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise NotAuthenticated(Common.TOKEN_INCOMPLETE) from exc


def authorise(permission: Permission, principal: Principal, now: datetime) -> None:
    """Raise NotAuthorised unless a person holds `permission`, and the current training that it needs."""
    if permission.value not in principal.permissions:
        raise NotAuthorised(
            Common.PERMISSION_MISSING, doing=permission.words, permission=permission
        )
    if not permission.needs_training:
        return
    if principal.trained_until is None:
        raise NotAuthorised(Common.TRAINING_MISSING)
    if principal.trained_until <= now:
        raise NotAuthorised(Common.TRAINING_LAPSED, lapsed_on=principal.trained_until.date())
