"""Starts a service's app in the test's own process, and makes clients of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from shared.service.api_runtime import ApiRuntime


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
