"""Spans: what sampled work did, for how long, and as a part of what (ADR-0074).

A root draws whether it is sampled; everything that follows from it, through Kafka too, is as it is. Work that is not
sampled has no tracer here, and then each function costs one look-up and makes no object.
Attributes are names from this product's own lists and counts: never a plate, a person, a device or a text of a caller.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from shared.core.trace import (
    current_traceparent,
    enter_traceparent,
    is_sampled,
    leave_traceparent,
    set_callers_traceparent,
    valid_traceparent,
)

MOST_LINKS = 32
"""The most links of one span: a batch has a thousand messages."""

Value = str | int
Attributes = Mapping[str, Value]

NO_ATTRIBUTES: Attributes = MappingProxyType({})


class Kind(StrEnum):
    """What a span is to the others of its trace (OpenTelemetry's span kinds)."""

    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"
    INTERNAL = "internal"


class Span(Protocol):
    """A span that has begun."""

    traceparent: str
    """It as the parent of others."""

    def end(
        self, *, name: str | None = None, error: str | None = None, attributes: Attributes = ...
    ) -> None:
        """End it, once: a second call does nothing. `error` is the type of what went wrong."""
        ...


class Tracer(Protocol):
    """Begins the spans of one service."""

    def samples(self) -> bool:
        """Draw whether a root is sampled."""
        ...

    def begin(
        self,
        name: str,
        kind: Kind,
        *,
        parent: str | None,
        links: Sequence[str] = (),
        attributes: Attributes = ...,
    ) -> Span:
        """Begin a span. `parent` and `links` are valid traceparents; without a parent it begins a trace."""
        ...


_tracer: ContextVar[Tracer | None] = ContextVar("tracer", default=None)
"""The tracer of the current work; None unless the work is sampled."""

_of_events: ContextVar[Mapping[UUID, str]] = ContextVar("traceparents of events")

NO_SPAN: AbstractContextManager[None] = nullcontext()


def is_traced() -> bool:
    """Whether the current work is sampled."""
    return _tracer.get() is not None


def span(
    name: str, kind: Kind, attributes: Attributes = NO_ATTRIBUTES
) -> AbstractContextManager[None]:
    """Return a span of the current work, which itself contains no other; does nothing unless the work is sampled."""
    tracer = _tracer.get()
    return NO_SPAN if tracer is None else _leaf(tracer, name, kind, attributes)


def enclosing_span(
    name: str, kind: Kind, attributes: Attributes = NO_ATTRIBUTES
) -> AbstractContextManager[None]:
    """Return a span of the current work that is the parent of what it encloses, events it publishes too."""
    tracer = _tracer.get()
    if tracer is None:
        return NO_SPAN
    return _entered(tracer, name, kind, current_traceparent(), (), attributes)


def begin_request(
    tracer: Tracer | None, callers: bytes | None, *, probe: bool = False
) -> Span | None:
    """Set the trace of a request; return its span if it is sampled.

    The caller's trace id is used, its flag is not: the share of sampled requests is this department's to decide.

    Args:
        tracer: the service's; None if it makes no spans.
        callers: the header `traceparent`.
        probe: whether it is a health check, which is never sampled.
    """
    if tracer is None or probe or not tracer.samples():
        _tracer.set(None)
        set_callers_traceparent(callers)
        return None
    begun = tracer.begin("request", Kind.SERVER, parent=valid_traceparent(callers))
    _tracer.set(tracer)
    enter_traceparent(begun.traceparent)
    return begun


def batch_span(
    tracer: Tracer | None,
    name: str,
    kind: Kind,
    traceparents: Iterable[bytes | str | None],
    attributes: Attributes,
) -> AbstractContextManager[None]:
    """Return a span of a batch: a child of its first sampled message, with links to the other sampled ones.

    It encloses what follows. Does nothing without a tracer, or if no message is sampled.
    """
    if tracer is None:
        return NO_SPAN
    valid = map(valid_traceparent, dict.fromkeys(traceparents))
    sampled = [one for one in valid if one is not None and is_sampled(one)]
    if not sampled:
        return NO_SPAN
    parent, links = sampled[0], sampled[1 : MOST_LINKS + 1]
    left_out = len(sampled) - 1 - len(links)
    more = {"plateward.links_left_out": left_out} if left_out else {}
    return _entered(tracer, name, kind, parent, links, {**attributes, **more})


@contextmanager
def traces_of_events(traceparents: Mapping[UUID, str]) -> Iterator[None]:
    """Let `event_span` find the traces of a batch's events by their ids."""
    token = _of_events.set(traceparents)
    try:
        yield
    finally:
        _of_events.reset(token)


def event_span(event_id: UUID, name: str) -> AbstractContextManager[None]:
    """Return a span of one event of a batch, in the event's own trace and linked with the batch's span.

    It encloses what follows, so that events made of this one are in its trace. For an event that is not sampled it
    makes no span, and what follows is not sampled either.
    """
    tracer = _tracer.get()
    if tracer is None:
        return NO_SPAN
    own = _of_events.get({}).get(event_id)
    if own is None:
        return enclosing_span(name, Kind.INTERNAL)
    if not is_sampled(own):
        return _untraced(own)
    batch = current_traceparent()
    links = [] if batch is None else [batch]
    return _entered(tracer, name, Kind.INTERNAL, own, links, NO_ATTRIBUTES)


@contextmanager
def _leaf(tracer: Tracer, name: str, kind: Kind, attributes: Attributes) -> Iterator[None]:
    begun = tracer.begin(name, kind, parent=current_traceparent(), attributes=attributes)
    with _ending(begun):
        yield


@contextmanager
def _entered(
    tracer: Tracer,
    name: str,
    kind: Kind,
    parent: str | None,
    links: Sequence[str],
    attributes: Attributes,
) -> Iterator[None]:
    begun = tracer.begin(name, kind, parent=parent, links=links, attributes=attributes)
    with _ending(begun), _within(begun.traceparent, tracer):
        yield


@contextmanager
def _untraced(traceparent: str) -> Iterator[None]:
    with _within(traceparent, None):
        yield


@contextmanager
def _within(traceparent: str, tracer: Tracer | None) -> Iterator[None]:
    before, without = enter_traceparent(traceparent), _tracer.set(tracer)
    try:
        yield
    finally:
        # An async generator that is closed from elsewhere ends in another context, whose values are its own.
        with contextlib.suppress(ValueError):
            _tracer.reset(without)
            leave_traceparent(before)


@contextmanager
def _ending(begun: Span) -> Iterator[None]:
    """End a span, with the type of an error and not its text, which may have a plate."""
    error = None
    try:
        yield
    except BaseException as exc:
        error = type(exc).__name__
        raise
    finally:
        begun.end(error=error)
