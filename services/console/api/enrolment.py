"""Enrolment: an invited person chooses a password and confirms a second factor."""

from http import HTTPStatus

import msgspec
from fastapi import APIRouter, Request, Response

from services.console.actions.errors import Refused
from services.console.actions.sessions import KnownBrowser
from services.console.api.browser import KNOWN, cookie_of
from services.console.api.forms import Form
from services.console.api.pages import page
from services.console.api.visit import caller
from services.console.service import ConsoleService
from shared.service.running import service_of

router = APIRouter(prefix="/enrolment")


class Factor(msgspec.Struct, kw_only=True, frozen=True):
    """A second factor before its confirmation; sealed in the form, since identity shows it once."""

    invitation_token: str
    username: str
    totp_secret: str
    provisioning_uri: str

    def __repr__(self) -> str:
        return "Factor()"


@router.get("")
async def show_enrolment(request: Request) -> Response:
    """Show the form for the invitation, which is typed or pasted, since logs would keep a URL."""
    return page(request, "enrolment.html")


@router.post("")
async def begin_enrolment(request: Request, form: Form) -> Response:
    """Send invitation and password; identity returns the second factor."""
    if form.get("password") != form.get("password_again"):
        differ = Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY, "A value is not acceptable", "the two passwords differ"
        )
        return page(request, "enrolment.html", status=differ.status, problem=differ)
    body = {name: form.get(name, "") for name in ("invitation_token", "password")}
    try:
        given = await service_of(request.app, ConsoleService).services.must(
            "identity", "POST", "/v1/enrolment", json=body, headers=caller(request)
        )
    except Refused as exc:
        return page(request, "enrolment.html", status=exc.status, problem=exc)
    factor = Factor(
        invitation_token=body["invitation_token"],
        username=given["username"],
        totp_secret=given["totp_secret"],
        provisioning_uri=given["provisioning_uri"],
    )
    return _factor_page(request, factor)


@router.post("/code")
async def finish_enrolment(request: Request, form: Form) -> Response:
    """Confirm the second factor with a code; the account is then active."""
    console = service_of(request.app, ConsoleService)
    factor = console.seal.open(Factor, form.get("factor", ""))
    if factor is None:
        raise Refused(
            HTTPStatus.FORBIDDEN, "This form was not accepted", "begin the enrolment again"
        )
    body = {"invitation_token": factor.invitation_token, "totp": form.get("totp", "")}
    known = console.seal.open(KnownBrowser, cookie_of(request, KNOWN)) or KnownBrowser(tokens={})
    headers = {**caller(request), "X-Known-Browsers": ",".join(known.tokens.values())}
    try:
        await console.services.must(
            "identity", "POST", "/v1/enrolment/confirmation", json=body, headers=headers
        )
    except Refused as exc:
        return _factor_page(request, factor, exc)
    notice = "The account is active. Sign in with the next code that the authenticator shows."
    return page(request, "sign_in.html", notice=notice, username=factor.username)


def _factor_page(request: Request, factor: Factor, problem: Refused | None = None) -> Response:
    status = problem.status if problem else HTTPStatus.OK
    sealed = service_of(request.app, ConsoleService).seal.seal(factor)
    return page(
        request, "factor.html", status=status, factor=factor, sealed=sealed, problem=problem
    )
