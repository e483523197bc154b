"""One request of a signed-in person."""

import re
from collections.abc import AsyncIterator, Collection, Mapping
from functools import partial
from mimetypes import guess_extension
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
from fastapi import Depends, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.routing import Match

from services.console.actions.errors import SignedOut, not_allowed, refusal
from services.console.actions.person_client import PersonClient
from services.console.actions.sessions import KnownBrowser, Purpose, Session
from services.console.actions.sign_in import end_idle
from services.console.api.browser import (
    KNOWN,
    PURPOSE,
    SESSION,
    cookie_of,
    jar_of,
    origin_of,
    set_cookie,
)
from services.console.domain.navigation import is_within
from services.console.domain.rights import why_not, why_untrained
from services.console.service import ConsoleService
from shared.service.running import service_of

RELAYED_HEADERS = ("Content-Length", "X-Content-SHA256", "Repr-Digest")
"""Response headers that show a browser or a person whether a file is complete."""

OVER = "The session has ended; sign in again."

PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})


_PATH = re.compile(
    r"(?!.*/(crop|image|stream|package|statement|certificate|file)$)(/[0-9A-Za-z-]{1,60}){1,6}"
)
"""Paths of pages: without the names of pictures, of streams and of files to save."""

LinkToken = Annotated[str, Query(max_length=200)]

After = Annotated[str, Query(max_length=300)]
"""Where a page of a list begins, as the page before names it."""


def offered_by(link_token: str) -> dict[str, str]:
    """Return the query of a picture: the link token of the response that offered it, if any."""
    return {"link_token": link_token} if link_token else {}


class Visit(PersonClient):
    """The person's client for one request, with the console that serves it; relays pictures and files."""

    def __init__(self, request: Request, console: ConsoleService, session: Session) -> None:
        super().__init__(
            console.services,
            console.sessions,
            console.policy.purposes,
            session,
            _purpose(request, console, session),
            headers=caller(request),
            page=page_of(request),
            store=partial(store_session, request, console),
        )
        self.console = console

    def why_not(self, permission: str) -> str:
        """Say why the person cannot use a permission now; empty if they can."""
        known, now = self.session, self.console.clock.now()
        return why_not(permission, known.permissions, known.trained_until, now)

    @property
    def why_untrained(self) -> str:
        """Say why pages are not offered to the person for want of training; empty if none is withheld."""
        known = self.session
        return why_untrained(known.permissions, known.trained_until, self.console.clock.now())

    async def picture(self, service: str, path: str, **options: Any) -> Response:
        """Relay a picture. Raises: Refused, SignedOut, PurposeNeeded."""
        answer = await self.request(service, "GET", path, **options)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        if not answer.is_success or kind not in PICTURES:
            raise self.refused(refusal(answer))
        return Response(answer.content, media_type=kind)

    async def file(
        self,
        service: str,
        path: str,
        kinds: Collection[str],
        name: str,
        *,
        asked: Mapping[str, Any] | None = None,
    ) -> Response:
        """Relay a file of one of these kinds as it arrives, for the browser to save; `asked` is a body to POST.

        Raises: Refused, SignedOut, PurposeNeeded.
        """
        plain = {"Accept-Encoding": "identity"}  # the forwarded length is that of the file
        method = "GET" if asked is None else "POST"
        answer = await self.request(service, method, path, json=asked, headers=plain, stream=True)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        if not answer.is_success or kind not in kinds:
            await answer.aread()
            await answer.aclose()
            raise self.refused(refusal(answer))
        headers = {"Content-Disposition": f'attachment; filename="{name}{_ending(kind)}"'}
        headers |= {n: answer.headers[n] for n in RELAYED_HEADERS if n in answer.headers}
        return StreamingResponse(_pieces(answer), media_type=kind, headers=headers)


def store_session(request: Request, console: ConsoleService, session: Session) -> None:
    """Store a session in the browser's cookie."""
    set_cookie(request, SESSION, console.seal.seal(session))


def page_of(request: Request) -> str:
    """Return the page of a request: its own path, or for a form or picture the nearest page, "" for none."""
    here = request.url.path.removeprefix(request.scope.get("root_path", "")).lower()
    of_page = request.method == "GET" and not here.endswith(("/crop", "/image"))
    return here if of_page else nearest_page(request, here)


def page_left(request: Request) -> str:
    """Return the page on which the person was when they sent a request: its path, "" for none to come back to.

    A form, a picture or the end of an idle page has an address of its own, so the browser's Referer names the page.
    """
    here = request.url.path.removeprefix(request.scope.get("root_path", ""))
    if request.method == "GET" and is_page(request, here):
        return here
    came_from = urlsplit(request.headers.get("referer", ""))
    if f"{came_from.scheme}://{came_from.netloc}" != origin_of(request):
        return ""
    return nearest_page(request, came_from.path.removeprefix(request.scope.get("root_path", "")))


def nearest_page(request: Request, path: str) -> str:
    """Return the page at a path, or the nearest one above it: a refused form has an address of its own."""
    while path and not is_page(request, path):
        path = path.rpartition("/")[0]
    return path


