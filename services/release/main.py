"""Wires release: runtime, service, consumers, routes."""

from fastapi import FastAPI

from services.release.api import router
from services.release.events import subscriptions
from services.release.service import ReleaseService
from services.release.settings import Settings
from services.release.spec import SPEC
from shared.http.app import create_app
from shared.http.routes import add_routes
from shared.service.api_runtime import ApiRuntime


def build_app(settings: Settings, runtime: ApiRuntime | None = None) -> FastAPI:
    """Return the app; it starts and stops with its lifespan."""
    runtime = runtime or ApiRuntime(SPEC, settings)
    service = ReleaseService.of(runtime, settings)
    app = create_app(SPEC, service, lifespan=lambda _: service.running(subscriptions(service)))
    add_routes(app, router)
    return app
