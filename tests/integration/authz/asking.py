"""One request to an app in this process; an answer without an end is left once it has begun."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

TIME_S = 20


@dataclass
class Answer:
    """A response."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document, if it is one."""
        if not self.headers.get("content-type", "").startswith("application/problem+json"):
            return {}
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def json(self) -> Any:
        """The body, if it is JSON; otherwise None."""
        is_json = self.headers.get("content-type", "").partition(";")[0].endswith("json")
        return json.loads(self.body) if is_json and self.body else None


async def ask(
    app: FastAPI,
    method: str,
    path: str,
    headers: dict[str, str],
    body: Any,
    address: str,
    *,
    listen_s: float = 0,
) -> Answer:
    """Send a request as from `address`; read a stream of events for `listen_s` once it has begun.

    A body of bytes goes as it is, with the content type of `headers`.
    """
    answer = Answer()
    ended = asyncio.Event()
    content = (
        body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    )
    sent = {"host": "test", **headers}
    if body is not None and not isinstance(body, bytes):
        sent["content-type"] = "application/json"
    url = httpx.URL(f"http://test{path}")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": url.path,
        "raw_path": url.raw_path,
        "query_string": url.query,
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in sent.items()],
        "client": (address, 40000),
        "server": ("test", 80),
        "state": {},
    }
    parts = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if parts:
            return parts.pop()
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode().lower(): v.decode() for k, v in message["headers"]}
            if answer.headers.get("content-type", "").startswith("text/event-stream"):
                asyncio.get_running_loop().call_later(listen_s, ended.set)
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")
            if not message.get("more_body"):
                ended.set()

    try:
        async with asyncio.timeout(TIME_S):
            await app(scope, receive, send)
    except Exception:
        if (
            answer.status != 500
        ):  # Starlette answers an error with 500 and raises it for the server's log
            raise
    return answer
