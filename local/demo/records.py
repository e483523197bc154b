"""Collects the outcome of each frame, as an investigator finds it in the records."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from local.demo.camera import Posted
from local.demo.client import Person, problem
from local.demo.department import Device
from local.demo.story import Box, Frame, Read, StepFailed

POLL_EVERY_S = 0.5
WAIT_S, WAIT_PER_FRAME_S = 60.0, 3.0
PAGE = 500
CROPS_AT_ONCE = 4


async def await_processed(
    person: Person, purpose: str, posted: Sequence[Posted], done: Callable[[Frame], None]
) -> None:
    """Wait until every frame has its record, and store its outcome. Raises: StepFailed."""
    deadline = time.monotonic() + WAIT_S + WAIT_PER_FRAME_S * len(posted)
    for one in posted:
        path = f"/v1/captures/{one.sent.capture_id}"
        while True:
            answer = await person.ask("retention", "GET", path, purpose=purpose)
            if answer.is_success:
                one.sent.outcome = str(answer.json()["outcome"])
                break
            if answer.status_code != HTTPStatus.NOT_FOUND:
                raise StepFailed(f"{one.sent.frame.name}: {problem(answer)}")
            if time.monotonic() > deadline:
                raise StepFailed(f"{one.sent.frame.name} has no record; is recognition behind?")
            await asyncio.sleep(POLL_EVERY_S)
        done(one.sent.frame)


async def collect(
    person: Person,
    purpose: str,
    posted: Sequence[Posted],
    devices: Sequence[Device],
    window: tuple[datetime, datetime],
) -> None:
    """Search all passes of the devices in the window; assigns each read to its frame, with its picture."""
    passed = [device.device_id for device in devices]
    found = await search(person, purpose, window, device_ids=passed)
    by_capture = {one.sent.capture_id: one.sent for one in posted}
    gate = asyncio.Semaphore(CROPS_AT_ONCE)
    reads = await asyncio.gather(*(_read(person, purpose, one, gate) for one in found))
    for read in sorted(reads, key=lambda r: r.box.x if r.box else 0):
        if read.capture_id not in by_capture:
            raise StepFailed("a read names a capture that was not posted here")
        by_capture[read.capture_id].reads.append(read)
    for sent in by_capture.values():
        if (sent.outcome == "plates") != bool(sent.reads):
            raise StepFailed(
                f"{sent.frame.name}: recorded as {sent.outcome}, {len(sent.reads)} reads"
            )


async def search(
    person: Person,
    purpose: str,
    window: tuple[datetime, datetime],
    requests: list[str] | None = None,
    **criteria: Any,
) -> list[dict[str, Any]]:
    """Return all reads of a search, page by page; appends each page's request id to `requests`."""
    body = {
        "captured_from": window[0].isoformat(),
        "captured_to": window[1].isoformat(),
        "limit": PAGE,
        **criteria,
    }
    found: list[dict[str, Any]] = []
    while True:
        answer = await person.ask(
            "retention", "POST", "/v1/reads/search", purpose=purpose, json=body
        )
        if not answer.is_success:
            raise StepFailed(f"search: {problem(answer)}")
        if requests is not None:
            requests.append(answer.headers["X-Request-ID"])
        page = answer.json()
        found += page["items"]
        if page["next"] is None:
            return found
        body["after"] = page["next"]


async def _read(
    person: Person, purpose: str, found: dict[str, Any], gate: asyncio.Semaphore
) -> Read:
    box, crop = found["box"], None
    if found["has_crop"]:
        async with gate:
            path = f"/v1/reads/{found['read_id']}/crop"
            answer = await person.ask("retention", "GET", path, purpose=purpose)
        if not answer.is_success:
            raise StepFailed(f"crop: {problem(answer)}")
        crop = answer.content
    return Read(
        read_id=found["read_id"],
        capture_id=found["capture_id"],
        plate=found["plate"],
        confidence=found["confidence"],
        box=Box(box["x_px"], box["y_px"], box["width_px"], box["height_px"]) if box else None,
        crop=crop,
    )
