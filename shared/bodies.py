"""A bound on request bodies, so that nobody fills the memory of a service, signed in or not."""

import re
from collections.abc import Iterable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1024 * 1024
"""Plenty for what people send. Routes that take files bound them themselves, each by its own limit."""


class BodyLimit:
    """Refuses a longer body with 413, by its declared length or while it comes in."""

    def __init__(self, app: ASGIApp, uploads: Iterable[str] = ()) -> None:
        """`uploads` are patterns of paths whose own handlers bound what they read."""
        self._app = app
        self._uploads = re.compile("|".join(uploads) or "(?!)")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http" or self._uploads.search(scope["path"]):
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"")
        too_long = declared.isdigit() and int(declared) > MAX_BODY_BYTES
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if too_long or taken > MAX_BODY_BYTES:
                raise _too_large()
            return message

        await self._app(scope, bounded, send)


def _too_large() -> HTTPException:
    # An HTTPException, for FastAPI turns any other error while it reads a body into a 400.
    detail = f"the body is larger than {MAX_BODY_BYTES // 1024} KiB"
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
