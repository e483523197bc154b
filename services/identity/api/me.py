"""A person's own account, training, sessions, password, second factor and security keys."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from fastapi import Request as HttpRequest

from services.identity.actions import passwords, second_factors, security_keys, sessions
from services.identity.actions.own_proof import Claim
from services.identity.actions.proof import in_session
from services.identity.api.fields import (
    KeysOnlyIn,
    NewFactorIn,
    NewKeyIn,
    OwnFactorsIn,
    PasswordIn,
    client_address,
    factor_of,
)
from services.identity.api.views import (
    ChallengeOut,
    OfferedFactorOut,
    OfferedKeyOut,
    OwnAccountOut,
    OwnSessionOut,
    SecurityKeyOut,
    TrainingOut,
)
from services.identity.service import Running, Work
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.http.models import After, Limit, Page, key_of

router = APIRouter(prefix="/v1/me", tags=["me"])

AccountSelf = Annotated[Grant, access(Permission.ACCOUNT_SELF)]


@router.get("")
async def get_me(grant: AccountSelf, work: Work) -> OwnAccountOut:
    """Show one's own account, permissions in this session, and training."""
    by_key = await work.sessions.is_by_key(_session_of(grant))
    account = await work.accounts.get(_account_of(grant))
    return OwnAccountOut.in_session(work, account, by_key=by_key)


@router.get("/training")
async def list_own_training(
    grant: AccountSelf, work: Work, after: After | None = None, limit: Limit = 100
) -> Page[TrainingOut]:
    """List one's own training, newest first."""
    found = await work.trainings.of(_account_of(grant), after=key_of(after, UUID), limit=limit)
    more = found[-1].training_id if len(found) == limit else None
    return Page.of([TrainingOut.of(record) for record in found], last=more)


@router.get("/sessions")
async def list_own_sessions(
    grant: AccountSelf, work: Work, after: After | None = None, limit: Limit = 100
) -> Page[OwnSessionOut]:
    """List one's own sign-ins, newest first, those that are still open among them."""
    found = await work.sessions.of(_account_of(grant), after=key_of(after, UUID), limit=limit)
    more = found[-1].session_id if len(found) == limit else None
    return Page.of([OwnSessionOut.of(one, _session_of(grant)) for one in found], last=more)


@router.post("/sessions/closure", status_code=204)
async def close_other_sessions(grant: AccountSelf, work: Work) -> None:
    """Sign out everywhere else. This session goes on; its access token ends too, and it renews it."""
    await sessions.sign_others_out(work, _account_of(grant), _session_of(grant))


@router.post("/password", status_code=204)
async def change_password(
    body: PasswordIn, grant: AccountSelf, request: HttpRequest, identity: Running
) -> None:
    """Change one's own password; all one's sessions end, and one signs in anew.

    A wrong password or second factor counts as a failed sign-in; five close this session.
    """
    await passwords.change(identity, _claim(body, grant, request), body.password.get_secret_value())


@router.post("/second-factor")
async def change_second_factor(
    body: OwnFactorsIn, grant: AccountSelf, request: HttpRequest, identity: Running
) -> OfferedFactorOut:
    """Get a key for a new authenticator; the present one stays valid until `confirmation`.

    A wrong password or second factor counts as a failed sign-in; five close this session.
    """
    offer = await second_factors.begin(identity, _claim(body, grant, request))
    return OfferedFactorOut.of(offer)


@router.post("/second-factor/confirmation", status_code=204)
async def confirm_second_factor(
    body: NewFactorIn, grant: AccountSelf, identity: Running, work: Work
) -> None:
    """Put the new key in force with its first code; all one's sessions end, and one signs in anew."""
    await second_factors.confirm(
        identity, work, _account_of(grant), _session_of(grant), body.change_token, body.totp
    )


@router.post("/challenge")
async def issue_own_challenge(grant: AccountSelf, identity: Running) -> ChallengeOut:
    """Get a challenge for one of one's security keys, whose answer counts as the second factor in this session."""
    issued = security_keys.challenge(identity, in_session(_session_of(grant)))
    return ChallengeOut.of(identity, issued)


@router.get("/security-keys")
async def list_own_security_keys(
    grant: AccountSelf, work: Work, after: After | None = None, limit: Limit = 100
) -> Page[SecurityKeyOut]:
    """List one's own security keys, oldest first; there are ten at most."""
    found = await work.security_keys.page(
        _account_of(grant), after=key_of(after, UUID), limit=limit
    )
    more = found[-1].key_id if len(found) == limit else None
    return Page.of([SecurityKeyOut.of(key) for key in found], last=more)


@router.post("/security-keys/offer")
async def offer_security_key(
    body: OwnFactorsIn, grant: AccountSelf, request: HttpRequest, identity: Running
) -> OfferedKeyOut:
    """Get a challenge to make a security key for.

    A wrong password or second factor counts as a failed sign-in; five close this session.
    """
    offer = await security_keys.begin(identity, _claim(body, grant, request))
    return OfferedKeyOut.offered(identity, offer)


@router.post("/security-keys", status_code=201)
async def add_security_key(
    body: NewKeyIn, grant: AccountSelf, identity: Running, work: Work
) -> SecurityKeyOut:
    """Store a security key that was made for this session's challenge; it counts from now on."""
    account_id, session_id = _account_of(grant), _session_of(grant)
    key = await security_keys.confirm(
        identity, work, account_id, session_id, body.name, body.made()
    )
    return SecurityKeyOut.of(key)


@router.post("/security-keys/{key_id}/removal", status_code=204)
async def remove_security_key(
    key_id: UUID, body: OwnFactorsIn, grant: AccountSelf, request: HttpRequest, identity: Running
) -> None:
    """Remove one of one's security keys, a lost one, say; one's other sessions end.

    A wrong password or second factor counts as a failed sign-in; five close this session.
    """
    await security_keys.remove(identity, _claim(body, grant, request), key_id)


@router.post("/keys-only", status_code=204)
async def choose_keys_only(
    body: KeysOnlyIn, grant: AccountSelf, request: HttpRequest, identity: Running
) -> None:
    """Let only security keys count as one's second factor, at the word of one; or let codes count too.

    A person who loses all their keys then is invited anew, as for a lost authenticator. A wrong password or second
    factor counts as a failed sign-in; five close this session.
    """
    await security_keys.set_keys_only(identity, _claim(body, grant, request), body.keys_only)


def _claim(body: OwnFactorsIn, grant: Grant, request: HttpRequest) -> Claim:
    return Claim(
        account_id=_account_of(grant),
        session_id=_session_of(grant),
        current=body.current_password.get_secret_value(),
        factor=factor_of(body.totp, body.security_key),
        client_address=client_address(request),
    )


def _account_of(grant: Grant) -> UUID:
    return UUID(grant.principal.account_id)


def _session_of(grant: Grant) -> UUID:
    return UUID(grant.principal.session_id)
