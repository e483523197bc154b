"""Reads whose plate a person corrected; their hits show a caution."""

from collections.abc import Iterable
from datetime import UTC, datetime, time

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events import ReadCorrected

_SET = text(
    """
    INSERT INTO corrected AS c (read_id, captured_at, plate, region, corrected_at)
    VALUES (:read_id, :captured_at, :plate, :region, :corrected_at)
    ON CONFLICT (read_id) DO UPDATE SET plate = excluded.plate, region = excluded.region,
        corrected_at = excluded.corrected_at WHERE c.corrected_at <= excluded.corrected_at
    """
)


class CorrectedReads:
    """The corrected reads, each with what its last correction says."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def set(self, corrections: Iterable[ReadCorrected]) -> None:
        """Store what corrections say. Safe to repeat, and in any order."""
        for one in corrections:
            await self._connection.execute(
                _SET,
                {
                    "read_id": one.read_id,
                    "captured_at": _captured_at(one),
                    "plate": one.plate,
                    "region": one.region,
                    "corrected_at": one.occurred_at,
                },
            )


def _captured_at(one: ReadCorrected) -> datetime:
    """Return the time of the capture; of an event from before it had one, the beginning of its day (UTC)."""
    return one.captured_at or datetime.combine(one.captured_on, time(), UTC)
