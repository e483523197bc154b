"""Enrolment, by the holder of an invitation."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi import Request as HttpRequest
from pydantic import BaseModel, Field

from services.identity.actions import enrolment
from services.identity.api.fields import (
    BrowserTokens,
    OpaqueToken,
    Password,
    TotpCode,
    client_address,
)
from services.identity.domain.accounts import Status
from services.identity.service import Running, Work
from shared.http.models import RequestBody
from shared.limits.limiter import mark_uncounted

router = APIRouter(
    prefix="/v1/enrolment", tags=["enrolment"], dependencies=[Depends(mark_uncounted)]
)


class BeginEnrolment(RequestBody):
    """The invitation, and the password that the person chose."""

    invitation_token: OpaqueToken
    password: Password


class SecondFactorOut(BaseModel):
    """What goes into an authenticator app (RFC 6238, SHA-1, six digits, 30 s); shown this once."""

    username: Annotated[str, Field(examples=["j.rivera"])]
    totp_secret: Annotated[str, Field(examples=["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"])]
    provisioning_uri: Annotated[
        str, Field(examples=["otpauth://totp/Department:j.rivera?secret=...&issuer=Department"])
    ]


class ConfirmEnrolment(RequestBody):
    """A code that shows that the second factor works. It is then used up: sign in with the next."""

    invitation_token: OpaqueToken
    totp: TotpCode


class Enrolled(BaseModel):
    """The account is active."""

    account_id: UUID
    username: str
    status: Status


@router.post("")
async def begin_enrolment(body: BeginEnrolment, identity: Running) -> SecondFactorOut:
    """Set the password and get a second factor; may be repeated until confirmed."""
    made = await enrolment.begin(identity, body.invitation_token, body.password.get_secret_value())
    return SecondFactorOut(**vars(made))


@router.post("/confirmation")
async def confirm_enrolment(
    body: ConfirmEnrolment,
    request: HttpRequest,
    identity: Running,
    work: Work,
    browsers: BrowserTokens = "",
) -> Enrolled:
    """Confirm the second factor with a code; the account becomes active."""
    known = map(identity.browser_tokens.browser_of, browsers.split(","))
    place = enrolment.Place(client_address(request), frozenset(filter(None, known)))
    account = await enrolment.confirm(identity, work, body.invitation_token, body.totp, place)
    return Enrolled(account_id=account.account_id, username=account.username, status=account.status)
