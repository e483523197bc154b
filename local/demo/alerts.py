"""An officer's alert stream, with each alert's time of arrival."""

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx

from local.demo.camera import Posted
from local.demo.client import Person, problem
from local.demo.events import server_events
from local.demo.story import Alert, StepFailed

READY_WITHIN_S = 20.0


@dataclass(frozen=True)
class Arrival:
    """An alert on arrival. `at_s` is on the monotonic clock."""

    hit: dict[str, Any]
    at_s: float


class AlertStream:
    """Listens in the background until closed; if the stream ends, reconnects with the last id."""

    def __init__(self, officer: Person) -> None:
        self.arrivals: list[Arrival] = []
        self._officer = officer
        self._last_id: str | None = None
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "AlertStream":
        self._task = asyncio.create_task(self.listen())
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait(
            {self._task, ready}, timeout=READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED
        )
        if not self._ready.is_set():
            ready.cancel()
            await self.close()
            raise StepFailed("the alert stream did not open")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening. Raises the error that ended the listening, if any."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def listen(self) -> None:
        """Receive alerts until cancelled. Raises: StepFailed if the stream is refused."""
        while True:
            headers = {**await self._officer.headers(), "Accept": "text/event-stream"}
            if self._last_id is not None:
                headers["Last-Event-ID"] = self._last_id
            api = self._officer.api
            stream = api.http.stream(
                "GET", api.url("hotlist", "/v1/alerts"), headers=headers, timeout=_TIMEOUT
            )
            async with stream as answer:
                if answer.status_code != HTTPStatus.OK:
                    await answer.aread()
                    raise StepFailed(f"alert stream: {problem(answer)}")
                await self._read(answer)

    async def _read(self, answer: httpx.Response) -> None:
        async for event in server_events(answer.aiter_lines()):
            arrived = time.monotonic()
            if event.event_id:
                self._last_id = event.event_id
            if event.name == "ready":
                self._ready.set()
            elif event.name == "alert":
                self.arrivals.append(Arrival(json.loads(event.data), arrived))
            elif event.name == "end":
                return


_TIMEOUT = httpx.Timeout(10.0, read=60.0)


def attach(arrivals: Sequence[Arrival], posted: Sequence[Posted]) -> None:
    """Assign each alert to its frame, with the time since that frame's POST began.

    Raises: StepFailed for an alert whose frame was not posted here.
    """
    by_capture = {one.sent.capture_id: one for one in posted}
    for arrival in arrivals:
        hit = arrival.hit
        about = by_capture.get(str(hit["capture_id"]))
        if about is None:
            raise StepFailed("an alert came about a capture that nobody posted")
        after_ms = 1000 * (arrival.at_s - about.began_s)
        about.sent.alerts.append(
            Alert(
                hit_id=hit["hit_id"],
                capture_id=hit["capture_id"],
                plate_read=hit["plate_read"],
                plate_listed=hit["plate_listed"],
                list_name=hit["list_name"],
                record_kind=hit["record_kind"],
                tier=hit["tier"],
                status=hit["status"],
                after_ms=after_ms,
            )
        )
