"""Wires identity: settings, runtime, routes; started by `python -m services.identity`.

Start: the runtime, keys and accounts, background tasks. Stop: tasks first, then the hasher and the runtime.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from services.identity.api import router
from services.identity.api.sessions import SIGN_IN, known_browser
from services.identity.service import IdentityService
from services.identity.settings import Settings
from services.identity.spec import SPEC
from shared.http.app import create_app
from shared.service.api_runtime import ApiRuntime


def build_app(settings: Settings, runtime: ApiRuntime | None = None) -> FastAPI:
    """Return the wired application."""
    runtime = runtime or ApiRuntime(SPEC, settings)
    service = IdentityService.of(runtime, settings)
    runtime.refusals.allowance.narrow(SIGN_IN, settings.identity_sign_in_burst)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await runtime.start()
        try:
            await service.prepare()
            if runtime.live:
                runtime.run(*service.tasks())
            yield
        finally:
            await runtime.stop_tasks()
            service.hasher.close()
            await runtime.stop()

    vouch = partial(known_browser, service)
    app = create_app(SPEC, service, lifespan=lifespan, vouch=vouch)
    app.include_router(router)
    return app
