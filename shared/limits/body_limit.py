"""Bounds on the size and the duration of request bodies, for all clients, signed in or not."""

import asyncio
import re
from collections.abc import Iterable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.core.errors import AlprError, Malformed, RequestTimeout, TooLarge
from shared.core.problem_codes import Common

MAX_BODY_BYTES = 1024 * 1024
"""The limit for ordinary requests. Upload routes have their own limits."""

WITHIN_S = 30.0
"""The longest time that a body may take; without it, a body that never ends would hold its request open."""


async def whole_body(request: Request, *, most_bytes: int, within_s: float = WITHIN_S) -> bytes:
    """Return the body of a request whose route bounds it itself. Raises: TooLarge, RequestTimeout, Malformed."""
    pieces = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for piece in request.stream():
                pieces += piece
                if len(pieces) > most_bytes:
                    raise TooLarge(Common.UPLOAD_TOO_LARGE, max_bytes=most_bytes)
    except TimeoutError:
        raise RequestTimeout(Common.BODY_TOO_SLOW, within_s=within_s) from None
    except ClientDisconnect:
        raise Malformed(Common.UPLOAD_CUT_OFF) from None
    return bytes(pieces)


class BodyLimit:
    """Refuses a body over the limit with 413, by its declared length or while it arrives, and a slow one with 408."""

    def __init__(
        self, app: ASGIApp, uploads: Iterable[str] = (), *, within_s: float = WITHIN_S
    ) -> None:
        """`uploads` are patterns of the paths whose own handlers bound the body."""
        self._app = app
        self._within_s = within_s
        self._uploads = re.compile("|".join(uploads) or "(?!)")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http" or self._uploads.search(scope["path"]):
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"")
        too_long = declared.isdigit() and int(declared) > MAX_BODY_BYTES
        deadline = asyncio.get_running_loop().time() + self._within_s
        received, whole = 0, False

        async def bounded() -> Message:
            nonlocal received, whole
            if too_long:
                raise _too_large()
            if whole:  # an event stream waits here for its client to disconnect, without a deadline
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise _too_slow(self._within_s) from None
            received += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if received > MAX_BODY_BYTES:
                raise _too_large()
            return message

        await self._app(scope, bounded, send)


class BodyRefused(HTTPException):
    """Carries an error through FastAPI, which answers 400 for any other exception while it reads a body."""

    def __init__(self, status: int, error: AlprError) -> None:
        super().__init__(status, error.detail)
        self.error = error


def _too_slow(within_s: float) -> BodyRefused:
    error = RequestTimeout(Common.BODY_TOO_SLOW, within_s=within_s)
    return BodyRefused(HTTPStatus.REQUEST_TIMEOUT, error)


def _too_large() -> BodyRefused:
    error = TooLarge(Common.BODY_TOO_LARGE, max_kib=MAX_BODY_BYTES // 1024)
    return BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error)
