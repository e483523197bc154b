# ruff: noqa: S608 - statements are put together from names in services' stores, values are bound
"""Notices by receiver: those due for an attempt, the delivered ones, and dead letters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")

_SENT = text(
    "UPDATE notices SET sent_at = :now, dead_at = NULL, fault = NULL WHERE notice_id = :notice_id"
)
_FAILED = text(
    "UPDATE notices SET due_at = :again, fault = :fault, refusals = refusals + CAST(:refused AS integer)"
    " WHERE notice_id = :notice_id AND sent_at IS NULL"
)
_DEAD = text(
    "UPDATE notices SET dead_at = :now, fault = :fault WHERE notice_id = :notice_id AND sent_at IS NULL"
)


@dataclass(frozen=True)
class Subject(Generic[T]):
    """What a service's notices are about: rows of one of its tables, `f` in the conditions below."""

    table: str
    """The table, or tables joined, as `findings f`."""

    key: str
    """The column that identifies a row."""

    links: str
    """The table of which row is in which notice, by receiver: the key, `receiver`, `notice_id`."""

    is_open: str
    """The condition of a row that a person has to learn of still."""

    fields: str
    """The columns of a row that its notice has."""

    order: str
    """The columns by which rows are in order."""

    item_of: Callable[..., T]
    """Makes an item of a row's fields."""

    @cached_property
    def gather(self) -> TextClause:
        """Puts rows that no notice to the receiver has into one."""
        # Two replicas may gather the same rows at once: the primary key admits each once for each receiver.
        return text(
            f"""
            WITH added AS (
                INSERT INTO {self.links} ({self.key}, receiver, notice_id)
                SELECT f.{self.key}, :receiver, :notice_id FROM {self.table}
                WHERE {self.is_open} AND NOT EXISTS (
                    SELECT FROM {self.links} l WHERE l.{self.key} = f.{self.key} AND l.receiver = :receiver
                )
                ORDER BY {self.order} LIMIT :limit
                ON CONFLICT DO NOTHING RETURNING {self.key}
            )
            INSERT INTO notices (notice_id, receiver, gathered_at, due_at)
            SELECT :notice_id, :receiver, :now, :now WHERE EXISTS (SELECT FROM added)
            """
        )

    @cached_property
    def claim(self) -> TextClause:
        """Counts an attempt of the receiver's next due notice."""
        return text(
            f"""
            UPDATE notices SET attempts = attempts + 1, tried_at = coalesce(tried_at, :now), due_at = :until
            WHERE notice_id = (
                SELECT n.notice_id FROM notices n
                WHERE n.receiver = :receiver AND n.sent_at IS NULL AND n.dead_at IS NULL AND n.due_at <= :now
                    AND {self._concerns_open}
                ORDER BY n.due_at, n.notice_id LIMIT 1 FOR UPDATE OF n SKIP LOCKED
            )
            RETURNING notice_id, attempts, refusals, tried_at
            """
        )

    @cached_property
    def items(self) -> TextClause:
        """Reads the rows of a notice."""
        return text(
            f"""
            SELECT {self.fields} FROM {self.table} JOIN {self.links} l ON l.{self.key} = f.{self.key}
            WHERE l.notice_id = :notice_id ORDER BY {self.order}
            """
        )

    @cached_property
    def counts(self) -> TextClause:
        """Counts the open rows that a receiver has no notice of, or has not accepted one of."""
        return text(
            f"""
            SELECT count(*) FILTER (WHERE n.dead_at IS NULL) AS waiting,
                count(*) FILTER (WHERE n.dead_at IS NOT NULL) AS dead
            FROM {self.table} LEFT JOIN {self.links} l ON l.{self.key} = f.{self.key} AND l.receiver = :receiver
                LEFT JOIN notices n ON n.notice_id = l.notice_id
            WHERE {self.is_open} AND n.sent_at IS NULL
            """
        )

    @cached_property
    def undelivered(self) -> TextClause:
        """Lists the notices about open rows that their receiver has not accepted."""
        return text(
            f"""
            SELECT n.notice_id, n.receiver, n.gathered_at, n.attempts, n.dead_at, n.fault,
                (SELECT count(*) FROM {self.links} l WHERE l.notice_id = n.notice_id) AS items
            FROM notices n WHERE n.sent_at IS NULL AND {self._concerns_open}
            ORDER BY n.receiver, n.gathered_at, n.notice_id
            """
        )

    @cached_property
    def replay(self) -> TextClause:
        """Makes a receiver's dead letters about open rows due as if they were new."""
        return text(
            f"""
            UPDATE notices n SET dead_at = NULL, attempts = 0, tried_at = NULL, due_at = gathered_at, refusals = 0
            WHERE n.receiver = :receiver AND n.dead_at IS NOT NULL AND {self._concerns_open}
            """
        )

    @property
    def _concerns_open(self) -> str:
        return (
            f"EXISTS (SELECT FROM {self.table} JOIN {self.links} l ON l.{self.key} = f.{self.key}"
            f" WHERE l.notice_id = n.notice_id AND {self.is_open})"
        )


