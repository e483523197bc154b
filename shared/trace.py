"""W3C trace context: one id from a camera's POST to the officer's alert."""

import secrets
from contextvars import ContextVar

_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def current_traceparent() -> str | None:
    """Return the traceparent of the work in hand, if there is one."""
    return _current.get()


def set_traceparent(value: str | None) -> None:
    """Adopt a caller's traceparent, or begin a new trace when it has none that is well-formed."""
    if value is None or len(value) != 55 or value.count("-") != 3:
        value = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    _current.set(value)
