"""Wires release: its runtime, its routes, its consumer and the expiry of packages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.release.actions.expiry import expire_due
from services.release.api import router
from services.release.events import subscriptions
from services.release.service import ReleaseService
from services.release.settings import Settings
from services.release.spec import SPEC
from shared.core.periodic import PeriodicTask
from shared.http.app import create_app
from shared.service.runtime import Runtime


def build_app(settings: Settings, runtime: Runtime | None = None) -> FastAPI:
    """Return the wired application."""
    runtime = runtime or Runtime(SPEC.name, settings)
    every_s = settings.release_expiry_sweep_s

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await runtime.start(SPEC.migrations, subscriptions(runtime))
        runtime.run(
            PeriodicTask("package expiry", lambda: expire_due(runtime), every_s, at_once=True)
        )
        try:
            yield
        finally:
            await runtime.stop()

    app = create_app(SPEC, ReleaseService(runtime, settings), lifespan=lifespan)
    app.include_router(router)
    return app
