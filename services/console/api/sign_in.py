"""Signs people in with password and second factor, and out."""

from datetime import datetime, timedelta
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.console.actions.errors import Refused, SignedOut
from services.console.actions.sessions import KnownBrowser, Session
from services.console.api.browser import (
    KNOWN,
    PURPOSE,
    SESSION,
    cookie_of,
    drop_cookies,
    jar_of,
    set_cookie,
)
from services.console.api.forms import Form
from services.console.api.pages import page
from services.console.api.visit import Watching, Working, caller, working
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
    return page(request, "start.html", visit)


@router.get("/sign-in")
async def show_sign_in(request: Request) -> Response:
    """Show the sign-in form."""
    return page(request, "sign_in.html", notice="")


@router.post("/sign-in")
async def sign_in(request: Request, form: Form) -> Response:
    """Open a session at identity; its refusal does not say which part was wrong."""
    console = service_of(request.app, ConsoleService)
    body = {name: form.get(name, "") for name in ("username", "password", "totp")}
    username = body["username"].lower()
    known = console.seal.open(KnownBrowser, cookie_of(request, KNOWN)) or KnownBrowser(tokens={})
    headers = caller(request)
    if token := known.tokens.get(username):
        headers["X-Known-Browser"] = token
    try:
        opened = await console.services.must(
            "identity", "POST", "/v1/sessions", json=body, headers=headers
        )
    except Refused as exc:
        return page(request, "sign_in.html", status=exc.status, notice="", problem=exc)
    bearer = {**caller(request), "Authorization": f"Bearer {opened['access_token']}"}
    me = await console.services.must("identity", "GET", "/v1/me", headers=bearer)
    session = Session(
        session_id=opened["session_id"],
        person_id=opened["account_id"],
        name=me["name"],
        title=me["title"],
        permissions=frozenset(me["permissions"]),
        access_token=opened["access_token"],
        refresh_token=opened["refresh_token"],
        expires_at=datetime.fromisoformat(opened["expires_at"]),
        active_at=console.clock.now(),
    )
    set_cookie(request, SESSION, console.seal.seal(console.sessions.remember(session)))
    jar_of(request).changed[PURPOSE] = None
    known = known.and_also(username, opened["browser_token"])
    lasting = timedelta(days=console.policy.accounts.known_browser_days)
    lasting_s = int(lasting.total_seconds())
    set_cookie(request, KNOWN, console.seal.seal(known), lasting_s=lasting_s)
    return to(request, "/")


@router.post("/sign-out")
async def sign_out(request: Request, form: Form, visit: Working) -> Response:
    """Close the session at identity, and drop it here whatever identity answers."""
    try:
        await visit.ask("identity", "DELETE", "/v1/sessions/current")
    finally:
        visit.console.sessions.forget(visit.session)
        drop_cookies(request)
    return to(request, "/sign-in")


@router.get("/idle")
async def show_idle(request: Request, visit: Watching) -> Response:
    """Show the page that an open page goes to by itself at the idle limit; another page may be in use."""
    return page(request, "start.html", visit)


@router.post("/active", status_code=HTTPStatus.NO_CONTENT)
async def note_activity(form: Form, visit: Working) -> None:
    """Record activity on a page that sends no other requests, such as the alerts."""


def to(request: Request, path: str) -> RedirectResponse:
    """Redirect the browser to another page with GET."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}{path}", HTTPStatus.SEE_OTHER)
