"""Forwards the alert stream to a browser: renders each hit, new or changed, as a card of the page."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from services.console.api.pages import fragment
from services.console.api.visit import Visit
from shared.core.problem_codes import Common

RETRY_MS = 3000


@dataclass(frozen=True)
class ServerSentEvent:
    """A server-sent event (WHATWG HTML, 9.2); one without a name is a heartbeat, which the page knows as `alive`."""

    name: str
    data: str = ""
    event_id: str = ""

    def encode(self) -> bytes:
        """Encode it for the wire."""
        if not self.name:  # a browser shows a script no comments
            return b"event: alive\ndata:\n\n"
        lines = [f"id: {self.event_id}"] if self.event_id else []
        lines += [
            f"event: {self.name}",
            *(f"data: {line}" for line in self.data.splitlines() or [""]),
        ]
        return ("\n".join(lines) + "\n\n").encode()


def end(code: str, detail: str) -> ServerSentEvent:
    """Return the event that ends the stream, with a problem's code and text as hotlist's `end` has them."""
    return ServerSentEvent("end", json.dumps({"code": code, "detail": detail}))


def signed_out(code: Literal["session_idle", "session_over"]) -> ServerSentEvent:
    """Return the event that ends the stream because the browser has no session any more."""
    return ServerSentEvent("signed-out", json.dumps({"code": code, "detail": _SIGNED_OUT[code]}))


_SIGNED_OUT = {
    "session_idle": "you were signed out because the page was not used",
    "session_over": "your session is over: sign in again",
}


async def events_in(lines: AsyncIterator[str]) -> AsyncIterator[ServerSentEvent]:
    """Yield the events in a stream's lines, given without line ends."""
    name, data, event_id = "", list[str](), ""
    async for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            yield ServerSentEvent(name, "\n".join(data), event_id)
            name, data, event_id = "", [], ""
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id":
            event_id = value


def as_page_event(event: ServerSentEvent, of_page: Mapping[str, Any]) -> ServerSentEvent:
    """Convert hotlist's event for the page: an alert or its change becomes a card, other events stay."""
    if event.name not in ("alert", "change"):
        return event
    card = fragment("hit_card.html", hit=json.loads(event.data), live=True, **of_page)
    return ServerSentEvent(event.name, card, event.event_id)


async def relay(
    visit: Visit, answer: httpx.Response, of_page: Mapping[str, Any]
) -> AsyncIterator[bytes]:
    """Yield hotlist's open stream for the browser, until it ends or the session is idle.

    `of_page`: the values that a card needs of the page on which it appears.
    """
    yield f"retry: {RETRY_MS}\n\n".encode()
    try:
        async for event in events_in(answer.aiter_lines()):
            session = visit.console.sessions.current(visit.session)
            if visit.console.sessions.is_idle(session):
                yield signed_out("session_idle").encode()
                return
            yield as_page_event(event, of_page).encode()
    except httpx.TransportError:
        # The browser reconnects with the last id and misses no event.
        yield end(Common.UNAVAILABLE.code, Common.UNAVAILABLE.text).encode()
    finally:
        await answer.aclose()
