"""The offsets below which events need no MAC. Audit records them once, when it starts to require MACs."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Ends = Mapping[tuple[str, int], int]
"""The offset after the last event, by topic and partition."""


class BeforeMacs:
    """The only code that touches before_macs."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def recorded(self) -> tuple[Ends, datetime] | None:
        """Return the offsets and the time of their record; None before that record."""
        rows = (await self._connection.execute(text("SELECT * FROM before_macs"))).all()
        if not rows:
            return None
        return {(r.topic, r.partition): r.end_offset for r in rows}, rows[0].recorded_at

    async def record(self, ends: Ends, at: datetime) -> None:
        """Record the offsets. Call this once, under the log's lock."""
        await self._connection.execute(
            text(
                "INSERT INTO before_macs (topic, partition, end_offset, recorded_at)"
                " VALUES (:topic, :partition, :end_offset, :at)"
            ),
            [
                {"topic": topic, "partition": partition, "end_offset": end, "at": at}
                for (topic, partition), end in ends.items()
            ],
        )
