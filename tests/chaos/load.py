"""A day of a small town's cameras and people, in an hour: what they send, ask and are answered.

20 cameras read 240,000 plates a day, so 67 a second. A fifth are on vehicles, and send some of their reads late. A
camera keeps what is not acknowledged, and sends it again. Two people look at hits and search records meanwhile.
"""

import asyncio
import json
import random
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import httpx

from local.demo.client import Person
from local.demo.department import Department
from local.demo.searches import CANVASS
from local.demo.story import StepFailed
from tests.bench.county import Device, Vehicles
from tests.bench.traffic import Traffic
from tests.chaos.verdict import Sent, Sighting
from tests.e2e.frames import frame, plates

CAMERAS = 20
MOBILE = 4
READS_PER_S = 67.0
SIZES = (1, 1, 4, 20)
LATE_SHARE, LATE_READS = 0.01, 100
LISTED_SHARE = 0.02
"""Of the reads, those of a listed vehicle; each such vehicle passes once."""
ENTRIES = 2_000
SENT_TWICE = 0.02
FRAMES_EVERY_S = 3.0
FRAME_PLATES = 12
HITS_EVERY_S, SEARCHES_EVERY_S = 0.5, 3.0
HITS_SHOWN, READS_SHOWN = 1, 5
"""Of each answer: so many that a day's limit of disclosed records suffices for an hour."""
PATIENCE_S = 10.0
"""How long a camera waits for an answer."""
PAUSE_S = 0.5
"""Before it sends again, unless the answer says how long."""
AGAIN = frozenset(
    {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}
)


