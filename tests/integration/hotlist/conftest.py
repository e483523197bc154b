"""A hotlist app over a real Postgres, with a fake bus; streams are read over a real socket."""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from services.hotlist.events import Handlers
from services.hotlist.main import build_app
from services.hotlist.service import HotlistService
from services.hotlist.settings import Settings
from services.registry import SPECS
from shared.core.ids import derive_id
from shared.events import (
    PassesRecorded,
    PassReading,
    Read,
    ReadsRecorded,
    RecordedPass,
    RecordsDisclosed,
    RecordsPurged,
)
from shared.objects.purge_list import ListWriter, Page
from shared.postgres.disclosed_records import LISTED_PLATES
from shared.service.api_runtime import ApiRuntime
from shared.service.running import service_of
from shared.testing import TestRoot, mac_key_text, recorded
from tests.integration.serving import client_of, on_a_socket, started
from tests.servers import make_database

DEVICE = UUID("00000000-0000-4000-8000-0000000000d1")


TABLES = (
    "set_aside, feeds, lists, snapshots, versions, activations, entries, hits, sightings, acknowledgements, announcements,"
    " announcement_notices, notices, verifications, dispositions, outvoted, corrected, month_secrets"
)


@pytest.fixture(scope="session")
def own_database(postgres):
    yield make_database(postgres, "hotlist_tests", ["hotlist"])
    postgres.drop_database("hotlist_tests")


@pytest.fixture
async def database_url(own_database):
    """The service's tables, emptied after each test: quicker than making them anew."""
    yield own_database
    connection = await asyncpg.connect(own_database, server_settings={"search_path": "hotlist"})
    await connection.execute(f"TRUNCATE {TABLES}, outbox, inbox, disclosed_counts RESTART IDENTITY")
    await connection.execute("UPDATE generation SET number = 1")
    await connection.close()


@pytest.fixture
def settings(database_url, services_url, repository, tmp_path):
    return Settings(
        database_url=services_url,
        database_pool_size=5,
        policy_file=repository / "policy.toml",
        root_public_keys=TestRoot().public,
        event_mac_key=mac_key_text("hotlist"),
        object_store_url=f"file://{tmp_path}/objects",
        hotlist_id_key=base64.b64encode(bytes(32)).decode(),
        hotlist_heartbeat_s=0.1,
        hotlist_poll_s=0.2,
        hotlist_stream_buffer=20,
        hotlist_kept_snapshots=2,
    )


class Hotlist:
    """The service as the tests use it."""

    def __init__(self, app, runtime, client, authority, bus, clock):
        self.app = app
        self.runtime = runtime
        self.client = client
        self.authority = authority
        self.bus = bus
        self.clock = clock
        self.handlers = Handlers(self.running).by_event

    @property
    def running(self):
        """The service that its routes use."""
        return service_of(self.app, HotlistService)

    def headers(self, *permissions, **claims):
        return self.authority.headers(*permissions, **claims)

    async def call(self, method, path, *, headers=None, status=200, **body):
        response = await self.client.request(
            method, path, headers={**self.headers(), **(headers or {})}, **body
        )
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    async def list(self, source="department", name=None, **more):
        body = {"name": name or f"list {uuid4()}", "source": source, **more}
        return (await self.call("POST", "/v1/lists", json=body, status=201))["list_id"]

    async def upload(self, list_id, text, *, status=201, headers=None, **query):
        return await self.call(
            "POST",
            f"/v1/lists/{list_id}/versions",
            params={"activate": True, **query},
            content=text.encode() if isinstance(text, str) else text,
            headers={"Content-Type": "text/csv", **(headers or {})},
            status=status,
        )

    async def listed(self, *plates, source="department", kind="stolen_vehicle", state="CA", **more):
        """Store a list with these plates in force."""
        list_id = await self.list(source, **more)
        rows = "".join(f"{plate},{state},{kind}\n" for plate in plates)
        await self.upload(list_id, "plate,state,record_kind\n" + rows)
        return list_id

    async def add(self, list_id, plate, *, status=201, **fields):
        entry = {"plate": plate, "record_kind": "stolen_vehicle", "reason": "test", **fields}
        return await self.call(
            "POST", f"/v1/lists/{list_id}/entries", json={"entries": [entry]}, status=status
        )

    def read(self, plate="7ABC123", *, ago_s=1.0, device=DEVICE, **fields):
        at = self.clock.now() - timedelta(seconds=ago_s)
        given = {
            "read_id": derive_id("test read", plate, at, device, fields.get("agency_ori")),
            "device_id": device,
            "device_name": "camera 1",
            "agency_ori": "CA0520100",
            "captured_at": at,
            "received_at": self.clock.now(),
            "source": "edge",
            "plate": plate,
            "plate_as_read": plate,
            "confidence": 0.95,
            "model": "test@1",
            "region": "US-CA",
            **fields,
        }
        return Read(**given)

    async def see(self, *reads):
        await self.handlers[ReadsRecorded](recorded(*reads))

    async def purge(self, before, *held, gone=()):
        """Have reads destroyed that were captured before `before`, without those that a hold retains."""

        async def page(reads):
            yield Page.of("read", [read.read_id for read in reads])

        run_id = uuid4()
        named = await ListWriter(self.runtime.objects, run_id, before).write(page(gone), page(held))
        event = RecordsPurged(
            occurred_at=self.clock.now(),
            run_id=run_id,
            before=before,
            reads=len(gone),
            captures=0,
            objects=0,
            kept_under_hold=len(held),
            purge_list=named,
        )
        await self.handlers[RecordsPurged]([event])
        return event

    async def hits(self, **query):
        return (await self.call("GET", "/v1/hits", params=query))["items"]

    async def announced(self, kind):
        """Return events that left the outbox."""
        await self.runtime.relay.drain()
        return self.bus.events(kind)

    async def disclosed(self):
        """Return the disclosures that left the outbox, without those of plates that were listed."""
        found = await self.announced(RecordsDisclosed)
        return [one for one in found if one.record_kind != LISTED_PLATES]


