"""What a service answers to a command over HTTP, and how a file is sent to it whole."""

import http.client
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult


@dataclass(frozen=True)
class Response:
    """What a service answered to a file."""

    status: int
    body: Mapping[str, Any]
    retry_after_s: int | None = None
    """How long the service asks to wait."""

    @property
    def code(self) -> str:
        """The code of a refusal, else the status."""
        return str(self.body.get("code") or self.status)


class Changing(Exception):
    """A file changed while it was read."""


@contextmanager
def whole(path: Path) -> Iterator[BufferedReader]:
    """Open a file and no link. Raises: Changing at the end if the file changed meanwhile; OSError."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        before = os.fstat(file.fileno())
        yield file
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise Changing


def connection_to(url: SplitResult, within_s: float) -> http.client.HTTPConnection:
    """Return a connection to the host of an address, not opened; each of its answers has to come in time."""
    host = url.hostname or ""
    if url.scheme == "https":
        return http.client.HTTPSConnection(host, url.port, timeout=within_s)
    return http.client.HTTPConnection(host, url.port, timeout=within_s)


def response_of(connection: http.client.HTTPConnection) -> Response:
    """Return the answer to what was sent, whole. Raises: OSError, also for what is no HTTP."""
    try:
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as exc:
        raise ConnectionError(str(exc)) from exc
    wait = answer.headers.get("Retry-After", "")
    return Response(answer.status, _json_of(body), int(wait) if wait.isdecimal() else None)


def _json_of(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
