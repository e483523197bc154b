"""What ingest does by itself while it runs, and not only at its start or when a test asks for it."""

from datetime import timedelta

import asyncpg
import pytest

from services.ingest.workers import housekeeping
from services.ingest.workers.silence import LISTENS_S
from shared.events import DeviceSilenced
from shared.postgres import month_secrets
from shared.testing import eventually
from tests.integration.ingest.conftest import another
from tests.unit.ingest import pictures as p

OFTEN_S = 0.05


@pytest.fixture
async def quick(station, ingest_settings, bus, objects, clock, authority, policy, monkeypatch):
    """Another process on the station's registry, whose tasks run often, and to which no event comes."""
    monkeypatch.setattr(month_secrets, "RELOADED_EVERY_S", OFTEN_S)
    monkeypatch.setattr(housekeeping, "EVERY_S", OFTEN_S)
    often = {
        "ingest_devices_ttl_s": OFTEN_S,
        "ingest_silence_every_s": OFTEN_S,
        "ingest_last_seen_every_s": OFTEN_S,
    }
    settings = ingest_settings.model_copy(update=often)
    async with another(settings, bus, objects, clock, authority, policy) as process:
        yield process


@pytest.mark.clause("468.5/revoked-device")
async def test_a_revocation_whose_event_is_lost_applies_at_other_processes_soon(station, quick):
    made = await station.register()
    assert (await quick.post_frame(made["credential"], p.jpeg())).status_code == 202
    path = f"/v1/devices/{made['device']['device_id']}/revocation"
    assert (await station.admin("POST", path, {"reason": "stolen"})).status_code == 200

    async def refused():
        return (await quick.post_frame(made["credential"], p.jpeg())).status_code == 401

    await eventually(refused)


async def test_a_process_that_runs_for_months_has_the_secrets_of_new_ones(quick):
    credential = (await quick.register())["credential"]
    for _ in range(3):
        quick.clock.advance(days=31)

        async def accepted():
            return (await quick.post_reads(credential, [quick.read()])).status_code == 202

        await eventually(accepted)


@pytest.mark.clause("468.3.1(c)/device-silence")
async def test_a_silence_is_announced_while_it_runs(quick):
    device = (await quick.register())["device"]
    quick.clock.advance(seconds=LISTENS_S + quick.running.settings.ingest_silent_after_s + 1)

    async def announced():
        await quick.running.runtime.relay.drain()
        return quick.bus.events(DeviceSilenced)

    [silenced] = await eventually(announced)
    assert str(silenced.device_id) == device["device_id"]


async def test_the_time_of_a_device_is_stored_while_it_sends(quick):
    made = await quick.register()
    path = f"/v1/devices/{made['device']['device_id']}"
    assert (await quick.post_frame(made["credential"], p.jpeg())).status_code == 202

    async def seen():
        return (await quick.admin("GET", path)).json()["last_seen_at"]

    assert await eventually(seen) == "2026-06-01T12:00:00Z"


async def test_arrival_times_are_deleted_while_it_runs(quick, ingest_database, policy):
    credential = (await quick.register())["credential"]
    assert (await quick.post_frame(credential, p.jpeg())).status_code == 202
    owner = await asyncpg.connect(ingest_database, server_settings={"search_path": "ingest"})

    async def row_count():
        return await owner.fetchval("SELECT count(*) FROM first_seen")

    try:
        assert await row_count() == 1
        past = timedelta(days=policy.retention.schedule_days, seconds=1)
        quick.clock.advance(seconds=past.total_seconds())

        async def all_deleted():
            return await row_count() == 0

        await eventually(all_deleted)
    finally:
        await owner.close()
