"""W3C trace context: one id from a camera's POST to the officer's alert."""

import random
from contextvars import ContextVar
from uuid import UUID

# Unlike others, not secret: the system's source is a call that lets go of the interpreter each time.
_random = random.Random()  # noqa: S311
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def current_traceparent() -> str | None:
    """Return the traceparent of the work in hand, if there is one."""
    return _current.get()


def new_request_id() -> str:
    """Return an id for a request that came without one."""
    return str(UUID(int=_random.getrandbits(128), version=4))


def set_traceparent(value: str | None) -> None:
    """Adopt a caller's traceparent, or begin a new trace when it has none that is well-formed."""
    if value is None or len(value) != 55 or value.count("-") != 3:
        value = f"00-{_random.getrandbits(128):032x}-{_random.getrandbits(64):016x}-01"
    _current.set(value)