@contextlib.asynccontextmanager
async def serving(settings, bus, objects, clock, authority, policy) -> AsyncIterator[Hotlist]:
    runtime = ApiRuntime(
        SPECS["hotlist"],
        settings,
        bus=bus,
        objects=objects,
        clock=clock,
        people=authority.people,
        policy=policy,
    )
    async with started(build_app, runtime) as app, client_of(app, raises=True) as client:
        yield Hotlist(app, runtime, client, authority, bus, clock)


@pytest.fixture
async def hotlist(settings, bus, objects, clock, authority, policy):
    async with serving(settings, bus, objects, clock, authority, policy) as service:
        yield service


def passed(hotlist, read, *, plate="7ABC128", outvoted=True):
    """Return an event with the pass of a read and two more, with another plate."""
    others = [uuid4(), uuid4()]
    voted = RecordedPass(
        pass_id=uuid4(),
        first_seen_at=read.captured_at,
        last_seen_at=read.captured_at + timedelta(seconds=1),
        plate=plate,
        confidence=0.6,
        characters=[],
        read_ids=[read.read_id, *others],
        outvoted_read_ids=[read.read_id] if outvoted else others[:1],
        best_read_id=others[0],
        alternatives=[PassReading(read.plate, 1, 0.33)],
    )
    return PassesRecorded(
        occurred_at=hotlist.clock.now(),
        device_id=read.device_id,
        device_name=read.device_name,
        agency_ori=read.agency_ori,
        passes=[voted],
    )


class Stream:
    """An open alert stream; `events` grows as they come."""

    def __init__(self, response):
        self.status = response.status_code
        self.headers = response.headers
        self._response = response
        self.events: list[tuple[str, str, str]] = []
        self.arrived: list[float] = []
        self.ended = False
        self.task = asyncio.create_task(self._follow())

    async def _follow(self):
        name = data = number = ""
        async for line in self._response.aiter_lines():
            if line == "" and name:
                self.events.append((number, name, data))
                self.arrived.append(time.perf_counter())
                name = data = ""
            elif line.startswith("id: "):
                number = line[4:]
            elif line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data = line[6:]
            elif line.startswith(":"):
                self.events.append(("", "comment", line))
                self.arrived.append(time.perf_counter())
        self.ended = True

    @property
    def alerts(self):
        return [json.loads(data) for _, name, data in self.events if name == "alert"]

    @property
    def times(self):
        """When each alert arrived, by its read."""
        return {
            json.loads(data)["read_id"]: at
            for (_, name, data), at in zip(self.events, self.arrived, strict=True)
            if name == "alert"
        }

    @property
    def ids(self):
        return [int(number) for number, name, _ in self.events if name == "alert"]

    @property
    def end(self):
        return next((json.loads(data) for _, name, data in self.events if name == "end"), None)


class Streams:
    """Opens streams at a server on a real socket; the in-process transport does not stream."""

    def __init__(self, base_url, authority):
        self.base_url = base_url
        self._authority = authority

    @contextlib.asynccontextmanager
    async def open(self, last=None, *, headers=None, **claims):
        given = headers or self._authority.headers(**claims)
        if last is not None:
            given = {**given, "Last-Event-ID": str(last)}
        async with (
            httpx.AsyncClient(base_url=self.base_url, timeout=10) as client,
            client.stream("GET", "/v1/alerts", headers=given) as response,
        ):
            if response.status_code != 200:
                await response.aread()
                raise AssertionError(response.text)
            stream = Stream(response)
            try:
                yield stream
            finally:
                stream.task.cancel()
                await asyncio.gather(stream.task, return_exceptions=True)


@contextlib.asynccontextmanager
async def served(app):
    """Serve the app on a real socket; the caller runs its lifespan. Yields its address."""
    async with on_a_socket(app, service_of(app, HotlistService).broadcaster.close) as address:
        yield address


@pytest.fixture
async def streams(hotlist, authority):
    async with served(hotlist.app) as base_url:
        yield Streams(base_url, authority)