@dataclass
class Load:
    """The load of one run; `sent` is what was acknowledged."""

    door: str
    """The address of ingest as cameras know it."""
    tls: ssl.SSLContext
    department: Department
    draw: random.Random
    sent: Sent = field(default_factory=Sent)
    posts: int = 0
    """Different POSTs of cameras."""
    tries: int = 0
    """Requests that they took."""
    refused: Counter[str] = field(default_factory=Counter)
    """POSTs that ingest refused for good, by status and code; a camera drops them."""
    asked: Counter[str] = field(default_factory=Counter)
    """Requests of people, by their outcome."""

    async def run(self, for_s: float) -> None:
        """Send for so long, then until each camera has an answer to its last POST."""
        credentials = await self._registered()
        vehicles = Vehicles(50_000, self.draw.randrange(2**32))
        listed = Traffic(listed=ENTRIES, others=1, listed_share=0)
        until_s = time.monotonic() + for_s
        async with asyncio.TaskGroup() as group:
            for number, credential in enumerate(credentials):
                device = Device(credential, vehicles, self.draw, mobile=number < MOBILE)
                group.create_task(self._camera(device, listed, until_s))
            group.create_task(self._frames(until_s))
            group.create_task(self._hits(self.department.officer, until_s))
            group.create_task(self._searches(self.department.investigator, until_s))

    async def _registered(self) -> list[str]:
        place = {"latitude": 39.9277, "longitude": -122.1792}
        made = []
        for number in range(CAMERAS):
            where = {"kind": "vehicle"} if number < MOBILE else {"kind": "fixed", "place": place}
            answer = await self.department.administrator.must(
                "ingest", "POST", "/v1/devices", json={"name": f"Camera {number}", **where}
            )
            made.append(answer["credential"])
        return made

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.door, verify=self.tls, timeout=PATIENCE_S)

    async def _camera(self, device: Device, listed: Traffic, until_s: float) -> None:
        """Send one camera's reads, a POST after the other."""
        every_s = CAMERAS * sum(SIZES) / len(SIZES) / READS_PER_S
        headers = {
            "Authorization": f"Bearer {device.credential}",
            "Content-Type": "application/json",
        }
        await asyncio.sleep(self.draw.uniform(0, every_s))
        async with self._client() as client:
            due_s = time.monotonic()
            while time.monotonic() < until_s:
                body, plates_listed = self._next(device, listed)
                twice = self.draw.random() < SENT_TWICE
                for _ in range(2 if twice else 1):
                    answer = await self._post(client, "/v1/reads?ids=true", headers, body)
                    if answer is not None:
                        self._note(device, body, answer["read_ids"], plates_listed)
                due_s += every_s
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))

    def _next(self, device: Device, listed: Traffic) -> tuple[bytes, set[str]]:
        if device.mobile and self.draw.random() < LATE_SHARE * CAMERAS / MOBILE:
            return device.late_batch(LATE_READS, time.time()), set()
        size = self.draw.choice(SIZES)
        new = listed.listed_sent < ENTRIES and self.draw.random() < LISTED_SHARE * size
        chosen = [listed.next_listed()] if new else []
        return device.batch(size, time.time(), chosen), {plate.decode() for plate in chosen}

    def _note(self, device: Device, body: bytes, ids: list[str], listed: set[str]) -> None:
        device_id = device.credential.partition(".")[0]
        for read_id, read in zip(ids, json.loads(body), strict=True):
            at = datetime.fromisoformat(read["captured_at"])
            self.sent.reads[read_id] = Sighting(device_id, read["plate"], at)
            if read["plate"] in listed:
                self.sent.listed.add(read_id)

    async def _frames(self, until_s: float) -> None:
        """Send frames of one camera, each with one plate."""
        chosen = plates(FRAME_PLATES)
        drawn = {plate: frame(plate) for plate in chosen}
        device = self.department.devices[0]
        async with self._client() as client:
            number = 0
            while time.monotonic() < until_s:
                plate = chosen[number % len(chosen)]
                headers = {
                    "Authorization": f"Bearer {device.credential}",
                    "Content-Type": "image/jpeg",
                    "X-Captured-At": datetime.now(UTC).isoformat(),
                }
                answer = await self._post(client, "/v1/captures", headers, drawn[plate])
                if answer is not None:
                    self.sent.frames[answer["capture_id"]] = plate
                number += 1
                await asyncio.sleep(FRAMES_EVERY_S)

    async def _post(
        self, client: httpx.AsyncClient, path: str, headers: dict[str, str], body: bytes
    ) -> Any:
        """Post until it is acknowledged; returns the receipt, or None if it is refused for good."""
        self.posts += 1
        while True:
            self.tries += 1
            wait_s = PAUSE_S
            try:
                answer = await client.post(path, headers=headers, content=body)
            except (httpx.HTTPError, OSError):  # httpx passes on what TLS says of a flipped bit
                pass
            else:
                if answer.is_success:
                    return answer.json()
                if answer.status_code < 500 and answer.status_code not in AGAIN:
                    self.refused[f"{answer.status_code} {_code(answer)}"] += 1
                    return None
                wait_s = min(5.0, float(answer.headers.get("Retry-After", PAUSE_S)))
            await asyncio.sleep(wait_s)

    async def _hits(self, officer: Person, until_s: float) -> None:
        while time.monotonic() < until_s:
            await self._access(officer, "hotlist", "GET", f"/v1/hits?limit={HITS_SHOWN}")
            await asyncio.sleep(HITS_EVERY_S)

    async def _searches(self, investigator: Person, until_s: float) -> None:
        """Search the plates that a witness remembers half of, under a purpose that is declared again when it ends."""
        purpose = None
        while time.monotonic() < until_s:
            try:
                purpose = purpose or await investigator.declare(**CANVASS)
            except (StepFailed, httpx.HTTPError, OSError):
                self.asked["purpose not declared"] += 1
            else:
                body = {
                    "plate": f"{self.draw.choice(plates(FRAME_PLATES))[:4]}*",
                    "captured_from": datetime.now(UTC).replace(hour=0, minute=0).isoformat(),
                    "captured_to": datetime.now(UTC).isoformat(),
                    "limit": READS_SHOWN,
                }
                path = "/v1/reads/search"
                if not await self._access(
                    investigator, "retention", "POST", path, purpose=purpose, json=body
                ):
                    purpose = None
            await asyncio.sleep(SEARCHES_EVERY_S)

    async def _access(
        self, person: Person, service: str, method: str, path: str, **request: Any
    ) -> bool:
        """Ask under an id of our own, and note it if there is an answer with data."""
        request_id = str(uuid4())
        try:
            answer = await person.ask(
                service, method, path, headers={"X-Request-ID": request_id}, **request
            )
        except (StepFailed, httpx.HTTPError, OSError) as exc:
            self.asked[type(exc).__name__] += 1
            return False
        known = answer.is_success or answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        self.asked[
            str(answer.status_code) if known else f"{answer.status_code} {_code(answer)}"
        ] += 1
        if answer.is_success:
            self.sent.accesses.append(request_id)
        return answer.is_success


def _code(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("code"))
    except ValueError:
        return "?"
