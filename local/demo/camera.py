"""Cameras: each posts its frames with its own credential, and retries until they are accepted."""

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
    """A frame with its receipt. `began_s` is the start of its POST, on the monotonic clock."""

    sent: Sent
    began_s: float
    captured_at: datetime


class Refused(Exception):
    """The service refused a frame for its content; the text is the problem's."""


async def post_all(
    api: Api,
    devices: Sequence[Device],
    frames: Sequence[Frame],
    *,
    every_s: float,
    done: Callable[[Frame, str | None], None],
) -> list[Posted]:
    """Post frames in turn through the devices, one begun every `every_s`, as roadside cameras would.

    Frames of a film all come from the first device. `done` is called for each frame, with the reason if it was
    refused (a photo may be broken).
    """
    begun: list[asyncio.Task[Posted | None]] = []
    start = time.monotonic()
    for number, frame in enumerate(frames):
        await asyncio.sleep(max(0.0, start + number * every_s - time.monotonic()))
        device = devices[0 if frame.film else number % len(devices)]
        begun.append(asyncio.create_task(_post(api, device, frame, done)))
    finished = await asyncio.gather(*begun)
    return [posted for posted in finished if posted is not None]


async def _post(
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
    """Post one frame until it is accepted; between tries it waits for Retry-After, or `pause_s` without one.

    Raises: Refused; StepFailed if it is never accepted.
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
            ack_ms = 1000 * (time.monotonic() - began)
            sent = Sent(frame, answer.json()["capture_id"], device.name, ack_ms)
            return Posted(sent, began, captured_at)
        if answer is not None and answer.status_code not in _TRY_AGAIN:
            raise Refused(problem(answer))
        named = None if answer is None else answer.headers.get("Retry-After")
        await asyncio.sleep(pause_s if named is None else float(named))
    raise StepFailed(f"{frame.name} was not accepted in {TRIES} tries")


_TRY_AGAIN = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})


async def _try(api: Api, frame: Frame, headers: dict[str, str]) -> httpx.Response | None:
    """Send once; returns None if the connection failed."""
    try:
        return await api.ask(
            "ingest", "POST", "/v1/captures", headers=headers, content=frame.content
        )
    except httpx.TransportError:
        return None
