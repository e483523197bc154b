"""Enrolment, by the holder of an invitation."""

from fastapi import APIRouter, Depends
from fastapi import Request as HttpRequest

from services.identity.actions import enrolment
from services.identity.api.fields import (
    BrowserTokens,
    ConfirmationIn,
    EnrolmentIn,
    client_address,
)
from services.identity.api.views import EnrolledOut, SecondFactorOut
from services.identity.service import Running, Work
from shared.limits.limiter import mark_uncounted

router = APIRouter(
    prefix="/v1/enrolment", tags=["enrolment"], dependencies=[Depends(mark_uncounted)]
)


@router.post("")
async def begin_enrolment(body: EnrolmentIn, identity: Running) -> SecondFactorOut:
    """Set the password and get a second factor; may be repeated until confirmed."""
    made = await enrolment.begin(identity, body.invitation_token, body.password.get_secret_value())
    return SecondFactorOut(**vars(made))


@router.post("/confirmation")
async def confirm_enrolment(
    body: ConfirmationIn,
    request: HttpRequest,
    identity: Running,
    work: Work,
    browsers: BrowserTokens = "",
) -> EnrolledOut:
    """Confirm the second factor with a code; the account becomes active."""
    known = map(identity.browser_tokens.browser_of, browsers.split(","))
    place = enrolment.Place(client_address(request), frozenset(filter(None, known)))
    account = await enrolment.confirm(identity, work, body.invitation_token, body.totp, place)
    return EnrolledOut(
        account_id=account.account_id, username=account.username, status=account.status
    )
