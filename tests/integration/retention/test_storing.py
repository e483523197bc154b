"""Reads and captures enter their months, each once, whether they arrive twice, late or broken."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.retention.store import locks
from services.retention.store.locks import Locks
from services.retention.store.partitions import Partitions
from shared.core.errors import InvalidInput, Unavailable
from shared.events import Alternative, Box, Character, OtherCharacter
from shared.postgres.database import driver_of
from shared.testing import eventually
from shared.testing.reads import BAD_PLATES, BAD_READS
from tests.integration.ended_session import end_session
from tests.integration.retention.conftest import a_capture, a_read

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
PURGING = text(
    "INSERT INTO purge_runs (run_id, kind, state, before, basis, reason, proposed_by, proposed_at)"
    " VALUES (gen_random_uuid(), 'single', 'executing', '2026-05-01Z', '{}', 'test', '{}', now())"
)
"""A run that is being executed: without one Postgres lets no month be dropped."""


async def count(retention, table="reads"):
    return (await retention.fetch(f"SELECT count(*) FROM {table}"))[0][0]


async def test_a_read_delivered_twice_is_one_read(retention):
    read = a_read("7ABC123", NOON)
    await retention.store(read)
    await retention.store(read, read, a_read("8XYZ987", NOON))
    assert await count(retention) == 2
    assert await count(retention, "plates") == 2


async def test_reads_are_counted_by_their_camera(retention):
    def counted(camera):
        return REGISTRY.get_sample_value("alpr_camera_reads_total", {"camera": camera}) or 0

    before = counted("Oak St")
    others = [
        a_read(f"8XYZ98{n}", NOON, device_id=UUID(int=77), device_name="Oak St") for n in (1, 2)
    ]
    await retention.store(a_read("7ABC123", NOON), *others)
    assert counted("Oak St") == before + 2
    assert counted("Solano St at Third") >= 1


async def test_a_capture_delivered_twice_is_one_capture(retention):
    capture = a_capture(NOON)
    await retention.store(capture, capture)
    await retention.store(capture)
    assert await count(retention, "captures") == 1


async def outcomes(retention):
    return [
        tuple(row) for row in await retention.fetch("SELECT outcome, reason, reads FROM captures")
    ]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
async def test_a_frame_that_is_read_after_a_replay_has_that_outcome(retention, together):
    """A replay reads a frame again that had killed its worker; its record then says what was read."""
    unread = a_capture(NOON, outcome="unreadable", reason="The frame killed its worker")
    read = msgspec.structs.replace(unread, outcome="plates", reason=None, read_ids=[uuid4()])
    other = a_capture(NOON, b"another image", outcome="no_plate")
    for batch in [[unread, other, read]] if together else [[unread, other], [other, read]]:
        await retention.store(*batch)
    expected = [("no_plate", None, 0), ("plates", None, 1)]
    assert sorted(await outcomes(retention)) == expected
    await retention.store(unread, msgspec.structs.replace(other, outcome="plates"))
    assert sorted(await outcomes(retention)) == expected, "no other outcome ever changes"


async def test_each_read_is_stored_in_the_partition_of_its_month_in_utc(retention):
    last_moment = datetime(2026, 5, 31, 23, 59, 59, 999999, tzinfo=UTC)
    pacific = datetime.fromisoformat("2026-05-31T20:00:00-07:00")  # 1 June in UTC
    old = datetime(2019, 2, 28, 12, tzinfo=UTC)
    await retention.store(
        a_read("1AAA111", last_moment), a_read("2BBB222", pacific), a_read("3CCC333", old)
    )
    rows = await retention.fetch("SELECT tableoid::regclass::text, plate_as_read FROM reads")
    assert dict(map(tuple, rows)) == {
        "reads_2026_05": "1AAA111",
        "reads_2026_06": "2BBB222",
        "reads_2019_02": "3CCC333",
    }


async def test_future_partitions_are_created_ahead_without_a_default_partition(retention):
    rows = await retention.fetch(
        "SELECT inhrelid::regclass::text, pg_get_expr(relpartbound, oid) FROM pg_inherits"
        " JOIN pg_class ON oid = inhrelid WHERE inhparent = 'reads'::regclass ORDER BY 1"
    )
    assert [name for name, _ in rows] == ["reads_2026_06", "reads_2026_07", "reads_2026_08"]
    assert all("DEFAULT" not in bounds for _, bounds in rows)


async def test_a_read_for_a_dropped_month_is_stored(retention):
    old = NOON - timedelta(days=300)
    await retention.store(a_read("1AAA111", old))
    async with retention.runtime.db.begin() as connection:
        [month, *_] = await Partitions(connection).months()
        await connection.execute(PURGING)
        await Partitions(connection).drop(month)
    await retention.store(a_read("2BBB222", old))
    assert await count(retention) == 1


@pytest.mark.clause("468.5/one-validation")
@pytest.mark.parametrize(
    "changes",
    [*BAD_READS.values(), *({"plate": plate} for plate in BAD_PLATES)],
    ids=[*BAD_READS, *(f"plate {number}" for number in range(len(BAD_PLATES)))],
)
async def test_a_read_that_cannot_be_stored_is_refused_as_invalid_input(retention, changes):
    fields = {"plate": "7ABC123", "captured_at": NOON, **changes}
    bad = a_read(fields.pop("plate"), fields.pop("captured_at"), **fields)
    with pytest.raises(InvalidInput):
        await retention.store(a_read("1AAA111", NOON), bad)
    assert await count(retention) == 0  # the whole batch: the consumer tries them apart
    await retention.store(a_read("1AAA111", NOON))
    assert await count(retention) == 1


async def test_all_fields_of_a_read_are_stored(retention):
    read = a_read(
        "7ABC123",
        NOON,
        plate_as_read="7-ABC 123",
        region="US-CA",
        source="recognition",
        capture_id=uuid4(),
        crop_key="crops/1.jpg",
        image_key="captures/1.jpg",
        confidence=0.875,
        characters=[
            Character("7", 0.97, [OtherCharacter("7", 0.97), OtherCharacter("1", 0.02)]),
            Character("A"),
        ],
        box=Box(10, 20, 130, 40),
        alternatives=[Alternative("7ABC123", 0.9), Alternative("7A8C123", 0.1)],
        vehicle_make="Ford",
        vehicle_model="Transit",
        vehicle_colour="white",
        direction="receding",
        speed_kmh=48.5,
        lane=0,
    )
    await retention.store(read, a_read("1AAA111", NOON, place=None))
    [found] = (await retention.search(plate="7ABC123"))["items"]
    assert UUID(found["read_id"]) == read.read_id
    assert UUID(found["capture_id"]) == read.capture_id
    assert found["plate_as_read"] == "7-ABC 123"
    assert found["region"] == "US-CA"
    assert found["confidence"] == 0.875
    assert found["characters"] == [
        {
            "text": "7",
            "confidence": 0.97,
            "alternatives": [
                {"text": "7", "probability": 0.97},
                {"text": "1", "probability": 0.02},
            ],
        },
        {"text": "A", "confidence": None, "alternatives": []},
    ]
    assert found["box"] == {"x_px": 10, "y_px": 20, "width_px": 130, "height_px": 40}
    assert [(a["plate"], a["probability"]) for a in found["alternatives"]] == [
        ("7ABC123", 0.9),
        ("7A8C123", 0.1),
    ]
    assert found["vehicle"] == {
        "make": "Ford",
        "model": "Transit",
        "colour": "white",
        "direction": "receding",
        "speed_kmh": 48.5,
        "lane": 0,
    }
    assert datetime.fromisoformat(found["captured_at"]) == NOON
    assert found["device_name"] == "Solano St at Third"
    assert found["place"] == {"latitude": 39.9277, "longitude": -122.1792, "heading_deg": 90.0}
    assert found["has_crop"]
    assert found["has_image"]
    [placeless] = (await retention.search(plate="1AAA111"))["items"]
    assert placeless["place"] is placeless["vehicle"] is None


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"vehicle_make": "Ford"}, "vehicle"),
        ({"lane": 0}, "vehicle"),
        ({"alternatives": [Alternative("7ABC123", 0.9)]}, "alternatives"),
    ],
)
async def test_one_detail_alone_is_stored(retention, sent, field):
    await retention.store(a_read("7ABC123", NOON, **sent))
    [found] = (await retention.search(plate="7ABC123"))["items"]
    assert found[field]


async def test_a_read_without_details_has_no_text_of_them(retention):
    await retention.store(a_read("7ABC123", NOON))
    assert [row[0] for row in await retention.fetch("SELECT details FROM reads")] == [None]


async def test_a_renamed_device_shows_its_new_name(retention):
    await retention.store(a_read("1AAA111", NOON))
    await retention.store(a_read("2BBB222", NOON, device_name="Third St"))
    reads = (await retention.search(plate="1AAA111"))["items"]
    assert [read["device_name"] for read in reads] == ["Third St"]


async def waits_for(retention, lock):
    async def is_waiting():
        return await retention.fetch(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND classid = :lock AND database = (SELECT oid FROM pg_database"
            " WHERE datname = current_database())",
            lock=lock,
        )

    await eventually(is_waiting)


async def test_a_read_that_arrives_while_its_month_is_dropped_is_stored_afterwards(retention):
    """Otherwise it could go with the month before the check of whether a hold retains it."""
    old = datetime(2025, 2, 10, tzinfo=UTC)
    await retention.store(a_read("1AAA111", old))
    async with retention.runtime.db.begin() as connection:
        [month, *_] = await Partitions(connection).months()
        await Locks(connection).exclusive(locks.MONTH, month.name)
        storing = asyncio.create_task(retention.store(a_read("2BBB222", old)))
        await waits_for(retention, locks.MONTH)
        await connection.execute(PURGING)
        await Partitions(connection).drop(month)
    await storing
    rows = await retention.fetch("SELECT plate_as_read FROM reads")
    assert [row[0] for row in rows] == ["2BBB222"]


async def test_a_plate_deleted_while_its_next_read_arrives_is_stored_again(retention):
    await retention.store(a_read("7ABC123", NOON - timedelta(days=1)))
    async with retention.runtime.db.begin() as connection:
        await Locks(connection).exclusive(locks.PLATES)
        storing = asyncio.create_task(retention.store(a_read("7ABC123", NOON)))
        await waits_for(retention, locks.PLATES)
        await connection.execute(text("DELETE FROM plates"))
    await storing
    assert await retention.plates(plate="7AB*") == ["7ABC123", "7ABC123"]


async def test_after_postgres_dropped_every_connection_storing_goes_on(retention):
    await retention.store(a_read("1AAA111", NOON))
    async with retention.runtime.db.begin() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND usename = current_user"
            )
        )

    async def stored():
        try:
            await retention.store(a_read("2BBB222", NOON))
        except Unavailable:  # the consumer stays at its offset and tries again
            return False
        return True

    await eventually(stored)
    assert await count(retention) == 2


async def test_a_session_that_is_ended_before_its_connection_closes_delays_storing(retention):
    await retention.store(a_read("1AAA111", NOON))
    async with retention.runtime.db.engine.connect() as connection:
        end_session(await driver_of(connection))
    with pytest.raises(Unavailable):
        await retention.store(a_read("2BBB222", NOON))
    await retention.store(a_read("2BBB222", NOON))
    assert await count(retention) == 2


NEVER_CHANGED = {
    "reads": "plate_id",
    "captures": "sha256",
    "held_reads": "captured_at",
    "held_captures": "object_key",
    "plates": "plate",
    "passes": "plate_id",
    "pass_reads": "pass_id",
    "hit_events": "body",
    "holds": "criteria, placed_by",
    "evidence_bookings": "sha256",
    "custody_acts": "kind",
    "missed_purges": "oldest_on",
    "counted_months": "reads",
    "signing_keys": "public_pem",
    "key_changes": "statement",
    "slice_digests": "digests",
}
"""Columns of each table whose rows never change."""

NEVER_DELETED = (
    *(
        "holds",
        "hold_reviews",
        "purge_runs",
        "missed_purges",
        "evidence_exports",
        "evidence_bookings",
    ),
    *("custody_acts", "devices", "signing_keys", "key_changes", "hit_events", "plate_deletions"),
    *("replica_marks", "counted_months"),
)


async def test_the_services_role_changes_no_record_and_deletes_nothing_that_stays_on_file(
    retention,
):
    """Whatever software has the role: what it may do is in `grants.sql` alone (ADR-0016)."""
    statements = [f"DELETE FROM {table}" for table in NEVER_DELETED]
    for table, columns in NEVER_CHANGED.items():
        statements += [f"UPDATE {table} SET {one} = {one}" for one in columns.split(", ")]
    for statement in statements:
        with pytest.raises(ProgrammingError, match="permission denied"):
            await retention.fetch(statement)
