"""Ids of requests: W3C trace context, from a camera's POST to the officer's alert, and our own request ids.

A caller may name its request too (`X-Request-ID`). That name is stored beside our id and never replaces it: two
callers may use the same one, and the log is searched by ours (ADR-0039).
"""

import random
import re
from contextvars import ContextVar, Token

from shared.core.ids import dated

# Not secret, so not the system's source, which is a system call that releases the interpreter each time.
_random = random.Random()  # noqa: S311
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)
_request: ContextVar[str | None] = ContextVar("request id", default=None)

MAX_CALLERS_ID = 64
_NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9._:-]+")

TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
"""A traceparent: version, trace id, span id, flags (W3C Trace Context, section 3.2)."""

_SAMPLED = 0x01


def current_traceparent() -> str | None:
    """Return the current work's traceparent, or None."""
    return _current.get()


def current_trace_id() -> str | None:
    """Return the id of the current work's trace: 32 hexadecimal digits; None outside a request and an event."""
    traceparent = _current.get()
    return None if traceparent is None else traceparent[3:35]


def new_request_id() -> str:
    """Return a new request id; every request gets one, whatever id its caller sends."""
    return str(dated(_random.getrandbits(80)))


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


def drawn(ratio: float) -> bool:
    """Return True for this share of calls, at random."""
    return _random.random() < ratio


def valid_traceparent(value: bytes | str | None) -> str | None:
    """Return a traceparent as text; None if it is missing or malformed."""
    if value is None:
        return None
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return text if TRACEPARENT.fullmatch(text) else None


def is_sampled(traceparent: str) -> bool:
    """Whether the flags of a valid traceparent say that its trace is recorded."""
    return bool(int(traceparent[-2:], 16) & _SAMPLED)


def set_traceparent(value: bytes | str | None) -> None:
    """Set the current work's trace: that of an event, or a new one, not sampled, if `value` is malformed."""
    traceparent = valid_traceparent(value)
    if traceparent is None:
        traceparent = f"00-{_random.getrandbits(128):032x}-{_random.getrandbits(64):016x}-00"
    _current.set(traceparent)


def set_callers_traceparent(value: bytes | None) -> None:
    """Set the trace of a request that is not sampled: its caller's id, without the caller's flags, or a new one."""
    traceparent = valid_traceparent(value)
    set_traceparent(None if traceparent is None else f"{traceparent[:53]}00")


def enter_traceparent(value: str) -> Token[str | None]:
    """Set the current work's trace; return the token with which `leave_traceparent` restores the one before."""
    return _current.set(value)


def leave_traceparent(token: Token[str | None]) -> None:
    """Restore the trace before `enter_traceparent`. Raises: ValueError in another context."""
    _current.reset(token)
