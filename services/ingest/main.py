"""Wires ingest: runtime, service, consumers, routes."""

from fastapi import FastAPI

from services.ingest.api import add_camera_routes, router
from services.ingest.api.guard import identify
from services.ingest.events import followers, subscriptions
from services.ingest.service import IngestService
from services.ingest.settings import Settings
from services.ingest.spec import SPEC
from shared.http.app import create_app
from shared.http.routes import add_routes
from shared.service.api_runtime import ApiRuntime


def build_app(settings: Settings, runtime: ApiRuntime | None = None) -> FastAPI:
    """Return the app; it starts and stops with its lifespan."""
    runtime = runtime or ApiRuntime(SPEC, settings)
    service = IngestService.of(runtime, settings)
    app = create_app(
        SPEC,
        service,
        lifespan=lambda _: service.running(subscriptions(service), followers(service)),
        identify=identify,
    )
    add_camera_routes(app)
    add_routes(app, router)
    return app
