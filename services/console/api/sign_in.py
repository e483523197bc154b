"""Signs people in with password and second factor, and out."""

from collections.abc import Awaitable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from services.console.actions.errors import Refused, SignedOut
from services.console.actions.security_keys import second_factor, sign_in_challenge
from services.console.actions.sessions import KnownBrowser, Session
from services.console.actions.sign_in import close_session, load_session, open_session, renew_rights
from services.console.actions.start import Start, read_start
from services.console.api.browser import (
    KNOWN,
    PURPOSE,
    drop_cookies,
    jar_of,
    set_cookie,
)
from services.console.api.forms import Form
from services.console.api.pages import page
from services.console.api.visit import (
    Watching,
    Working,
    caller,
    known_browser,
    page_after,
    store_session,
    working,
)
from services.console.service import ConsoleService
from shared.service.running import service_of

router = APIRouter()


@router.get("/")
async def show_start(request: Request) -> Response:
    """Show the start page, with links to the person's pages."""
    try:
        visit = await working(request)
    except SignedOut as exc:
        if exc.why:
            raise
        return to(request, "/sign-in")
    if visit.why_untrained:
        await renew_rights(visit)  # the training may be on record by now
    start = await read_start(visit, visit.console.policy, visit.console.clock.now())
    return page(request, "start.html", visit, start=start)


@router.get("/sign-in")
async def show_sign_in(request: Request) -> Response:
    """Show the sign-in form."""
    return page(request, "sign_in.html", notice="", back="")


@router.post("/sign-in")
async def sign_in(request: Request, form: Form) -> Response:
    """Open a session at identity, and go on to the page that the person left; a refusal does not say what was wrong."""
    console, known = service_of(request.app, ConsoleService), known_browser(request)
    credentials = _credentials(form)
    services, headers = console.services, caller(request)
    try:
        opened = await open_session(services, credentials, known, headers)
    except Refused as exc:
        return page(
            request,
            "sign_in.html",
            status=exc.status,
            notice="",
            username=credentials["username"],
            back=form.get("back", ""),
            problem=exc,
        )
    session = await load_session(services, console.sessions, opened, headers, console.clock.now())
    known = known.and_also(credentials["username"].lower(), opened["browser_token"])
    _store(request, console, session, known)
    return to(request, page_after(request, form.get("back", "")))


def _credentials(form: Mapping[str, str]) -> dict[str, Any]:
    typed = {name: form.get(name, "") for name in ("username", "password")}
    return {**typed, **second_factor(form)}


@router.post("/sign-in/challenge")
async def issue_challenge(request: Request, form: Form) -> JSONResponse:
    """Return a challenge for a security key to the script of the sign-in page."""
    services = service_of(request.app, ConsoleService).services
    return await challenge_answer(sign_in_challenge(services, caller(request)))


async def challenge_answer(issuing: Awaitable[Any]) -> JSONResponse:
    """Return what a page's script gets: identity's challenge, or in `fault` why there is none."""
    try:
        return JSONResponse(await issuing)
    except Refused as exc:
        return JSONResponse({"fault": exc.detail or exc.title}, exc.status)


def _store(
    request: Request, console: ConsoleService, session: Session, known: KnownBrowser
) -> None:
    """Store a new session without a purpose, and the accounts of this browser for as long as the policy says."""
    store_session(request, console, session)
    jar_of(request).changed[PURPOSE] = None
    lasting = timedelta(days=console.policy.accounts.known_browser_days)
    sealed = console.seal.seal(known)
    set_cookie(request, KNOWN, sealed, lasting_s=int(lasting.total_seconds()))


@router.post("/sign-out")
async def sign_out(request: Request, form: Form, visit: Working) -> Response:
    """Close the session at identity, and drop it here whatever identity answers."""
    try:
        await close_session(visit)
    finally:
        drop_cookies(request)
    return to(request, "/sign-in")


@router.get("/idle")
async def show_idle(request: Request, visit: Watching) -> Response:
    """Show the page that an open page goes to by itself at the idle limit; another page may be in use."""
    return page(request, "start.html", visit, start=Start())


@router.post("/active", status_code=HTTPStatus.NO_CONTENT)
async def note_activity(form: Form, visit: Working) -> None:
    """Record activity on a page that sends no other requests, such as the alerts."""


def to(request: Request, path: str) -> RedirectResponse:
    """Redirect the browser to another page with GET."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}{path}", HTTPStatus.SEE_OTHER)
