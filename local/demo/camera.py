"""Cameras: each posts its frames with its own credential, and sends again what was not taken."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

import httpx

from local.demo.client import Api, problem
from local.demo.department import Device
from local.demo.story import Frame, Sent, StepFailed

TRIES = 8


@dataclass(frozen=True)
class Posted:
    """A frame with its receipt. `began_s` is when its POST began, on the monotonic clock."""

    sent: Sent
    began_s: float
    captured_at: datetime


class Refused(Exception):
    """A frame was refused for what it is; the text is the problem's."""


async def post_all(
    api: Api,
    devices: Sequence[Device],
    frames: Sequence[Frame],
    *,
    every_s: float,
    done: Callable[[Frame, str | None], None],
) -> list[Posted]:
    """Post frames in turn through the devices, one begun `every_s`, as cameras by the road would.

    Frames of a film all come from the first device. `done` is told of each frame, with the reason when it was refused (a photo may be broken).
    """
    begun: list[asyncio.Task[Posted | None]] = []
    start = time.monotonic()
    for number, frame in enumerate(frames):
        await asyncio.sleep(max(0.0, start + number * every_s - time.monotonic()))
        device = devices[0 if frame.film else number % len(devices)]
        begun.append(asyncio.create_task(_tell(api, device, frame, done)))
    finished = await asyncio.gather(*begun)
    return [posted for posted in finished if posted is not None]


async def _tell(
    api: Api,
    device: Device,
    frame: Frame,
    done: Callable[[Frame, str | None], None],
) -> Posted | None:
    try:
        posted = await post(api, device, frame)
    except Refused as refused:
        done(frame, str(refused))
        return None
    done(frame, None)
    return posted


async def post(
    api: Api, device: Device, frame: Frame, *, at: datetime | None = None, pause_s: float = 1.0
) -> Posted:
    """Post one frame until it is safe, with a pause after a failure that names none.

    Raises: Refused; StepFailed when it is never taken.
    """
    captured_at = at or datetime.now(UTC)
    headers = {
        "Authorization": f"Bearer {device.credential}",
        "Content-Type": frame.media_type,
        "X-Captured-At": captured_at.isoformat(),
    }
    began = time.monotonic()
    for _ in range(TRIES):
        answer = await _try(api, frame, headers)
        if answer is not None and answer.is_success:
            taken_ms = 1000 * (time.monotonic() - began)
            sent = Sent(frame, answer.json()["capture_id"], device.name, taken_ms)
            return Posted(sent, began, captured_at)
        if answer is not None and answer.status_code not in _TRY_AGAIN:
            raise Refused(problem(answer))
        named = None if answer is None else answer.headers.get("Retry-After")
        await asyncio.sleep(pause_s if named is None else float(named))
    raise StepFailed(f"{frame.name} was not taken in {TRIES} tries")


_TRY_AGAIN = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})


async def _try(api: Api, frame: Frame, headers: dict[str, str]) -> httpx.Response | None:
    """Send once; None where the connection failed."""
    try:
        return await api.ask(
            "ingest", "POST", "/v1/captures", headers=headers, content=frame.content
        )
    except httpx.TransportError:
        return None
