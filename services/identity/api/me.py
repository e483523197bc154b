"""A person's own account, training, sessions, password and second factor."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from fastapi import Request as HttpRequest

from services.identity.actions import passwords, second_factors, sessions
from services.identity.actions.own_proof import Claim
from services.identity.api.fields import NewFactorIn, OwnFactorsIn, PasswordIn, client_address
from services.identity.api.views import AccountOut, OfferedFactorOut, OwnSessionOut, TrainingOut
from services.identity.service import Running, Work
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.http.models import After, Limit, Page, key_of

router = APIRouter(prefix="/v1/me", tags=["me"])

AccountSelf = Annotated[Grant, access(Permission.ACCOUNT_SELF)]


@router.get("")
async def get_me(grant: AccountSelf, work: Work) -> AccountOut:
    """Show one's own account, permissions and training."""
    return AccountOut.of(work, await work.accounts.get(_account_of(grant)))


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

    A wrong password or code counts as a failed sign-in; five close this session.
    """
    await passwords.change(identity, _claim(body, grant, request), body.password.get_secret_value())


@router.post("/second-factor")
async def change_second_factor(
    body: OwnFactorsIn, grant: AccountSelf, request: HttpRequest, identity: Running
) -> OfferedFactorOut:
    """Get a key for a new authenticator; the present one stays valid until `confirmation`.

    A wrong password or code counts as a failed sign-in; five close this session.
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


def _claim(body: OwnFactorsIn, grant: Grant, request: HttpRequest) -> Claim:
    return Claim(
        account_id=_account_of(grant),
        session_id=_session_of(grant),
        current=body.current_password.get_secret_value(),
        code=body.totp,
        client_address=client_address(request),
    )


def _account_of(grant: Grant) -> UUID:
    return UUID(grant.principal.account_id)


def _session_of(grant: Grant) -> UUID:
    return UUID(grant.principal.session_id)
