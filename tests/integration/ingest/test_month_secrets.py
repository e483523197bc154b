"""Secrets of months: shared by replicas, sealed, used without Postgres, gone with their month."""

import base64
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.ingest.events import Handlers
from services.ingest.settings import Settings
from shared.core.errors import InternalFault, Unavailable
from shared.core.problem_codes import Common
from shared.core.vault import Vault, VaultFault
from shared.events import RecordsPurged
from shared.postgres.database import Database
from shared.postgres.month_secrets import MonthEnded, MonthSecrets
from shared.postgres.restores import Restore, Restores
from tests.unit.ingest import pictures as p

FRAME = p.jpeg()
OLD, NEW = bytes(range(32)), bytes(range(32, 64))


@pytest.fixture
def database_url(ingest_database):
    """The station's database, for `sampled`."""
    return ingest_database


def a_replica(station, vault=None):
    runtime = station.running.runtime
    vault = vault or runtime.settings.id_vault
    schedule_days = runtime.policy.retention.schedule_days
    return MonthSecrets(runtime.db, station.clock, vault, schedule_days=schedule_days)


async def fetch(station, query):
    async with station.running.runtime.db.begin() as connection:
        return (await connection.execute(text(query))).all()


def a_purge(station, before):
    return RecordsPurged(
        occurred_at=station.clock.now(),
        run_id=uuid4(),
        before=before,
        reads=0,
        captures=0,
        objects=0,
        kept_under_hold=0,
    )


async def purge(station, before):
    parts = station.running
    await Handlers(parts).purged([a_purge(station, before)])


@pytest.mark.clause("wall/keyed-ids")
async def test_replicas_and_restarts_have_the_same_secrets_for_every_month_that_may_come(station):
    here, there = station.running.secrets, a_replica(station)
    await there.load()
    now = station.clock.now()
    for days in (-400, -200, 0, 30):
        moment = now + timedelta(days=days)
        assert here.secret(moment) == there.secret(moment)
        assert len(here.secret(moment)) == 32
    months = await fetch(
        station, "SELECT count(DISTINCT month), count(DISTINCT sealed) FROM month_secrets"
    )
    assert months == [(16, 16)]


@pytest.mark.clause("wall/keyed-ids")
async def test_no_month_secret_is_readable_in_the_database(station):
    secret = station.running.secrets.secret(station.clock.now())
    rows = await fetch(station, "SELECT sealed FROM month_secrets")
    assert rows
    assert not any(secret in row.sealed for row in rows)
    with pytest.raises(VaultFault, match="needs the key-encryption key"):
        await a_replica(station, Vault(OLD)).load()


@pytest.mark.clause("wall/keyed-ids")
async def test_a_sealed_secret_cannot_be_moved_to_another_month(station):
    async with station.running.runtime.db.begin() as connection:
        await connection.execute(
            text(
                "UPDATE month_secrets SET sealed = (SELECT sealed FROM month_secrets ORDER BY month LIMIT 1)"
            )
        )
    with pytest.raises(VaultFault, match="does not open"):
        await a_replica(station).load()


async def test_month_secrets_stay_the_same_when_the_key_encryption_key_changes(
    station, ingest_settings
):
    known = station.running.secrets.secret(station.clock.now())
    changed = Settings(
        **ingest_settings.model_dump(exclude={"ingest_id_key", "ingest_other_id_keys"}),
        ingest_id_key=base64.b64encode(NEW).decode(),
        ingest_other_id_keys=base64.b64encode(bytes(32)).decode(),
    )
    during = a_replica(station, changed.id_vault)
    await during.load()
    after = a_replica(station, Vault(NEW))
    await after.load()
    assert known == during.secret(station.clock.now()) == after.secret(station.clock.now())


@pytest.mark.clause("wall/keyed-ids")
async def test_reads_are_accepted_while_postgres_is_unavailable(station, camera, monkeypatch):
    parts = station.running

    def refuse(*arguments):
        raise Unavailable(Common.DATABASE_AWAY)

    monkeypatch.setattr(Database, "begin", refuse)
    station.clock.advance(days=20)  # into the next month
    answer = await station.post_reads(camera, [station.read(1)])
    assert answer.status_code == 202, answer.text
    with pytest.raises(Unavailable):
        await parts.secrets.load()


