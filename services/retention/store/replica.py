"""Lets a read replica answer searches, as long as it has all that a search must respect (ADR-0061).

A search on a replica must not show a record that a purge has destroyed, and must not miss a hold. Each transaction of a
purge or of a hold therefore counts one change in `replica_marks`, which the replica gets with the change itself. The
replica answers if its count is the primary's; otherwise, and if it is away or far behind, the primary answers.

A search holds a connection to the primary while it asks the replica. So it waits for its marks for a moment only, and
after a replica that did not give them, searches go to the primary alone for some seconds.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from prometheus_client import Counter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.errors import Unavailable
from shared.postgres.database import Database

log = logging.getLogger(__name__)

T = TypeVar("T")

MARKS_WITHIN_S = 1.0
"""The longest wait for a replica's marks, a new connection included."""

AWAY_FOR_S = 5.0
"""So long no search asks a replica that did not give its marks."""

ANSWERED = Counter(
    "alpr_searches_by_server",
    "Searches by the server that read the records, and why",
    ["server", "why"],
)

_CHANGES = text("SELECT changes, clock_timestamp() AS now FROM replica_marks")
_REPLAYED = text("SELECT changes, beat_at FROM replica_heartbeat CROSS JOIN replica_marks")
_CHANGE = text("UPDATE replica_marks SET changes = changes + 1")
_HEARTBEAT = text("UPDATE replica_heartbeat SET beat_at = clock_timestamp()")


class ReplicaMarks:
    """The marks by which a replica shows that it has a change."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def count_change(self) -> None:
        """Count a change that a replica must have before it answers; commits with the transaction.

        Other transactions that count wait until this one ends, so it belongs at the end of a transaction.
        """
        await self._connection.execute(_CHANGE)


class Replica:
    """A read replica of the service's tables."""

    def __init__(self, primary: Database, replica: Database, *, most_behind: timedelta) -> None:
        """`most_behind`: a replica that is further behind the primary does not answer."""
        self._primary = primary
        self._replica = replica
        self._most_behind = most_behind
        self._away_until_s = 0.0

    async def send_heartbeat(self) -> None:
        """Write the time to the primary, which shows how far the replica is behind. Raises: Unavailable."""
        async with self._primary.begin() as connection:
            await connection.execute(_HEARTBEAT)

    async def close(self) -> None:
        """Close all connections to the replica."""
        await self._replica.close()

    async def read(
        self, primary: AsyncConnection, query: Callable[[AsyncConnection], Awaitable[T]]
    ) -> T:
        """Return what `query` reads: from the replica if it may answer, otherwise from `primary`.

        Raises: the errors of `query`; Unavailable if the primary does not answer.
        """
        why: str | None = "away"
        if time.monotonic() >= self._away_until_s:
            changes, now = (await primary.execute(_CHANGES)).one()
            limit = asyncio.timeout(MARKS_WITHIN_S)
            try:
                async with limit, self._replica.begin() as connection:
                    why = await self._refusal(connection, changes, now)
                    limit.reschedule(None)
                    if why is None:
                        found = await query(connection)
                        ANSWERED.labels("replica", "").inc()
                        return found
            except (Unavailable, TimeoutError) as exc:
                why = "away"
                if limit.when() is not None:  # it gave no marks
                    self._away_until_s = time.monotonic() + AWAY_FOR_S
                detail = exc.detail if isinstance(exc, Unavailable) else "it gives no marks in time"
                log.warning("the read replica does not answer: %s", detail)
        ANSWERED.labels("primary", why).inc()
        return await query(primary)

    async def _refusal(
        self, connection: AsyncConnection, changes: int, now: datetime
    ) -> str | None:
        """Return why the replica may not answer, or None."""
        # One snapshot for the marks and the query: what the marks show, the query sees.
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        replayed, beat_at = (await connection.execute(_REPLAYED)).one()
        if replayed < changes:
            return "purge or hold not replayed"
        if now - beat_at > self._most_behind:
            return "behind"
        return None
