"""Wires hotlist: runtime, matcher, alert streams, routes.

Start: the runtime (schema, then the consumers, which wait for the index), the hotlist. Stop: the signal handler
ends the streams first, because the server waits for them; then the runtime stops.
"""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

from fastapi import FastAPI

from services.hotlist.api import router
from services.hotlist.api.views import alert
from services.hotlist.events import subscriptions
from services.hotlist.service import HotlistService
from services.hotlist.settings import Settings
from services.hotlist.spec import SPEC
from shared.http.app import create_app
from shared.service.runtime import Runtime


def build_app(settings: Settings, runtime: Runtime | None = None) -> FastAPI:
    """Return the app; it connects when its lifespan begins."""
    runtime = runtime or Runtime(SPEC.name, settings)
    hotlist = HotlistService.of(runtime, settings, alert)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await runtime.start(
            SPEC.migrations, subscriptions(runtime, hotlist.matcher, hotlist.secrets)
        )
        try:
            hotlist.start()
            with _before_stop(hotlist.broadcaster.close):
                yield
        finally:
            hotlist.broadcaster.close()
            await runtime.stop()

    app = create_app(SPEC, hotlist, lifespan=lifespan)
    app.include_router(router)
    return app


@contextmanager
def _before_stop(close: Callable[[], None]) -> Iterator[None]:
    """Call `close` on SIGINT and SIGTERM, before the handler that was installed earlier.

    The server ends its lifespan only after every response has ended; an alert stream would not end by itself.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(close)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    changed = [number for number, handler in before.items() if callable(handler)]
    for number in changed:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])
