"""Serves several services' apps on one port, each below its name: /hotlist/v1/hits."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from html import escape
from http import HTTPStatus

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.app import PROBLEM
from shared.http.handlers import add_handler
from shared.service.resources import is_ok
from shared.service.running import Service, service_of


def dispatcher(apps: Mapping[str, FastAPI]) -> ASGIApp:
    """Return one app that serves every app of `apps` below /<name>, and an index at /.

    Their lifespans run inside this one's: in the order given at start, in reverse at stop.
    """
    front = _front(apps)

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            name = scope["path"].removeprefix("/").split("/", 1)[0]
            if name in apps:
                await apps[name]({**scope, "root_path": f"/{name}"}, receive, send)
                return
        await front(scope, receive, send)

    return dispatch


def _front(apps: Mapping[str, FastAPI]) -> Starlette:
    """The index and other pages outside the services, and the lifespans of all apps."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in apps.values():
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    async def index(_: Request) -> Response:
        return HTMLResponse(_index(apps))

    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        state = {name: await _state(app) for name, app in apps.items()}
        ready = all(is_ok(value) for checks in state.values() for value in checks.values())
        return JSONResponse(state, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)

    async def unknown(request: Request, exc: HTTPException) -> Response:
        phrase = HTTPStatus(exc.status_code).phrase
        body = {"type": "about:blank", "title": phrase, "status": exc.status_code}
        if exc.status_code == HTTPStatus.NOT_FOUND:
            body["detail"] = f"services here: {', '.join(f'/{name}' for name in apps)}"
        return JSONResponse(body, exc.status_code, exc.headers, media_type=PROBLEM)

    routes = [Route("/", index), Route("/livez", livez), Route("/readyz", readyz)]
    front = Starlette(routes=routes, lifespan=lifespan)
    add_handler(front, HTTPException, unknown)
    return front


async def _state(app: FastAPI) -> dict[str, str]:
    return await service_of(app, Service).check()


def _index(apps: Mapping[str, FastAPI]) -> str:
    rows = "".join(_row(name, app) for name, app in apps.items())
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Plateward</title>"
        f"<h1>Plateward</h1><ul>{rows}</ul><p><a href='/readyz'>readiness</a></p></html>"
    )


def _row(name: str, app: FastAPI) -> str:
    if app.openapi_url is None:  # pages for people
        return f"<li><a href='/{name}/'>{escape(app.title)}</a></li>"
    return (
        f"<li><a href='/{name}/docs'>{escape(app.title)}</a> "
        f"(<a href='/{name}/openapi.json'>openapi.json</a>)</li>"
    )
