"""Wires identity: runtime, service, routes; it consumes by followers alone."""

from functools import partial

from fastapi import FastAPI

from services.identity.api import router
from services.identity.api.sessions import SIGN_IN, known_browser
from services.identity.events import followers
from services.identity.service import IdentityService
from services.identity.settings import Settings
from services.identity.spec import SPEC
from shared.http.app import create_app
from shared.http.routes import add_routes
from shared.service.api_runtime import ApiRuntime


def build_app(settings: Settings, runtime: ApiRuntime | None = None) -> FastAPI:
    """Return the app; it starts and stops with its lifespan."""
    runtime = runtime or ApiRuntime(SPEC, settings)
    service = IdentityService.of(runtime, settings)
    runtime.refusals.allowance.narrow(SIGN_IN, settings.identity_sign_in_burst)
    app = create_app(
        SPEC,
        service,
        lifespan=lambda _: service.running(followers=followers(service)),
        vouch=partial(known_browser, service),
    )
    add_routes(app, router)
    return app
