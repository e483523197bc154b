"""Wires hotlist: runtime, matcher, alert streams, routes.

Start: the runtime (schema, then the consumers, which wait for the index), then the tasks. Stop: the signal ends the
streams first, because the server waits for them; then the runtime stops.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.hotlist.api import router
from services.hotlist.api.views import alert, stream_end
from services.hotlist.events import subscriptions
from services.hotlist.service import HotlistService
from services.hotlist.settings import Settings
from services.hotlist.spec import SPEC
from shared.http.app import create_app
from shared.service.api_runtime import ApiRuntime
from shared.service.stopping import before_stop


def build_app(settings: Settings, runtime: ApiRuntime | None = None) -> FastAPI:
    """Return the app; it connects when its lifespan begins."""
    runtime = runtime or ApiRuntime(SPEC, settings)
    hotlist = HotlistService.of(runtime, settings, alert, stream_end)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await runtime.start(subscriptions(hotlist))
        try:
            runtime.run(*hotlist.tasks)
            with before_stop(hotlist.broadcaster.close):
                yield
        finally:
            hotlist.broadcaster.close()
            await runtime.stop()

    app = create_app(SPEC, hotlist, lifespan=lifespan)
    app.include_router(router)
    return app
