"""Wires audit: runtime, service, consumers, routes."""

from fastapi import FastAPI

from services.audit.api import router
from services.audit.events import subscriptions
from services.audit.service import AuditService
from services.audit.settings import Settings
from services.audit.spec import SPEC
from shared.http.app import create_app
from shared.http.routes import add_routes
from shared.service.api_runtime import ApiRuntime


def build_app(settings: Settings, runtime: ApiRuntime | None = None) -> FastAPI:
    """Return the app; it starts and stops with its lifespan."""
    runtime = runtime or ApiRuntime(SPEC, settings)
    service = AuditService.of(runtime, settings)
    app = create_app(SPEC, service, lifespan=lambda _: service.running(subscriptions(service)))
    add_routes(app, router)
    return app
