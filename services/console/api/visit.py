"""One request of a signed-in person."""

from collections.abc import AsyncIterator, Collection
from http import HTTPStatus
from mimetypes import guess_extension
from typing import Annotated, Any

import httpx
from fastapi import Depends, Query, Request
from fastapi.responses import Response, StreamingResponse

from services.console.actions.errors import PurposeNeeded, Refused, SignedOut, refusal
from services.console.actions.services import content
from services.console.actions.sessions import Purpose, Session
from services.console.api.browser import PURPOSE, SESSION, cookie_of, jar_of, set_cookie
from services.console.service import ConsoleService
from shared.core.problem_codes import Common
from shared.service.running import service_of

PASSED_ON = ("Content-Length", "X-Content-SHA256", "Repr-Digest")
"""Response headers that show a browser or a person whether a file is complete."""

OVER = "The session has ended; sign in again."

MENDED_BY_PURPOSE = frozenset({Common.PURPOSE_MISSING.code, Common.PURPOSE_MISSING_FOR.code})
"""Refusals that a declared purpose mends."""

PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})


LinkToken = Annotated[str, Query(max_length=200)]


def offered_by(link_token: str) -> dict[str, str]:
    """Return the query of a picture: the link token of the response that offered it, if any."""
    return {"link_token": link_token} if link_token else {}


class Visit:
    """Calls services as the person: with their token and any declared purpose."""

    def __init__(self, request: Request, console: ConsoleService, session: Session) -> None:
        self._request = request
        self.console = console
        self.session = session
        self.purpose = _purpose(request, console, session)

    def has_purpose_for(self, permission: str) -> bool:
        """Whether the declared purpose, if any, opens a permission by the policy's table."""
        return self.purpose is not None and self.purpose.kind in self.kinds_for(permission)

    def kinds_for(self, permission: str) -> list[str]:
        """Return the kinds of purpose that open a permission, in order."""
        return sorted(self.console.policy.purposes.kinds_for(permission))

    @property
    def kinds_of_purpose(self) -> list[str]:
        """The kinds of purpose that open one of this person's permissions, in order."""
        purposes, held = self.console.policy.purposes, self.session.permissions
        kinds = {
            kind for row in purposes.opens if row.permissions & set(held) for kind in row.kinds
        }
        return sorted(kinds or purposes.allowed)

    async def ask(self, service: str, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request; retries once with a new token if the current one was revoked.

        `with_purpose=False` leaves the declared purpose out, for data that need none; `purpose_for`, a permission,
        leaves it out if it does not open that permission. The service checks a purpose that is sent against the policy.

        Raises: Refused if the service does not answer, SignedOut if the session has ended.
        """
        self._renewed(await self.console.sessions.fresh(self.session))
        answer = await self._send(service, method, path, **request)
        if answer.status_code == HTTPStatus.UNAUTHORIZED and "content" not in request:
            # Tokens are revoked by account; the session itself may continue (ADR-0007). A body that was
            # forwarded as it arrived cannot be sent again.
            await answer.aclose()
            self._renewed(await self.console.sessions.fresh(self.session, refused=True))
            answer = await self._send(service, method, path, **request)
        return answer

    async def must(self, service: str, method: str, path: str, **request: Any) -> Any:
        """Send a request that has to succeed; returns its JSON.

        Raises: Refused, SignedOut; PurposeNeeded if only a declared purpose is missing.
        """
        try:
            return content(await self.ask(service, method, path, **request))
        except Refused as exc:
            raise self._mendable(exc) from None

    async def picture(self, service: str, path: str, **request: Any) -> Response:
        """Forward a picture. Raises: Refused, SignedOut, PurposeNeeded."""
        answer = await self.ask(service, "GET", path, **request)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        if not answer.is_success or kind not in PICTURES:
            raise self._mendable(refusal(answer))
        return Response(answer.content, media_type=kind)

    async def file(self, service: str, path: str, kinds: Collection[str], name: str) -> Response:
        """Forward a file of one of these kinds as it arrives, for the browser to save.

        Raises: Refused, SignedOut, PurposeNeeded.
        """
        plain = {"Accept-Encoding": "identity"}  # the forwarded length is that of the file
        answer = await self.ask(service, "GET", path, headers=plain, stream=True)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        if not answer.is_success or kind not in kinds:
            await answer.aread()
            await answer.aclose()
            raise self._mendable(refusal(answer))
        headers = {"Content-Disposition": f'attachment; filename="{name}{guess_extension(kind)}"'}
        headers |= {n: answer.headers[n] for n in PASSED_ON if n in answer.headers}
        return StreamingResponse(_pieces(answer), media_type=kind, headers=headers)

    def save(self) -> None:
        """Store the current session in the browser's cookie."""
        set_cookie(self._request, SESSION, self.console.seal.seal(self.session))

    def _mendable(self, exc: Refused) -> Refused | PurposeNeeded:
        """Return the refusal, or PurposeNeeded if a purpose, or another one, would resolve it."""
        if exc.code in MENDED_BY_PURPOSE or exc.opened:
            return PurposeNeeded(page_of(self._request), exc.opened)
        return exc

    def _renewed(self, session: Session) -> None:
        if session.access_token != self.session.access_token:
            self.session = session
            self.save()

    async def _send(self, service: str, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {
            **caller(self._request),
            "Authorization": f"Bearer {self.session.access_token}",
            **request.pop("headers", {}),
        }
        permission = request.pop("purpose_for", None)
        wanted = request.pop("with_purpose", True) and (
            permission is None or self.has_purpose_for(permission)
        )
        if self.purpose is not None and wanted:
            headers["X-ALPR-Purpose"] = self.purpose.token
        return await self.console.services.ask(service, method, path, headers=headers, **request)


def page_of(request: Request) -> str:
    """Return the page of a request: its own path, or for a form or picture that of its page."""
    here = request.url.path.removeprefix(request.scope.get("root_path", "")).lower()
    of_page = request.method == "GET" and not here.endswith(("/crop", "/image"))
    return here if of_page else "/".join(here.split("/")[:3])


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


def _purpose(request: Request, console: ConsoleService, session: Session) -> Purpose | None:
    purpose = console.seal.open(Purpose, cookie_of(request, PURPOSE))
    if purpose is None or purpose.session_id != session.session_id:
        return None
    return purpose if purpose.expires_at > console.clock.now() else None


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
        await _end(request, console, session)
        minutes = console.policy.accounts.idle_minutes
        raise SignedOut(f"You were signed out after {minutes} minutes without use.")
    return Visit(request, console, session)


async def working(request: Request) -> Visit:
    """Return a visit that the person makes: it counts as activity. Raises: SignedOut."""
    visit = await watching(request)
    visit.session = visit.console.sessions.touch(visit.session)
    visit.save()
    return visit


async def _end(request: Request, console: ConsoleService, session: Session) -> None:
    """Close an idle session at identity too; if identity cannot be reached, it does so by itself."""
    console.sessions.forget(session)
    headers = {**caller(request), "Authorization": f"Bearer {session.access_token}"}
    try:
        await console.services.ask("identity", "DELETE", "/v1/sessions/current", headers=headers)
    except Refused:
        return


Watching = Annotated[Visit, Depends(watching)]
Working = Annotated[Visit, Depends(working)]
