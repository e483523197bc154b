"""One keep-alive HTTP/1.1 connection that costs a load generator as little CPU as possible."""

import asyncio
from typing import NamedTuple, Self, cast
from urllib.parse import urlsplit


class Answer(NamedTuple):
    """An answer's status and body."""

    status: int
    body: bytes


class Link(asyncio.Protocol):
    """Sends one request at a time and returns its answer; answers carry a Content-Length."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._held = b""
        self._waiting: asyncio.Future[Answer] | None = None

    @classmethod
    async def to(cls, url: str, *, local: str = "") -> Self:
        """Connect to the host and port of `url`, from the address `local` of this machine if one is named."""
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(
            cls,
            parts.hostname or "127.0.0.1",
            parts.port or 80,
            local_addr=(local, 0) if local else None,
        )
        return link

    async def send(self, *pieces: bytes) -> Answer:
        """Send a whole request; return its answer. Raises: ConnectionError."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("the connection is closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.writelines(pieces)
        return await self._waiting

    def close(self) -> None:
        """Disconnect."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport of the new connection."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Notify the waiting task."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Take in a piece of an answer; resolve it once it is whole."""
        self._held += data
        head = self._held.find(b"\r\n\r\n")
        if head < 0:
            return
        low = self._held[:head].lower()
        at = low.find(b"content-length:")
        length = int(low[at + 15 :].split(b"\r\n", 1)[0])
        end = head + 4 + length
        if len(self._held) >= end and self._waiting is not None and not self._waiting.done():
            answer = Answer(int(self._held[9:12]), self._held[head + 4 : end])
            self._held = self._held[end:]
            self._waiting.set_result(answer)


def head(method: str, path: str, **headers: str) -> bytes:
    """Return a request's head but for Content-Length, which `sized` adds."""
    lines = [f"{method} {path} HTTP/1.1", "Host: plateward"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode()


def sized(begun: bytes, length: int) -> bytes:
    """Return a request's whole head for a body of `length` bytes."""
    return b"%b\r\nContent-Length: %d\r\n\r\n" % (begun, length)
