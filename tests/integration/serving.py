"""Starts a service's app in the test's own process, and makes clients of it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from shared.core.errors import AlprError
from shared.service.api_runtime import ApiRuntime
from shared.testing import eventually


@asynccontextmanager
async def started(
    build_app: Callable[[Any, Any], FastAPI], runtime: ApiRuntime
) -> AsyncIterator[FastAPI]:
    """Run a service's app from its start to its stop."""
    app = build_app(runtime.settings, runtime)
    async with app.router.lifespan_context(app):
        yield app


def client_of(
    app: FastAPI, name: str = "test", *, raises: bool = False, address: str = "127.0.0.1"
) -> httpx.AsyncClient:
    """Return a client of an app at `address`; with `raises`, a fault of a route is raised, not answered."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=raises, client=(address, 40_000))
    return httpx.AsyncClient(transport=transport, base_url=f"http://{name}")


@asynccontextmanager
async def on_a_socket(
    app: FastAPI, before_stop: Callable[[], None] = lambda: None
) -> AsyncIterator[str]:
    """Serve an app, whose lifespan the caller runs, on a real socket. Yields its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server._serve([listening]))
        await eventually(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            before_stop()
            server.should_exit = True
            await running


async def received_until_cut_off(
    app: FastAPI, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> tuple[int, bytes]:
    """Send a request straight to an app, whose answer must end with an error after its begin.

    Returns the status and what came of the body. httpx's transport returns an answer whole or not at all.
    """
    messages: list[Any] = []
    sent = [{"type": "http.request", "body": body, "more_body": False}]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 40_000),
        "server": ("test", 80),
        "state": {},
    }

    async def receive() -> Any:
        if not sent:
            await asyncio.Event().wait()
        return sent.pop()

    async def send(message: Any) -> None:
        messages.append(message)

    # Starlette makes this of an error behind the first byte.
    with pytest.raises(RuntimeError, match="response already started") as cut_off:
        await app(scope, receive, send)
    assert isinstance(cut_off.value.__cause__, AlprError)
    begin, *rest = messages
    return begin["status"], b"".join(message["body"] for message in rest)
