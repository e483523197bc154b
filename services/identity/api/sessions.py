"""Signing in and out."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from fastapi import Request as HttpRequest

from services.identity.actions import security_keys, sessions
from services.identity.actions.context import Identity
from services.identity.actions.proof import AT_SIGN_IN, known_since
from services.identity.actions.sign_in import Attempt, sign_in
from services.identity.api.fields import (
    BrowserToken,
    RenewalIn,
    SessionIn,
    client_address,
    factor_of,
)
from services.identity.api.views import ChallengeOut, OpenedSessionOut, SessionOut
from services.identity.service import Running, Work
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission

SIGN_IN = "/v1/sessions"
"""The sign-in route, and the prefix of the other session routes."""

router = APIRouter(prefix=SIGN_IN, tags=["sessions"])


@router.post("", status_code=201)
async def open_session(
    body: SessionIn, request: HttpRequest, identity: Running, browser: BrowserToken = None
) -> OpenedSessionOut:
    """Sign in with password and second factor. A refusal does not say which part was wrong.

    Keep `browser_token` and send it as `X-Known-Browser` at the next sign-in to the same account: failures
    of others, which lock sign-in from anywhere, then do not stop this client.
    """
    attempt = Attempt(
        username=body.username.replace("\x00", "\ufffd"),  # Postgres keeps no NUL
        password=body.password.get_secret_value(),
        factor=factor_of(body.totp, body.security_key),
        client_address=client_address(request),
        browser_id=identity.browser_tokens.browser_of(browser),
    )
    return OpenedSessionOut.of(await sign_in(identity, attempt))


@router.post("/challenge")
async def issue_challenge(identity: Running) -> ChallengeOut:
    """Get a challenge for a security key, to sign in with its answer instead of a code.

    Who has a key does not matter: no list of keys comes with it, since each key names its person by itself.
    """
    return ChallengeOut.of(identity, security_keys.challenge(identity, AT_SIGN_IN))


async def known_browser(identity: Identity, request: HttpRequest, route: str) -> str | None:
    """Return the known browser of a sign-in, or None. A flood at its address does not block a known browser."""
    if route != SIGN_IN:
        return None
    token = request.headers.get("X-Known-Browser")
    if (browser_id := identity.browser_tokens.browser_of(token)) is None:
        return None
    async with identity.begin() as unit:
        known = await unit.browsers.is_known(browser_id, known_since(unit))
    return f"browser {browser_id}" if known else None


@router.post("/renewal")
async def renew_session(body: RenewalIn, request: HttpRequest, identity: Running) -> SessionOut:
    """Exchange a refresh token for new tokens. Using one twice closes the session."""
    opened = await sessions.refresh(identity, body.refresh_token, client_address(request))
    return SessionOut.of(opened)


@router.delete("/current", status_code=204)
async def close_session(
    grant: Annotated[Grant, access(Permission.ACCOUNT_SELF)], work: Work
) -> None:
    """Sign out; the access token ends too."""
    principal = grant.principal
    await sessions.sign_out(work, UUID(principal.account_id), UUID(principal.session_id))
