"""Ingest in this process, on a real Postgres, with fakes of Kafka and the object store that a test can read."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from services.ingest.main import build_app
from services.ingest.service import IngestService
from services.ingest.settings import Settings
from services.registry import SPECS
from shared.core.permissions import Permission
from shared.events import CaptureBackfilled, CaptureReceived, Read, ReadsBackfilled, ReadsRecorded
from shared.service.api_runtime import ApiRuntime
from shared.service.running import attach, service_of
from shared.testing import FakeBus, FakeClock, FakeObjects, TestAuthority, TestRoot
from shared.testing.macs import mac_key_text
from tests.integration.serving import client_of, started
from tests.servers import make_database


@dataclass
class Station:
    """Ingest with clients of cameras and administrators, and its stored results."""

    app: Any
    client: httpx.AsyncClient
    bus: FakeBus
    objects: FakeObjects
    clock: FakeClock
    authority: TestAuthority

    @property
    def running(self) -> IngestService:
        """The service that its routes use."""
        return service_of(self.app, IngestService)

    def change(self, **settings: Any) -> None:
        """Have the routes go by other settings from now on."""
        changed = self.running.settings.model_copy(update=settings)
        attach(self.app, replace(self.running, settings=changed))

    async def admin(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Act as an ALPR administrator."""
        headers = self.authority.headers(Permission.DEVICE_MANAGE, Permission.DEVICE_READ)
        return await self.client.request(method, path, json=body, headers=headers)

    async def register(self, name: str = "Main St", **fields: Any) -> dict[str, Any]:
        """Register a device; return the answer."""
        place = {"latitude": 39.9277, "longitude": -122.1792, "heading_deg": 90}
        body = {"name": name, "kind": "fixed", "place": place, **fields}
        if body["kind"] == "vehicle":
            body.pop("place")
        answer = await self.admin("POST", "/v1/devices", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def post_frame(self, credential: str, data: bytes, **parts: Any) -> httpx.Response:
        """Post a raw frame as a camera does."""
        headers = {"Authorization": f"Bearer {credential}", **parts.pop("headers", {})}
        return await self.client.post("/v1/captures", content=data, headers=headers, **parts)

    async def post_reads(
        self, credential: str, reads: Any, *, query: str = "", **headers: str
    ) -> httpx.Response:
        """Post reads as a camera does; bytes go as they are."""
        content = reads if isinstance(reads, bytes) else json.dumps(reads).encode()
        sent = {"Authorization": f"Bearer {credential}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(f"/v1/reads{query}", content=content, headers=sent)

    def read(self, number: int = 0, **fields: Any) -> dict[str, Any]:
        """Return one edge read, captured a second ago."""
        at = self.clock.now() - timedelta(seconds=1)
        read = {
            "source_id": f"r-{number}",
            "plate": f"7ABC{number % 1000:03d}",
            "region": "US-CA",
            "confidence": 0.91,
            "captured_at": at.isoformat(),
        }
        return read | fields

    @property
    def captures(self) -> list[CaptureReceived]:
        """Captures that were announced, live ones first."""
        return [*self.bus.events(CaptureReceived), *self.bus.events(CaptureBackfilled)]

    @property
    def reads(self) -> list[Read]:
        """Reads that were announced, live ones first."""
        events = [*self.bus.events(ReadsRecorded), *self.bus.events(ReadsBackfilled)]
        return [read for event in events for read in event.each()]

    def stored_nothing(self) -> bool:
        """Return whether both the object store and Kafka lack any data of a camera."""
        return not (self.objects.stored or self.captures or self.reads)


@pytest.fixture(scope="session")
def ingest_database(postgres):
    """One database for all these tests: each empties it when it is done."""
    yield make_database(postgres, "ingest", ["ingest"])
    postgres.drop_database("ingest")


@pytest.fixture
def ingest_settings(postgres, ingest_database, repository, tmp_path) -> Settings:
    return Settings(
        database_url=postgres.service_url("ingest", "ingest"),
        database_pool_size=3,
        policy_file=repository / "policy.toml",
        root_public_keys=TestRoot().public,
        event_mac_key=mac_key_text("ingest"),
        **TestRoot().settings("ingest_signing", "captures"),
        object_store_url=f"file://{tmp_path}/objects",
        ingest_last_seen_every_s=3600,
        ingest_id_key=base64.b64encode(bytes(32)).decode(),
    )


@asynccontextmanager
async def another(settings, bus, objects, clock, authority, policy) -> AsyncIterator[Station]:
    """Run another process of ingest, with settings and a policy of its own."""
    runtime = ApiRuntime(
        SPECS["ingest"],
        settings,
        bus=bus,
        objects=objects,
        clock=clock,
        people=authority.people,
        policy=policy,
    )
    async with started(build_app, runtime) as app, client_of(app, "ingest") as client:
        yield Station(app, client, bus, objects, clock, authority)


@pytest.fixture
async def station(ingest_settings, ingest_database, bus, objects, clock, authority, policy):
    async with another(ingest_settings, bus, objects, clock, authority, policy) as station:
        yield station
    owner = await asyncpg.connect(ingest_database, server_settings={"search_path": "ingest"})
    await owner.execute("TRUNCATE devices, credentials, first_seen, month_secrets, outbox, inbox")
    await owner.close()


@pytest.fixture
async def camera(station) -> str:
    """The credential of a fixed camera."""
    return (await station.register())["credential"]
