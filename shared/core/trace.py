"""What a request is called: W3C trace context, one id from a camera's POST to the officer's alert, and ids of ours.

A caller may name its request, too (`X-Request-ID`). That name is kept beside ours and never in its place:
two people may use one, and the log is searched by ours (ADR-0039).
"""

import random
import re
from contextvars import ContextVar
from uuid import UUID

# Unlike others, not secret: the system's source is a call that lets go of the interpreter each time.
_random = random.Random()  # noqa: S311
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)
_request: ContextVar[str | None] = ContextVar("request id", default=None)

MAX_CALLERS_ID = 64
_NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9._:-]+")


def current_traceparent() -> str | None:
    """Return the traceparent of the work in hand, if there is one."""
    return _current.get()


def new_request_id() -> str:
    """Return an id of ours; every request gets one, whatever its caller calls it."""
    return str(UUID(int=_random.getrandbits(128), version=4))


def current_request_id() -> str | None:
    """Return our id of the request in hand; None outside of one."""
    return _request.get()


def set_request_id(request_id: str) -> None:
    """Have what follows be part of this request."""
    _request.set(request_id)


def callers_id(given: bytes | None) -> str | None:
    """Return what a caller calls its request: at most 64 letters, digits and `._:-`; None where nothing is left."""
    if given is None:
        return None
    return _NOT_OF_AN_ID.sub("", given.decode("latin-1"))[:MAX_CALLERS_ID] or None


def set_traceparent(value: str | None) -> None:
    """Adopt a caller's traceparent, or begin a new trace when it has none that is well-formed."""
    if value is None or len(value) != 55 or value.count("-") != 3:
        value = f"00-{_random.getrandbits(128):032x}-{_random.getrandbits(64):016x}-01"
    _current.set(value)
