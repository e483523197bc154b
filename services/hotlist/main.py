"""Wires hotlist: runtime, matcher, alert streams, routes.

Start: the runtime (schema, then the consumers, which wait for the index), the parts. Stop: streams end
first, told by the signal itself, because the server waits for them; then the parts, then the runtime.
"""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import FrameType

from fastapi import FastAPI

from services.hotlist.api import router
from services.hotlist.api.views import alert
from services.hotlist.events import subscriptions
from services.hotlist.service import Parts
from services.hotlist.settings import Settings
from shared.http.app import create_app
from shared.service.runtime import Runtime
from shared.service.serve import serve

MIGRATIONS = Path(__file__).parent / "migrations"

UPLOADS = (r"/v1/lists/[^/]+/versions$",)
"""Routes that take files, and bound them by limits of their own."""

DESCRIPTION = """Hot lists, and the hits that reads raise against them.

A hit is a machine match. It is `unverified` until a person has checked it through CLETS with the agency
that entered the listing (policy 468.4(f)); nothing here says that a stop is lawful.
Alerts are hits as they happen, over Server-Sent Events at `GET /v1/alerts`."""


def build_app(settings: Settings, runtime: Runtime | None = None) -> FastAPI:
    """Return the app; nothing is connected before its lifespan begins."""
    runtime = runtime or Runtime("hotlist", settings)
    parts = Parts(runtime, settings, alert)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await runtime.start(MIGRATIONS, subscriptions(runtime, parts.raiser, parts.secrets))
        try:
            parts.start()
            with _told_of_stop(parts.broadcaster.close):
                yield
        finally:
            parts.broadcaster.close()
            await runtime.stop()

    app = create_app(
        runtime,
        title="Plateward hotlist",
        description=DESCRIPTION,
        lifespan=lifespan,
        uploads=UPLOADS,
    )
    app.state.parts = parts
    app.include_router(router)
    return app


@contextmanager
def _told_of_stop(close: Callable[[], None]) -> Iterator[None]:
    """Call `close` when the process is told to stop, before whoever else handles the signal.

    The server ends its lifespan only after every response has ended, and an alert stream never would.
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


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(build_app(settings), settings)
