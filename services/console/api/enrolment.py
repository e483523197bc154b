"""Set-up and enrolment: an invited person chooses a password and confirms a second factor."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from services.console.actions import enrolment
from services.console.actions.errors import Refused
from services.console.api.codes import qr_code
from services.console.api.forms import Form
from services.console.api.pages import page
from services.console.api.visit import caller, known_browser
from services.console.domain.form_values import code_of
from services.console.service import ConsoleService
from shared.service.running import service_of

router = APIRouter()


@router.get("/set-up")
async def show_set_up(request: Request) -> Response:
    """Show the form for the first administrator; the page's script fills in the token of the set-up link."""
    return page(request, "set_up.html", form={})


@router.post("/set-up")
async def set_up_department(request: Request, form: Form) -> Response:
    """Invite the first administrator with the set-up link, and go on to the enrolment with the invitation."""
    services = service_of(request.app, ConsoleService).services
    try:
        given = await enrolment.set_up(services, form, caller(request))
    except Refused as exc:
        return page(request, "set_up.html", status=exc.status, problem=exc, form=form)
    return page(request, "enrolment.html", form={"invitation_token": given["invitation_token"]})


@router.get("/enrolment")
async def show_enrolment(request: Request) -> Response:
    """Show the form for the invitation, which is typed or pasted, since logs would keep a URL."""
    return page(request, "enrolment.html", form={})


@router.post("/enrolment")
async def begin_enrolment(request: Request, form: Form) -> Response:
    """Send invitation and password; identity returns the second factor."""
    services = service_of(request.app, ConsoleService).services
    try:
        factor = await enrolment.begin(services, form, caller(request))
    except Refused as exc:
        return page(request, "enrolment.html", status=exc.status, problem=exc, form=form)
    return _factor_page(request, factor)


@router.post("/enrolment/code")
async def finish_enrolment(request: Request, form: Form) -> Response:
    """Confirm the second factor with a code; the account is then active."""
    console = service_of(request.app, ConsoleService)
    factor = enrolment.open_factor(console.seal, form.get("factor", ""))
    totp, known = code_of(form.get("totp", "")), known_browser(request)
    try:
        await enrolment.confirm(console.services, factor, totp, known, caller(request))
    except Refused as exc:
        return _factor_page(request, factor, exc)
    notice = "The account is active. Sign in with the next code that the authenticator shows."
    return page(request, "sign_in.html", notice=notice, username=factor.username, back="")


def _factor_page(
    request: Request, factor: enrolment.Factor, problem: Refused | None = None
) -> Response:
    status = problem.status if problem else HTTPStatus.OK
    return page(
        request,
        "factor.html",
        status=status,
        factor=factor,
        sealed=service_of(request.app, ConsoleService).seal.seal(factor),
        code=qr_code(factor.provisioning_uri, "QR code of the key"),
        problem=problem,
    )
