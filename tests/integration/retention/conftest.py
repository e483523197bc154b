"""Retention in process: real Postgres, readable fakes of the bus and the objects, a clock that tests move."""

import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import cv2
import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from services.registry import SPECS
from services.retention.__main__ import COMMANDS
from services.retention.events import subscriptions
from services.retention.main import build_app
from services.retention.service import RetentionService
from services.retention.settings import Settings
from shared.core.ids import derive_id
from shared.core.policy import Policy
from shared.events import (
    Box,
    CaptureProcessed,
    CaptureReceived,
    HitRaised,
    Image,
    PassesRecorded,
    Place,
    Read,
    RecordedPass,
)
from shared.service.api_runtime import ApiRuntime
from shared.service.command import status_of
from shared.service.running import service_of
from shared.testing import FakeBus, FakeClock, FakeObjects, TestAuthority, recorded
from tests.integration import serving
from tests.integration.serving import client_of

ORI = "CA0520100"
SETTLE_S = 10
SOLANO = Place(39.9277, -122.1792, 90.0)
DEVICE = UUID("00000000-0000-4000-8000-00000000d001")
PLATE_BOX = Box(60, 50, 40, 20)
JPEG = cv2.imencode(".jpg", np.full((108, 192, 3), (40, 90, 200), np.uint8))[1].tobytes()


