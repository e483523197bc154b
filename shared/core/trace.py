"""Ids of requests: W3C trace context, from a camera's POST to the officer's alert, and our own request ids.

A caller may name its request too (`X-Request-ID`). That name is stored beside our id and never replaces it: two
callers may use the same one, and the log is searched by ours (ADR-0039).
"""

import random
import re
from contextvars import ContextVar
from uuid import UUID

# Not secret, so not the system's source, which is a system call that releases the interpreter each time.
_random = random.Random()  # noqa: S311
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)
_request: ContextVar[str | None] = ContextVar("request id", default=None)

MAX_CALLERS_ID = 64
_NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9._:-]+")


def current_traceparent() -> str | None:
    """Return the current work's traceparent, or None."""
    return _current.get()


def new_request_id() -> str:
    """Return a new request id; every request gets one, whatever id its caller sends."""
    return str(UUID(int=_random.getrandbits(128), version=4))


def current_request_id() -> str | None:
    """Return our id of the current request; None outside a request."""
    return _request.get()


def set_request_id(request_id: str) -> None:
    """Make this the current request's id."""
    _request.set(request_id)


def callers_id(given: bytes | None) -> str | None:
    """Return a caller's own request id: at most 64 letters, digits and `._:-`; None if none remain."""
    if given is None:
        return None
    return _NOT_OF_AN_ID.sub("", given.decode("latin-1"))[:MAX_CALLERS_ID] or None


def set_traceparent(value: str | None) -> None:
    """Set the current work's trace: the caller's, or a new one if `value` is missing or malformed."""
    if value is None or len(value) != 55 or value.count("-") != 3:
        value = f"00-{_random.getrandbits(128):032x}-{_random.getrandbits(64):016x}-01"
    _current.set(value)
