"""Wires the console: settings, service, routes."""

from fastapi import FastAPI

from services.console.api import router
from services.console.api.browser import Pages
from services.console.api.error_pages import add_handlers
from services.console.service import ConsoleService
from services.console.settings import Settings
from services.console.spec import SPEC
from shared.http.app import NO_TELEMETRY, RequestContext
from shared.http.routes import add_routes
from shared.limits.body_limit import BodyLimit
from shared.service.running import attach


def build_app(settings: Settings, service: ConsoleService | None = None) -> FastAPI:
    """Build the console's app. It serves pages and no API, so it has no OpenAPI document."""
    service = service or ConsoleService.of(settings)
    app = FastAPI(
        title=SPEC.name,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
        lifespan=lambda _: service.running(),
    )
    attach(app, service)
    app.add_middleware(BodyLimit, uploads=SPEC.uploads)
    app.add_middleware(Pages)
    app.add_middleware(  # outermost: request ids
        RequestContext,
        service=SPEC.name,
        root_path=settings.root_path,
        tracer=service.tracer,
    )
    add_handlers(app)
    add_routes(app, router)
    return app
