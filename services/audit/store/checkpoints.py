"""Signed checkpoints, as they were signed."""
# ruff: noqa: S608 - statements are put together from names in this file, values are bound

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.merkle import Hash


@dataclass(frozen=True)
class Signed:
    """One checkpoint on record."""

    size: int
    root_hash: Hash
    note: str
    key_id: str
    signed_at: datetime


class Checkpoints:
    """The checkpoints that were signed; added to, never changed."""

    def __init__(self, connection: AsyncConnection, prefix: str = "") -> None:
        """`prefix` is `store.log.OLD` for the log before this one."""
        self._connection = connection
        self._table = f"{prefix}checkpoints"

    async def latest(self) -> Signed | None:
        """Return the newest checkpoint."""
        found = await self._connection.execute(
            text(f"SELECT * FROM {self._table} ORDER BY size DESC LIMIT 1")
        )
        row = found.mappings().one_or_none()
        return Signed(**row) if row is not None else None

    async def newest(self, *, below: int | None = None) -> int:
        """Return the size of the newest checkpoint, or of the newest that is smaller; 0 if there is none."""
        found = await self._connection.execute(
            text(f"SELECT coalesce(max(size), 0) FROM {self._table} WHERE size < :below"),
            {"below": 1 << 62 if below is None else below},
        )
        return int(found.scalar_one())

    async def at(self, size: int) -> Signed | None:
        """Return the checkpoint of exactly this size."""
        found = await self._connection.execute(
            text(f"SELECT * FROM {self._table} WHERE size = :size"), {"size": size}
        )
        row = found.mappings().one_or_none()
        return Signed(**row) if row is not None else None

    async def following(self, size: int) -> Signed:
        """Return the smallest checkpoint that is larger than `size`. Raises: NoResultFound."""
        found = await self._connection.execute(
            text(f"SELECT * FROM {self._table} WHERE size > :size ORDER BY size LIMIT 1"),
            {"size": size},
        )
        return Signed(**found.mappings().one())

    async def second_beyond(self, seq: int) -> Signed | None:
        """Return the second checkpoint that was signed once entry `seq` stood in the log, if there is one."""
        found = await self._connection.execute(
            text("SELECT * FROM checkpoints WHERE size > :seq ORDER BY size OFFSET 1 LIMIT 1"),
            {"seq": seq},
        )
        row = found.mappings().one_or_none()
        return Signed(**row) if row is not None else None

    async def between(self, after: int, size: int) -> Sequence[Signed]:
        """Return the checkpoints larger than `after`, up to and with `size`, by size."""
        found = await self._connection.execute(
            text(
                f"SELECT * FROM {self._table} WHERE size > :after AND size <= :size ORDER BY size"
            ),
            {"after": after, "size": size},
        )
        return [Signed(**row) for row in found.mappings()]

    async def beyond(self, size: int) -> Sequence[Signed]:
        """Return the checkpoints larger than `size`, by size: none, in a whole log of that size."""
        found = await self._connection.execute(
            text(f"SELECT * FROM {self._table} WHERE size > :size ORDER BY size"), {"size": size}
        )
        return [Signed(**row) for row in found.mappings()]

    async def add(self, signed: Signed) -> None:
        """Put a checkpoint on record."""
        await self._connection.execute(
            text(
                f"INSERT INTO {self._table} (size, root_hash, note, key_id, signed_at)"
                " VALUES (:size, :root_hash, :note, :key_id, :signed_at)"
            ),
            vars(signed),
        )
