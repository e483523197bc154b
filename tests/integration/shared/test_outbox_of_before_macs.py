"""Events that waited in the outbox when MACs were introduced are not lost; no later row passes for one."""

import json

import pytest
from alembic import command
from sqlalchemy import text

from shared.events import FindingRaised
from shared.kafka.codec import Message, encode
from shared.kafka.event_mac import MAC
from shared.postgres.database import SHARED_MIGRATIONS, SHARED_VERSIONS, Database, _alembic
from shared.postgres.outbox import Relay
from shared.testing import FakeBus, mac_key
from tests.integration.shared.outboxes import finding

pytestmark = pytest.mark.clause("wall/mac")

INSERT = text(
    "INSERT INTO outbox (topic, key, headers, value) VALUES (:topic, :key, CAST(:h AS jsonb), :value)"
)


def bare(clock, subject):
    record = encode(finding(clock, subject), "sample")
    headers = json.dumps({k: v.decode() for k, v in record.headers})
    return {"topic": record.topic, "key": record.key, "h": headers, "value": record.value}


def up_to(connection, version):
    config = _alembic(SHARED_MIGRATIONS)
    config.set_main_option("version_locations", str(SHARED_MIGRATIONS / "versions"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = SHARED_VERSIONS
    command.upgrade(config, version)


async def test_waiting_outbox_rows_get_a_mac_at_the_upgrade_and_later_changed_rows_do_not(
    database_url, repository, clock
):
    db = Database(database_url, "sample", mac_key=mac_key("sample"))
    async with db.begin() as connection:
        await connection.execute(text('CREATE SCHEMA "sample"'))
        await connection.run_sync(up_to, "shared_0001")
        for subject in ("waited", "changed", "also waited"):
            await connection.execute(INSERT, bare(clock, subject))
    await db.migrate(repository / "shared" / "postgres" / "migrations" / "none")
    async with db.begin() as connection:
        await connection.execute(INSERT, bare(clock, "written since"))
        await connection.execute(
            text(
                "UPDATE outbox SET value = convert_to(replace(convert_from(value, 'UTF8'),"
                " '\"changed\"', '\"framed\"'), 'UTF8')"
            )
        )
    bus = FakeBus()
    assert await Relay(db, bus).drain() == 4
    await db.close()
    found = {}
    for record, event in zip(bus.records, bus.events(FindingRaised), strict=True):
        message = Message(record.topic, 0, 0, record.key, record.value, dict(record.headers))
        found[event.subject] = MAC in message.headers and mac_key("sample").holds(message)
    assert found == {
        "waited": True,
        "framed": False,
        "also waited": True,
        "written since": False,
    }
