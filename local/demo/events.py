"""A client for Server-Sent Events (WHATWG HTML, 9.2): turns text lines into events."""

from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerEvent:
    """One event of a stream. A client that reconnects sends `event_id` as Last-Event-ID."""

    name: str
    data: str
    event_id: str


async def server_events(lines: AsyncIterator[str]) -> AsyncIterator[ServerEvent]:
    """Yield the events in a stream's lines, given without line ends. Skips comments."""
    name, data, event_id = "message", list[str](), ""
    async for line in lines:
        if line == "":
            if data:
                yield ServerEvent(name, "\n".join(data), event_id)
            name, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                name = value
            case "data":
                data.append(value)
            case "id" if "\0" not in value:
                event_id = value
            case _:
                pass
