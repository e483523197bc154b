"""Wires hotlist: runtime, service, consumers, routes."""

from fastapi import FastAPI

from services.hotlist.api import router
from services.hotlist.api.guard import identify
from services.hotlist.api.views.alerts import alert, stream_end
from services.hotlist.events import subscriptions
from services.hotlist.service import HotlistService
from services.hotlist.settings import Settings
from services.hotlist.spec import SPEC
from shared.http.app import create_app
from shared.http.routes import add_routes
from shared.service.api_runtime import ApiRuntime


def build_app(settings: Settings, runtime: ApiRuntime | None = None) -> FastAPI:
    """Return the app; it starts and stops with its lifespan."""
    runtime = runtime or ApiRuntime(SPEC, settings)
    service = HotlistService.of(runtime, settings, alert, stream_end)
    app = create_app(
        SPEC,
        service,
        lifespan=lambda _: service.running(subscriptions(service)),
        identify=identify,
    )
    add_routes(app, router)
    return app