@dataclass
class Retention:
    """The service under test."""

    app: FastAPI
    runtime: ApiRuntime
    client: httpx.AsyncClient
    bus: FakeBus
    objects: FakeObjects
    clock: FakeClock
    authority: TestAuthority

    @property
    def running(self) -> RetentionService:
        """The service that its routes and consumers use."""
        return service_of(self.app, RetentionService)

    @property
    def stored_keys(self) -> list[str]:
        """Keys of the objects that are there, the lists that purges leave apart."""
        return sorted(key for key in self.objects.stored if not key.startswith("purges/"))

    async def store(self, *events: Any) -> None:
        """Deliver events as Kafka would, those of one type in one batch."""
        handlers = {
            kind: handler
            for subscription in subscriptions(self.running)
            for kind, handler in subscription.handlers.items()
        }
        events = [part for event in events for part in as_published(event)]
        for kind in dict.fromkeys(type(event) for event in events):
            await handlers[kind]([event for event in events if type(event) is kind])

    async def emitted(self, kind: type) -> list[Any]:
        """Relay the outbox and return the published events of one type."""
        await self.runtime.relay.drain()
        return self.bus.events(kind)

    async def passes(self) -> list[RecordedPass]:
        """Relay the outbox and return the published passes."""
        return [one for event in await self.emitted(PassesRecorded) for one in event.passes]

    async def fetch(self, query: str, **parameters: Any) -> list[Any]:
        """Run a query of the test's own."""
        async with self.runtime.db.begin() as connection:
            return list((await connection.execute(text(query), parameters)).all())

    async def search(self, status: int = 200, *, headers: Any = None, **body: Any) -> Any:
        """Search; default: the last 400 days."""
        now = self.clock.now()
        window = {
            "captured_from": (now - timedelta(days=30)).isoformat(),
            "captured_to": (now + timedelta(hours=1)).isoformat(),
        }
        answer = await self.client.post(
            "/v1/reads/search", json={**window, **body}, headers=headers or self.authority.headers()
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    async def plates(self, **body: Any) -> list[str]:
        """Return the plates that a search finds, sorted."""
        return sorted(read["plate"] for read in (await self.search(**body))["items"])

    async def get(self, path: str, status: int = 200, **claims: Any) -> httpx.Response:
        """Send GET as a person with every permission."""
        answer = await self.client.get(path, headers=self.authority.headers(**claims))
        assert answer.status_code == status, answer.text
        return answer

    async def post(self, path: str, body: Any = None, status: int = 200, **claims: Any) -> Any:
        """Send POST as a person with every permission."""
        headers = self.authority.headers(**claims)
        answer = await self.client.post(path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()


def as_published(event: Any) -> list[Any]:
    """Return the events that carry a read, or the event itself."""
    return recorded(event) if isinstance(event, Read) else [event]


def a_read(plate: str, captured_at: datetime, **changes: Any) -> Read:
    """Return a read of the department's own camera; the same arguments give the same id."""
    device = changes.pop("device_id", DEVICE)
    fields: dict[str, Any] = {
        "read_id": derive_id("read", device, captured_at.isoformat(), plate),
        "device_id": device,
        "device_name": "Solano St at Third",
        "agency_ori": ORI,
        "captured_at": captured_at,
        "received_at": captured_at + timedelta(seconds=1),
        "source": "edge",
        "plate": plate,
        "plate_as_read": plate,
        "confidence": 0.95,
        "model": "vendor@1",
        "place": SOLANO,
    }
    return Read(**{**fields, **changes})


def a_hit(read: Read, **changes: Any) -> HitRaised:
    """Return a hot list hit on a read."""
    fields: dict[str, Any] = {
        "occurred_at": read.captured_at,
        "hit_id": UUID(int=1),
        "read_id": read.read_id,
        "device_id": read.device_id,
        "agency_ori": ORI,
        "captured_at": read.captured_at,
        "plate_read": read.plate,
        "plate_listed": read.plate,
        "confidence": 0.9,
        "list_id": UUID(int=2),
        "list_name": "SVS",
        "list_version": 1,
        "entry_id": UUID(int=3),
        "source": "state",
        "record_kind": "stolen_vehicle",
        "tier": "high",
        "list_age_s": 60,
    }
    return HitRaised(**{**fields, **changes})


def a_capture(captured_at: datetime, image: bytes = JPEG, **changes: Any) -> CaptureProcessed:
    """Return a processed frame; its image must be put into the object store apart."""
    capture_id = changes.pop("capture_id", None) or uuid4()
    digest = hashlib.sha256(image).hexdigest()
    event_fields = {
        name: changes.pop(name) for name in ("outcome", "read_ids", "reason") if name in changes
    }
    capture = CaptureReceived(
        **{
            "occurred_at": captured_at,
            "capture_id": capture_id,
            "device_id": DEVICE,
            "device_name": "Solano St at Third",
            "agency_ori": ORI,
            "captured_at": captured_at,
            "received_at": captured_at + timedelta(seconds=1),
            "time_source": "device",
            "image": Image(
                object_key=f"captures/{capture_id}",
                sha256=digest,
                media_type="image/jpeg",
                size_bytes=len(image),
                width_px=1920,
                height_px=1080,
            ),
            "place": SOLANO,
            **changes,
        }
    )
    fields = {"occurred_at": captured_at, "outcome": "plates", "model": "m@1", "duration_ms": 5.0}
    return CaptureProcessed(**{**fields, "capture": capture, **event_fields})


def verify_command(arguments):
    """Run `verify-package`; return its exit status."""
    return status_of(SPECS["retention"], COMMANDS, ["verify-package", *arguments])


def rotate_command(arguments):
    """Run `rotate-key`; return its exit status."""
    return status_of(SPECS["retention"], COMMANDS, ["rotate-key", *arguments])


@pytest.fixture
async def retention(settings, bus, objects, clock, authority, policy: Policy):
    """The service, started."""
    async with started(settings, bus, objects, clock, authority, policy) as service:
        yield service


@asynccontextmanager
async def started(settings, bus, objects, clock, authority, policy, **own: Any):
    """Start the service with a policy and settings of its own, of which reads settle for `SETTLE_S` by default."""
    settings = Settings(**settings.model_dump(), **{"retention_pass_settle_s": SETTLE_S, **own})
    runtime = ApiRuntime(
        SPECS["retention"],
        settings,
        bus=bus,
        objects=objects,
        clock=clock,
        people=authority.people,
        policy=policy,
    )
    async with serving.started(build_app, runtime) as app, client_of(app, raises=True) as client:
        made = Retention(app, runtime, client, bus, objects, clock, authority)
        # Most tests concern stored records, not their signatures: these accept unsigned captures, as during
        # an upgrade. test_signed_captures.py does not.
        made.running.proofs._unsigned_until = datetime.max.replace(tzinfo=UTC)
        yield made