@dataclass(frozen=True)
class Claimed(Generic[T]):
    """A notice for which one process makes an attempt."""

    notice_id: UUID
    items: Sequence[T]
    attempts: int
    """With the present one."""

    refusals: int
    """Before the present attempt."""

    tried_at: datetime
    """When the first attempt was made."""


@dataclass(frozen=True)
class Undelivered:
    """A notice about what is open that its receiver has not accepted."""

    notice_id: UUID
    receiver: str
    gathered_at: datetime
    attempts: int
    dead_at: datetime | None
    """When it became a dead letter; None while it is retried."""

    fault: str | None
    items: int


@dataclass(frozen=True)
class Counts:
    """What is open and a receiver has not been notified of."""

    waiting: int
    dead: int
    """Of what the notice is a dead letter."""


class Notices(Generic[T]):
    """The only code that touches notices and their links. It returns the subject's fields alone."""

    def __init__(self, connection: AsyncConnection, subject: Subject[T]) -> None:
        self._connection = connection
        self._subject = subject

    async def gather(self, receiver: str, notice_id: UUID, now: datetime, limit: int) -> None:
        """Make a notice of at most `limit` open rows that no notice to this receiver has; none if all have."""
        values = {"receiver": receiver, "notice_id": notice_id, "now": now, "limit": limit}
        await self._connection.execute(self._subject.gather, values)

    async def claim(self, receiver: str, now: datetime, until: datetime) -> Claimed[T] | None:
        """Count an attempt of the receiver's next due notice and return it, or None; others skip it until `until`."""
        values = {"receiver": receiver, "now": now, "until": until}
        row = (await self._connection.execute(self._subject.claim, values)).one_or_none()
        if row is None:
            return None
        found = await self._connection.execute(self._subject.items, {"notice_id": row.notice_id})
        items = [self._subject.item_of(**one) for one in found.mappings()]
        return Claimed(row.notice_id, items, row.attempts, row.refusals, row.tried_at)

    async def sent(self, notice_id: UUID, now: datetime) -> None:
        """Record that the receiver accepted a notice."""
        await self._connection.execute(_SENT, {"notice_id": notice_id, "now": now})

    async def failed(
        self, notice_id: UUID, *, again: datetime, fault: str, refused: bool = False
    ) -> None:
        """Record a failed attempt and the time of the next one, with the first 200 characters of `fault`."""
        values = {"notice_id": notice_id, "again": again, "fault": fault[:200], "refused": refused}
        await self._connection.execute(_FAILED, values)

    async def dead(self, notice_id: UUID, *, now: datetime, fault: str) -> None:
        """Make a notice a dead letter of its receiver, with the first 200 characters of `fault`."""
        values = {"notice_id": notice_id, "now": now, "fault": fault[:200]}
        await self._connection.execute(_DEAD, values)

    async def counts(self, receiver: str) -> Counts:
        """Return how much is open that a receiver has not been notified of."""
        row = (await self._connection.execute(self._subject.counts, {"receiver": receiver})).one()
        return Counts(row.waiting, row.dead)

    async def undelivered(self) -> list[Undelivered]:
        """Return the notices about what is open that no receiver has accepted, by receiver, oldest first."""
        found = await self._connection.execute(self._subject.undelivered)
        return [Undelivered(**row) for row in found.mappings()]

    async def replay(self, receiver: str) -> int:
        """Make the dead letters of a receiver due as if they were new; return their number."""
        replayed = await self._connection.execute(self._subject.replay, {"receiver": receiver})
        return replayed.rowcount
