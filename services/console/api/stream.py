"""The alert stream on its way to a browser: each hit becomes the card that the page shows."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx

from services.console.api.pages import fragment
from services.console.api.visit import Visit

RETRY_MS = 3000


@dataclass(frozen=True)
class Event:
    """A server-sent event (WHATWG HTML, 9.2); one without a name is a sign of life."""

    name: str
    data: str = ""
    event_id: str = ""

    def encode(self) -> bytes:
        """Return it as it goes over the wire."""
        if not self.name:
            return b": alive\n\n"
        lines = [f"id: {self.event_id}"] if self.event_id else []
        lines += [
            f"event: {self.name}",
            *(f"data: {line}" for line in self.data.splitlines() or [""]),
        ]
        return ("\n".join(lines) + "\n\n").encode()


async def events_in(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    """Yield the events in a stream's lines, which come without their ends."""
    name, data, event_id = "", list[str](), ""
    async for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            yield Event(name, "\n".join(data), event_id)
            name, data, event_id = "", [], ""
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id":
            event_id = value


def shown(event: Event, base: str) -> Event:
    """Return an event of hotlist as the page takes it: an alert as a card, all else as it is."""
    if event.name != "alert":
        return event
    card = fragment("hit_card.html", hit=json.loads(event.data), base=base, live=True)
    return Event("alert", card, event.event_id)


async def passed_on(visit: Visit, answer: httpx.Response, base: str) -> AsyncIterator[bytes]:
    """Yield hotlist's open stream for the browser, until it ends or nobody uses the page any more."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    try:
        async for event in events_in(answer.aiter_lines()):
            session = visit.console.sessions.current(visit.session)
            if visit.console.sessions.is_idle(session):
                yield Event("signed-out", "idle").encode()
                return
            yield shown(event, base).encode()
    except httpx.TransportError:
        return  # the browser comes back with the last id, and misses nothing
    finally:
        await answer.aclose()
