"""Invitations: printed and handed over by another person than the inviter (468.3; ADR-0025)."""

from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.console.actions import people
from services.console.actions.errors import Refused
from services.console.api.browser import origin_of
from services.console.api.codes import qr_code
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.visit import Visit, Working

router = APIRouter(prefix="/invitations")


@router.get("")
async def show_invitations(request: Request, visit: Working) -> Response:
    """Show the invitations that are not handed over yet."""
    return await _listed(request, visit)


@router.post("/{account_id}")
async def print_invitation(
    request: Request, account_id: UUID, form: Form, visit: Working
) -> Response:
    """Show the sheet for one person, to be printed now: identity returns the token once."""
    sheet = await form_action(people.deliver_invitation(visit, account_id))
    if isinstance(sheet, Refused):
        return await _listed(request, visit, sheet)
    address = f"{origin_of(request)}{request.scope.get('root_path', '')}/enrolment"
    link = enrolment_link(address, sheet["invitation_token"])
    code = qr_code(link, "QR code of the address with the invitation")
    return page(request, "invitation.html", visit, sheet=sheet, address=address, code=code)


def enrolment_link(address: str, token: str) -> str:
    """Return the enrolment URL with the invitation in it.

    The invitation is in the fragment (`#`), which browsers never send, so no log or proxy has it (ADR-0045).
    """
    return f"{address}#{urlencode({'invitation': token})}"


async def _listed(request: Request, visit: Visit, problem: Refused | None = None) -> Response:
    waiting = await people.list_invitations(visit)
    status = problem.status if problem else 200
    return page(request, "invitations.html", visit, status, waiting=waiting, problem=problem)
