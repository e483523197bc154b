"""The signed checkpoints, byte for byte."""
# ruff: noqa: S608 - statements are put together from names in this file, values are bound

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.merkle import Hash


@dataclass(frozen=True)
class Signed:
    """One stored checkpoint."""

    size: int
    root_hash: Hash
    note: str
    key_id: str
    signed_at: datetime


class Checkpoints:
    """Adds and reads signed checkpoints; stored ones never change."""

    def __init__(self, connection: AsyncConnection, prefix: str = "") -> None:
        """`prefix` is `store.log.OLD` for the log before this one."""
        self._connection = connection
        self._table = f"{prefix}checkpoints"

    async def latest(self) -> Signed | None:
        """Return the newest checkpoint; None before the first."""
        found = await self._connection.execute(
            text(f"SELECT * FROM {self._table} ORDER BY size DESC LIMIT 1")
        )
        row = found.mappings().one_or_none()
        return Signed(**row) if row is not None else None

    async def newest(self, *, below: int | None = None) -> int:
        """Return the size of the newest checkpoint, or of the newest with a size under `below`; 0 if there is none."""
        found = await self._connection.execute(
            text(f"SELECT coalesce(max(size), 0) FROM {self._table} WHERE size < :below"),
            {"below": 1 << 62 if below is None else below},
        )
        return int(found.scalar_one())

    async def unsigned_since(self) -> datetime | None:
        """Return when the first entry that no checkpoint covers was appended; None if all are covered."""
        found = await self._connection.execute(
            text(
                "SELECT appended_at FROM entries"
                " WHERE seq = (SELECT coalesce(max(size), 0) FROM checkpoints)"
            )
        )
        return found.scalar_one_or_none()

    async def at(self, size: int) -> Signed | None:
        """Return the checkpoint of exactly this size; None if there is none."""
        found = await self._connection.execute(
            text(f"SELECT * FROM {self._table} WHERE size = :size"), {"size": size}
        )
        row = found.mappings().one_or_none()
        return Signed(**row) if row is not None else None

    async def following(self, size: int) -> Signed:
        """Return the smallest checkpoint larger than `size`. Raises: NoResultFound if there is none."""
        found = await self._connection.execute(
            text(f"SELECT * FROM {self._table} WHERE size > :size ORDER BY size LIMIT 1"),
            {"size": size},
        )
        return Signed(**found.mappings().one())

    async def second_beyond(self, seq: int) -> Signed | None:
        """Return the second checkpoint whose log holds entry `seq`; None if fewer than two do."""
        found = await self._connection.execute(
            text("SELECT * FROM checkpoints WHERE size > :seq ORDER BY size OFFSET 1 LIMIT 1"),
            {"seq": seq},
        )
        row = found.mappings().one_or_none()
        return Signed(**row) if row is not None else None

    async def between(self, after: int, size: int) -> Sequence[Signed]:
        """Return the checkpoints larger than `after` and no larger than `size`, by size."""
        found = await self._connection.execute(
            text(
                f"SELECT * FROM {self._table} WHERE size > :after AND size <= :size ORDER BY size"
            ),
            {"after": after, "size": size},
        )
        return [Signed(**row) for row in found.mappings()]

    async def beyond(self, size: int) -> Sequence[Signed]:
        """Return the checkpoints larger than `size`, by size. A log of that size that lost no entry has no such one."""
        found = await self._connection.execute(
            text(f"SELECT * FROM {self._table} WHERE size > :size ORDER BY size"), {"size": size}
        )
        return [Signed(**row) for row in found.mappings()]

    async def add(self, signed: Signed) -> None:
        """Store a checkpoint."""
        await self._connection.execute(
            text(
                f"INSERT INTO {self._table} (size, root_hash, note, key_id, signed_at)"
                " VALUES (:size, :root_hash, :note, :key_id, :signed_at)"
            ),
            vars(signed),
        )
