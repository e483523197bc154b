"""A pass whose reads, vote and announcement each fall to another process, the one before it killed (ADR-0011)."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg

from shared.kafka.bus import KafkaBus
from shared.testing import eventually, recorded
from tests.integration.retention.conftest import a_read
from tests.integration.retention.killing import kill, published, start

__all__ = ["start"]

NEVER_S = "3600"


async def publish(broker, *reads):
    bus = KafkaBus(broker.bootstrap, "test")
    await bus.start()
    await bus.publish(recorded(*reads))
    await bus.stop()


async def test_a_pass_is_published_once_although_the_service_is_killed_between_steps(
    start, database_url, broker
):
    device, at = uuid4(), datetime.now(UTC) - timedelta(minutes=1)
    frames = [a_read("7ABC123", at + timedelta(seconds=n), device_id=device) for n in range(3)]

    def count_is(table, wanted):
        async def is_reached():
            try:
                connection = await asyncpg.connect(database_url)
            except OSError:
                return False
            try:
                return (
                    await connection.fetchval(f"SELECT count(*) FROM retention.{table}") == wanted
                )
            except asyncpg.UndefinedTableError:
                return False  # not yet
            finally:
                await connection.close()

        return eventually(is_reached, within_s=120)

    first = start(NEVER_S)
    await count_is("devices", 0)  # it has its tables, and with them its topics
    await publish(broker, frames[0])
    await count_is("reads", 1)
    kill(first, broker)

    second = start(NEVER_S)
    await publish(broker, *frames)  # the first once more: its offset may not have been committed
    await count_is("reads", 3)
    kill(second, broker)

    third = start("0")
    await count_is("passes", 1)
    kill(third, broker)

    fourth = start("0")
    await publish(broker, *frames)
    events = await eventually(lambda: published(broker), within_s=120)
    assert {event.event_id for event in events} == {events[0].event_id}
    [voted] = events[0].passes
    assert voted.read_ids == [frame.read_id for frame in frames]
    await count_is("pass_due", 0)
    await count_is("passes", 1)
    await count_is("outbox", 0)
    again = [one.pass_id for event in await published(broker) for one in event.passes]
    assert set(again) == {voted.pass_id}
    assert fourth.poll() is None
