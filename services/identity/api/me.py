"""A person's own account and password."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from fastapi import Request as HttpRequest

from services.identity.actions import passwords
from services.identity.api.fields import PasswordIn, client_address
from services.identity.api.views import AccountOut
from services.identity.service import Running, Work
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission

router = APIRouter(prefix="/v1/me", tags=["me"])

AccountSelf = Annotated[Grant, access(Permission.ACCOUNT_SELF)]


@router.get("")
async def get_me(grant: AccountSelf, work: Work) -> AccountOut:
    """Show one's own account, permissions and training."""
    return AccountOut.of(work, await work.accounts.get(UUID(grant.principal.account_id)))


@router.post("/password", status_code=204)
async def change_password(
    body: PasswordIn, grant: AccountSelf, request: HttpRequest, identity: Running
) -> None:
    """Change one's own password; all one's sessions end, and one signs in anew.

    A wrong password or code counts as a failed sign-in; five close this session.
    """
    wanted = passwords.Change(
        account_id=UUID(grant.principal.account_id),
        session_id=UUID(grant.principal.session_id),
        current=body.current_password.get_secret_value(),
        code=body.totp,
        new=body.password.get_secret_value(),
        client_address=client_address(request),
    )
    await passwords.change(identity, wanted)