def page_above(request: Request) -> str:
    """Return the page of the form whose address is asked for with GET, "" for none."""
    here = request.url.path.removeprefix(request.scope.get("root_path", ""))
    return nearest_page(request, here) if request.method == "GET" else ""


def page_after(request: Request, back: str, otherwise: str = "/") -> str:
    """Return where a sign-in or a purpose leads: `back` if that is a page of this console, else `otherwise`."""
    return back if is_page(request, back) else otherwise


def is_page(request: Request, path: str) -> bool:
    """Whether a path is that of a page of the console, not of a picture or file; sign-in and purpose lead to those."""
    if not is_within(path) or not _PATH.fullmatch(path):
        return False
    asked = {"type": "http", "method": "GET", "path": path, "root_path": ""}
    return any(route.matches(asked)[0] == Match.FULL for route in request.app.router.routes)


def _ending(kind: str) -> str:
    """Return how the name of a file of a kind ends."""
    return ".ndjson" if kind == "application/x-ndjson" else guess_extension(kind) or ""


async def _pieces(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Yield an open response's body. If it breaks off, the browser gets too little, and an error."""
    try:
        async for piece in answer.aiter_bytes():
            yield piece
    finally:
        await answer.aclose()


def caller(request: Request) -> dict[str, str]:
    """Return the headers that identify the console's own caller: address and request id."""
    address = request.client.host if request.client else ""
    headers = {"X-Request-ID": str(request.state.request_id)}
    return {**headers, "X-Forwarded-For": address} if address else headers


def known_browser(request: Request) -> KnownBrowser:
    """Return the accounts that signed in from this browser before."""
    seal = service_of(request.app, ConsoleService).seal
    return seal.open(KnownBrowser, cookie_of(request, KNOWN)) or KnownBrowser(tokens={})


def session_in(request: Request) -> Session | None:
    """Return the session in the request's cookie, idle or not; None without one."""
    console = service_of(request.app, ConsoleService)
    cookie = console.seal.open(Session, cookie_of(request, SESSION))
    if cookie is None or console.sessions.has_ended(cookie):
        return None  # `watching` gives the reason
    return console.sessions.current(cookie)


def _has_ended(request: Request) -> bool:
    """Whether the request's cookie is of a session that ended here, such as a copied cookie."""
    console = service_of(request.app, ConsoleService)
    cookie = console.seal.open(Session, cookie_of(request, SESSION))
    return cookie is not None and console.sessions.has_ended(cookie)


def has_lapsed_purpose(request: Request) -> bool:
    """Whether the request's session declared a purpose that has ended by itself."""
    console, session = service_of(request.app, ConsoleService), session_in(request)
    purpose = None if session is None else _declared(request, console, session)
    return purpose is not None and purpose.expires_at <= console.clock.now()


def _purpose(request: Request, console: ConsoleService, session: Session) -> Purpose | None:
    purpose = _declared(request, console, session)
    return purpose if purpose and purpose.expires_at > console.clock.now() else None


def _declared(request: Request, console: ConsoleService, session: Session) -> Purpose | None:
    """Return the purpose that a session declared last, ended or not."""
    purpose = console.seal.open(Purpose, cookie_of(request, PURPOSE))
    return purpose if purpose and purpose.session_id == session.session_id else None


def visitor(request: Request) -> Visit | None:
    """Return the visit of a signed-in person on a public page; None if the browser has no session."""
    console, session = service_of(request.app, ConsoleService), session_in(request)
    is_gone = jar_of(request).changed.get(SESSION, "") is None
    if session is None or is_gone or console.sessions.is_idle(session):
        return None
    return Visit(request, console, session)


async def watching(request: Request) -> Visit:
    """Return a visit that the browser makes by itself: it does not count as activity. Raises: SignedOut."""
    console = service_of(request.app, ConsoleService)
    session = session_in(request)
    if session is None:
        if _has_ended(request):
            raise SignedOut(OVER)
        raise SignedOut
    if console.sessions.is_idle(session):
        await end_idle(console.services, console.sessions, session, caller(request))
        minutes = console.policy.accounts.idle_minutes
        raise SignedOut(f"You were signed out after {minutes} minutes without use.")
    return Visit(request, console, session)


async def working(request: Request) -> Visit:
    """Return a visit that the person makes: it counts as activity. Raises: SignedOut."""
    visit = await watching(request)
    visit.touch()
    return visit


def allowed(permission: str) -> Any:
    """Return the dependency of a page with a form that only people with a permission can use.

    It says why not instead of showing the form. A person who sends the form all the same is refused by the service, on
    record.

    Raises: SignedOut, Refused.
    """

    async def visit(request: Request) -> Visit:
        visit = await working(request)
        if why := visit.why_not(permission):
            raise not_allowed(why)
        return visit

    return Depends(visit)


Watching = Annotated[Visit, Depends(watching)]
Working = Annotated[Visit, Depends(working)]
