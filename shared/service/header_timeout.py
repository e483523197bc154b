"""Limits of time and size for the headers of a request; uvicorn has none (CWE-400, slow and endless requests)."""

from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_TIMEOUT_S = 10.0
"""Limit from the connection, or the first bytes after an answer, to the end of a request's headers."""


MOST_HEADER_BYTES = 64 * 1024
"""Limit of a request's first line and headers that have not come to their end, and of a line between or after the
chunks of its body; proxies send no more."""

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class HeaderTimeout(HttpToolsProtocol):
    """Closes a connection whose next request does not complete its headers in time, or within their limit of size.

    Bodies have their own limits (`shared/limits/body_limit.py`, uploads); uvicorn limits silence after an answer.
    Trailers, which may follow a body in chunks, are passed over: uvicorn would add them to the headers, after the one
    in which a proxy gives the client's address.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._due: TimerHandle | None = None
        self._unended: int | None = None
        """The bytes of headers, or of a body's line, that have not come to their end; None between requests."""
        self._in_body = False
        self._goes_on = False
        """Whether the bytes at hand had an end of headers, a piece of a body or a trailer."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the timer for the first request."""
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._headers_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse bytes; start the timer unless a request is being answered."""
        self._goes_on = False
        super().data_received(data)
        if self._unended is not None:
            self._unended = 0 if self._goes_on else self._unended + len(data)
            if self._unended > MOST_HEADER_BYTES and not self.transport.is_closing():
                self._refuse()
        if self._due is None and not self._answering:
            self._await_headers()

    def on_message_begin(self) -> None:
        """Begin to count the bytes of headers."""
        self._unended, self._in_body = 0, False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, and pass over a trailer."""
        if self._in_body:
            self._goes_on = True
        else:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the timer: the headers are complete."""
        self._in_body = self._goes_on = True
        self._headers_came()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._goes_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request: nothing of it is awaited any more."""
        self._unended, self._in_body = None, False
        super().on_message_complete()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _await_headers(self) -> None:
        self._due = self.loop.call_later(HEADER_TIMEOUT_S, self._close)

    def _headers_came(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _refuse(self) -> None:
        if not self._answering:
            self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _close(self) -> None:
        self._due = None
        if not self._answering and not self.transport.is_closing():
            self.transport.close()
