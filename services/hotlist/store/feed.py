# ruff: noqa: S608 - statements are put together from names in this file, values are bound
"""Reads the versions in force for the matcher's index: whole versions, and the difference between two."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.hotlist.store.entries import IN_VERSION
from shared.events import Source
from shared.postgres.database import driver_of

_PIECE = 5000
_PACKED = "uuid_send(e.entry_id) || convert_to(e.plate, 'UTF8')"


@dataclass(frozen=True, slots=True)
class InForce:
    """A list in force, which reads are matched with."""

    list_id: UUID
    agency_ori: str
    snapshot_id: UUID
    version: int
    name: str
    source: Source
    staleness_s: int | None
    as_of: datetime


class Feed:
    """Queries for the index; no person sees their results."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def generation(self) -> int:
        """Return the number that each change of the lists in force increases."""
        rows = await self._connection.execute(text("SELECT number FROM generation"))
        number: int = rows.scalar_one()
        return number

    async def in_force(self) -> list[InForce]:
        """Return the lists that are switched on and have a version in force."""
        rows = await self._connection.execute(
            text(
                "SELECT l.list_id, l.agency_ori, v.snapshot_id, v.version, l.name, l.source,"
                " l.staleness_s, s.as_of FROM lists l"
                " JOIN versions v ON v.list_id = l.list_id AND v.version = l.active_version"
                " JOIN snapshots s ON s.snapshot_id = v.snapshot_id WHERE l.enabled"
            )
        )
        return [InForce(**row) for row in rows.mappings()]

    async def listed(self) -> dict[Source, int]:
        """Return how many entries the lists in force have, by source."""
        rows = await self._connection.execute(
            text(
                "SELECT l.source, sum(v.entries) AS entries FROM lists l JOIN versions v"
                " ON v.list_id = l.list_id AND v.version = l.active_version WHERE l.enabled GROUP BY 1"
            )
        )
        return {row.source: int(row.entries) for row in rows}

    async def plates(self, version: InForce) -> AsyncGenerator[Sequence[bytes]]:
        """Yield the whole plates of a version in pieces, packed for the index."""
        raw = await driver_of(self._connection)
        cursor = await raw.cursor(
            f"SELECT {_PACKED} FROM entries e WHERE e.snapshot_id = $1 AND e.from_version <= $2"
            " AND (e.to_version IS NULL OR e.to_version > $2) AND NOT e.partial",
            version.snapshot_id,
            version.version,
        )
        while rows := await cursor.fetch(_PIECE):
            yield [packed for (packed,) in rows]

    async def partials(self, version: InForce) -> list[bytes]:
        """Return the partial plates of a version, packed for the index."""
        rows = await self._connection.execute(
            text(f"SELECT {_PACKED} FROM entries e WHERE {IN_VERSION} AND e.partial"),
            {"snapshot_id": version.snapshot_id, "version": version.version},
        )
        return list(rows.scalars())

    async def difference(
        self, version: InForce, before: int
    ) -> tuple[list[tuple[bytes, bool]], list[tuple[bytes, bool]]]:
        """Return the entries that `version` added to `before` (of the same snapshot), and those it removed.

        Each entry is packed, with whether it is partial. Versions of a snapshot differ only by single changes.
        """
        low, high = sorted((before, version.version))
        span = {"snapshot_id": version.snapshot_id, "low": low, "high": high}
        begun = await self._rows(
            "line IS NULL AND from_version > :low AND from_version <= :high"
            " AND (to_version IS NULL OR to_version > :high)",
            span,
        )
        ended = await self._rows(
            "from_version <= :low AND to_version > :low AND to_version <= :high", span
        )
        return (begun, ended) if version.version > before else (ended, begun)

    async def _rows(self, condition: str, span: dict[str, object]) -> list[tuple[bytes, bool]]:
        rows = await self._connection.execute(
            text(
                f"SELECT {_PACKED}, e.partial FROM entries e"
                f" WHERE e.snapshot_id = :snapshot_id AND {condition}"
            ),
            span,
        )
        return [(packed, partial) for packed, partial in rows]