@pytest.mark.clause("wall/keyed-ids")
@pytest.mark.parametrize(
    ("before", "gone"),
    [
        (datetime(2025, 5, 1, tzinfo=UTC), True),
        (datetime(2025, 4, 30, 23, 59, 59, tzinfo=UTC), False),
    ],
)
async def test_a_month_secret_is_destroyed_only_with_the_last_record_of_its_month(
    station, before, gone
):
    april = datetime(2025, 4, 28, tzinfo=UTC)
    station.clock.advance(days=30)
    there = a_replica(station)
    await there.load()
    await purge(station, before)
    sealed = await fetch(station, "SELECT sealed FROM month_secrets WHERE month = '2025-04-01'")
    assert (sealed == [(None,)]) is gone
    if not gone:
        assert there.secret(april)
        return
    with pytest.raises(MonthEnded):
        station.running.secrets.secret(april)
    await there.load()  # as each replica does every few minutes
    with pytest.raises(MonthEnded):
        there.secret(april)
    await there.ensure([april])
    with pytest.raises(MonthEnded):
        there.secret(april)
    assert there.secret(datetime(2025, 5, 1, tzinfo=UTC))


@pytest.mark.clause("wall/keyed-ids")
@pytest.mark.parametrize(
    ("zone", "before", "gone"),
    [
        ("America/Los_Angeles", datetime(2025, 5, 1, tzinfo=UTC), True),
        ("Asia/Tokyo", datetime(2025, 4, 30, 23, 59, 59, tzinfo=UTC), False),
    ],
)
async def test_a_month_ends_by_utc_whatever_the_databases_time_zone(station, zone, before, gone):
    async with station.running.runtime.db.begin() as connection:
        await connection.execute(text(f"SET LOCAL timezone = '{zone}'"))
        ended = await station.running.secrets.destroy(connection, before)
    assert (date(2025, 4, 1) in ended) is gone


@pytest.mark.clause("wall/keyed-ids")
async def test_a_month_before_the_schedule_gets_one_secret_when_a_read_of_it_comes(station):
    """Without it no read behind the late one would be matched."""
    here, there = a_replica(station), a_replica(station)
    long_ago = station.clock.now() - timedelta(days=3000)
    with pytest.raises(Unavailable):
        here.secret(long_ago)
    await here.ensure([long_ago])
    await there.ensure([long_ago, station.clock.now()])
    assert here.secret(long_ago) == there.secret(long_ago)
    now = station.clock.now()
    assert there.secret(now) == station.running.secrets.secret(now)


async def test_a_purge_below_the_legal_floor_destroys_no_secret(station):
    with pytest.raises(InternalFault, match="34090"):
        await purge(station, station.clock.now() - timedelta(days=364))
    assert await fetch(station, "SELECT 1 FROM month_secrets WHERE sealed IS NULL") == []


@pytest.mark.clause("468.5/restored")
async def test_a_restore_waits_for_a_purge_up_to_its_time(station, ingest_database):
    restored = station.running.runtime.restored
    now = station.clock.now()
    due = now - timedelta(days=400)
    owner = Database(ingest_database, "ingest", pool_size=1)
    async with owner.begin() as connection:
        await Restores(connection).add(Restore(uuid4(), "20260601T000000Z", now, due))
    await owner.close()
    await purge(station, due - timedelta(seconds=1))
    await restored.load()
    assert restored.waits
    await purge(station, due)
    await restored.load()
    assert not restored.waits


@pytest.mark.clause("468.5/restored")
async def test_of_several_restores_the_one_that_needs_the_latest_purge_waits(
    station, ingest_database
):
    now = station.clock.now()
    dues = [now - timedelta(days=ago) for ago in (500, 400, 450)]
    ids = [uuid4() for _ in dues]
    owner = Database(ingest_database, "ingest", pool_size=1)
    async with owner.begin() as connection:
        for restore_id, due in zip(ids, dues, strict=True):
            await Restores(connection).add(Restore(restore_id, "20260601T000000Z", now, due))
        assert (await Restores(connection).pending()).due == max(dues)
        await Restores(connection).settle(dues[2], now)
        assert (await Restores(connection).pending()).due == max(dues)
        await Restores(connection).settle(max(dues), now + timedelta(days=1))
        assert await Restores(connection).pending() is None
        query = text("SELECT purged_at FROM restores WHERE restore_id = ANY(:ids) ORDER BY due")
        ended = (await connection.execute(query, {"ids": ids})).scalars().all()
        assert ended == [now, now, now + timedelta(days=1)]
    await owner.close()


async def test_a_purge_deletes_the_arrival_times_of_frames_without_a_time(station, camera, sampled):
    """They leave the planner's statistics as well, though none is left."""
    for frame in (FRAME, p.jpeg(80)):
        assert (await station.post_frame(camera, frame)).status_code == 202
    came = station.clock.now()
    digest = sha256(FRAME).hexdigest()
    assert digest in await sampled("ingest", anew=True)
    station.clock.advance(days=500)
    await purge(station, came)
    assert len(await fetch(station, "SELECT 1 FROM first_seen")) == 2
    await purge(station, came + timedelta(seconds=1))
    assert await fetch(station, "SELECT 1 FROM first_seen") == []
    assert digest not in await sampled("ingest")
