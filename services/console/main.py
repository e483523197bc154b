"""Wires the console: settings, parts, routes; started by `python -m services.console`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.console.api import router
from services.console.api.browser import Pages
from services.console.api.error_pages import add_handlers
from services.console.service import Console
from services.console.settings import Settings
from shared.http.app import RequestContext
from shared.limits.body_limit import BodyLimit
from shared.service.serve import serve

UPLOADS = (r"/hotlists/[^/]+/upload$",)
"""Forms with a file, which is passed on as it arrives; the service that takes it bounds it."""


def build_app(settings: Settings, console: Console | None = None) -> FastAPI:
    """Return the console's app. It offers pages, no API, so it has no OpenAPI document."""
    console = console or Console.of(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await console.services.close()

    app = FastAPI(
        title="console",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.runtime = console
    app.add_middleware(BodyLimit, uploads=UPLOADS)
    app.add_middleware(Pages)
    app.add_middleware(RequestContext, root_path=settings.root_path)  # outermost: request ids
    add_handlers(app)
    app.include_router(router)
    return app


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(build_app(settings), settings)
