"""A camera whose acknowledged reads are compared with those on record."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from local.demo import searches
from local.demo.client import Api
from local.demo.department import Department
from local.demo.records import search
from tests.bench.traffic import plate
from tests.containers.camera import Account, Camera, Losses, losses
from tests.trials.transcript import Failed, Transcript

CAMERA = {
    "name": "Test camera",
    "kind": "fixed",
    "place": {"latitude": 39.9277, "longitude": -122.1792},
}
ON_RECORD_WITHIN_S = 120.0


@dataclass
class Posting:
    """A registered camera of a trial."""

    api: Api
    people: Department
    out: Transcript
    credential: str = field(repr=False)
    device_id: str
    since: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(seconds=5))
    _plates: Iterator[str] = field(default_factory=lambda: map(plate, itertools.count()))

    @classmethod
    async def register(cls, api: Api, people: Department, out: Transcript) -> Self:
        """Register a camera."""
        made = await people.administrator.must("ingest", "POST", "/v1/devices", json=CAMERA)
        return cls(api, people, out, made["credential"], made["device"]["device_id"])

    @contextlib.asynccontextmanager
    async def meanwhile(self, figure: str) -> AsyncIterator[Account]:
        """Post reads meanwhile; afterwards none may be lost or doubled. Raises: Failed."""
        async with Camera(self.api, self.credential, self._plates) as camera:
            yield camera.account
        await self._accounted(camera.account, figure)

    async def recorded(self) -> list[str]:
        """Return the plates of all reads of the camera on record."""
        purpose = await self.people.investigator.declare(**searches.CANVASS)
        window = (self.since, datetime.now(UTC) + timedelta(seconds=5))
        found = await search(self.people.investigator, purpose, window, device_ids=[self.device_id])
        return [read["plate"] for read in found]

    async def _accounted(self, account: Account, figure: str) -> None:
        until = time.monotonic() + ON_RECORD_WITHIN_S
        while True:
            found = await self.recorded()
            of_these = {*account.acknowledged, *account.given_up}
            seen = losses(account, [plate for plate in found if plate in of_these])
            if seen.lost == 0 or time.monotonic() > until:
                break
            await asyncio.sleep(2)
        said = {
            "acknowledged": len(account.acknowledged),
            "given_up": len(account.given_up),
            "lost": seen.lost,
            "doubled": seen.doubled,
            "tried_again": dict(account.refused),
            "longest_gap_s": round(account.longest_gap_s, 1),
        }
        self.out.line(f"reads posted meanwhile: {json.dumps(said)}", **{figure: said})
        if not account.acknowledged:
            raise Failed("the camera posted nothing meanwhile, so nothing is shown")
        if seen != Losses(0, 0, 0) or account.given_up:
            raise Failed(f"reads were lost, doubled or given up: {said}")
