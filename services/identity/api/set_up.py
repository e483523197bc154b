"""The set-up of a fresh department, by the holder of its set-up link."""

from fastapi import APIRouter, Depends, Request

from services.identity.actions import set_up
from services.identity.api.fields import SetUpIn, client_address
from services.identity.api.views import DeliveredInvitationOut
from services.identity.service import Running, Work
from shared.limits.limiter import mark_uncounted

router = APIRouter(prefix="/v1/set-up", tags=["enrolment"], dependencies=[Depends(mark_uncounted)])


@router.post("")
async def set_up_department(
    body: SetUpIn, request: Request, identity: Running, work: Work
) -> DeliveredInvitationOut:
    """Invite the first administrator with the link of `plateward serve`, once, on the same machine."""
    given = await set_up.use_link(
        identity,
        work,
        body.set_up_token,
        set_up.FirstPerson(body.username, body.name, body.title),
        client_address=client_address(request),
    )
    return DeliveredInvitationOut.of(given)
