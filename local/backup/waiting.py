"""Waits before a backup until the database has what was acknowledged: what only Kafka has is in no snapshot.

A frame or read is acknowledged once Kafka has it, everything else once it is in the database, with its events in the
outbox. So a wait takes the time, then the rows of the outboxes and, once these are published, the ends of the topics;
and it is over once every group has committed them. What services publish meanwhile is waited for in further rounds:
a frame's entry in the log comes after that of three topics.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from local.backup.database import SCHEMAS
from local.backup.manifest import Behind
from local.backup.offsets import ASK_AGAIN_AFTER_S, Position, Progress, services_in_groups
from shared.kafka.client import Kafka
from shared.postgres.database import Database, database_of
from shared.postgres.settings import DatabaseLink

WAIT_S = 300.0
"""The longest wait, unless another is given."""

ROUNDS = 3
"""A frame becomes reads, a read becomes a hit, and a hit an entry of the log: each in a topic of its own."""

_UNPUBLISHED = " UNION ALL ".join(  # names of schemas are constants
    f"SELECT '{schema}' AS service, max(seq) AS last FROM {schema}.outbox"  # noqa: S608
    for schema in SCHEMAS
)
_LEFT = " UNION ALL ".join(
    f"SELECT '{schema}' AS service, count(*) AS rows FROM {schema}.outbox WHERE seq <= :{schema}"  # noqa: S608
    for schema in SCHEMAS
)


@dataclass(frozen=True)
class Waiting:
    """What came of a wait."""

    began_at: datetime
    """By the clock of the database."""

    waited_s: float
    behind: tuple[Behind, ...]
    """What was not processed in the end, though it was acknowledged by `began_at`; or what it led to."""

    @property
    def complete_to(self) -> datetime | None:
        """The moment up to which everything acknowledged is in the database; None if that cannot be said."""
        return None if self.behind else self.began_at


@dataclass(frozen=True)
class Outboxes:
    """The events that services have stored and not published yet."""

    database: Database

    async def begin(self) -> tuple[datetime, dict[str, int]]:
        """Return the time, and the last row of each outbox that has any."""
        async with self.database.begin() as connection:
            now = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
        return now, await self.last()

    async def last(self) -> dict[str, int]:
        """Return the last row of each outbox that has any, by service."""
        async with self.database.begin() as connection:
            return await _numbers(connection, _UNPUBLISHED, {})

    async def published(self, last: Mapping[str, int], until_s: float) -> dict[str, int]:
        """Wait until the rows up to the last ones are published; return the numbers of those that are not."""
        loop = asyncio.get_running_loop()
        named = {schema: last.get(schema, -1) for schema in SCHEMAS}
        while left := await self._left(named):
            if loop.time() >= until_s:
                break
            await asyncio.sleep(ASK_AGAIN_AFTER_S)
        return left

    async def _left(self, last: Mapping[str, int]) -> dict[str, int]:
        async with self.database.begin() as connection:
            return await _numbers(connection, _LEFT, last)


async def _numbers(
    connection: AsyncConnection, statement: str, given: Mapping[str, int]
) -> dict[str, int]:
    rows = (await connection.execute(text(statement), dict(given))).all()
    return {row[0]: row[1] for row in rows if row[1]}


async def wait(
    database: DatabaseLink,
    kafka: Kafka | str,
    *,
    wait_s: float,
    at_work: bool = True,
    services: Mapping[str, Collection[str]] | None = None,
) -> Waiting:
    """Wait until the database has what was acknowledged so far, up to `wait_s`.

    Args:
        at_work: whether the services run; if not, what is in an outbox stays there, and is in the backup.
        services: by topic, those that process it in groups; by default, as registered.

    Raises: Unavailable.
    """
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    until_s = began_s + wait_s
    async with (
        database_of(database, "audit", pool_size=1) as db,
        Progress.of(kafka, services_in_groups() if services is None else services) as progress,
    ):
        outboxes = Outboxes(db)
        began_at, last = await outboxes.begin()
        before: dict[str, int] = {}
        for _ in range(ROUNDS):
            unpublished = await outboxes.published(last, until_s) if at_work else {}
            ends = await progress.ends()
            behind = await progress.caught_up(ends, until_s)
            if unpublished or behind or ends == before:
                break
            before, last = ends, await outboxes.last()
        return Waiting(began_at, loop.time() - began_s, _summed(behind, unpublished))


def _summed(behind: Iterable[Position], unpublished: Mapping[str, int]) -> tuple[Behind, ...]:
    """Return the lags by group and topic, and the outboxes."""
    lags = Counter[tuple[str, str]]()
    for position in behind:
        lags[position.group, position.place.rpartition("/")[0]] += position.lag
    return (
        *(Behind(group=g, topic=topic, records=n) for (g, topic), n in sorted(lags.items())),
        *(Behind(group=f"outbox of {s}", topic="", records=n) for s, n in unpublished.items()),
    )
