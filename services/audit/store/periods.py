"""The periods of audits, which entries of the log fix, and the accesses within each period."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.audit_facts import Accesses
from services.audit.domain.periods import BY_SOFTWARE, SOFTWARE
from services.audit.store.log import OF_KIND
from services.audit.store.said import AttemptSaid, said_in

_FIXED = """
    SELECT e.seq, e.appended_at AS fixed_at, a.audit_id,
        CAST(convert_from(e.entry, 'UTF8')::jsonb #>> '{data,occurred_from}' AS timestamptz)
            AS occurred_from,
        CAST(convert_from(e.entry, 'UTF8')::jsonb #>> '{data,occurred_to}' AS timestamptz)
            AS occurred_to
    FROM entries e LEFT JOIN audits a ON a.period_seq = e.seq
    WHERE e.kind = 'period.fixed'
"""
# Postgres cannot decode each entry that people and services can make. Of the few that may have the method of the
# software, spelled out or with an escape, it returns the bytes.
_MAYBE_BY_SOFTWARE = """
    CASE WHEN position(CAST(:by_software AS bytea) IN entry) > 0
        OR position(CAST(:escape AS bytea) IN entry) > 0 THEN entry END AS content
"""
_OF_PERIOD = """
    kind = 'access.attempted' AND NOT starts_with(person_id, :software)
      AND seq < :seq AND occurred_at < :until
      AND (seq > :seq_before OR occurred_at >= :until_before)
"""
_POPULATION = text(
    f"SELECT seq, {_MAYBE_BY_SOFTWARE} FROM entries WHERE allowed AND {_OF_PERIOD} ORDER BY seq"  # noqa: S608
)
_ACCESSES = text(
    f"""
    SELECT service, purpose_kind, allowed, content, min(seq) AS seq, count(*) AS number FROM (
        SELECT seq, service, purpose_kind, allowed, {_MAYBE_BY_SOFTWARE} FROM entries
        WHERE allowed IS NOT NULL AND {_OF_PERIOD}) AS made
    GROUP BY service, purpose_kind, allowed, content
    """  # noqa: S608 - constants
)
_ENTRIES = text(
    f"""
    SELECT seq, kind, occurred_at, entry AS content FROM entries
    WHERE {OF_KIND} AND seq + 0 > :after AND seq + 0 < :end
    ORDER BY seq + 0 LIMIT :limit
    """  # noqa: S608 - a constant
)
AT_ONCE = 5000


class LoggedEntry(NamedTuple):
    """An entry of a kind that reports of audits are made of."""

    seq: int
    kind: str
    occurred_at: datetime
    content: bytes


@dataclass(frozen=True)
class Fixed:
    """A period that has ended; entry `seq` fixed it."""

    seq: int
    fixed_at: datetime
    audit_id: UUID | None
    """The audit of this period; None before its draw."""
    occurred_from: datetime
    occurred_to: datetime


class Periods:
    """Reads the periods from the log, the only place that stores them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def page(self, *, before: int | None, limit: int) -> list[Fixed]:
        """Return at most `limit` periods that entries before number `before` fixed, newest first."""
        return await self._find(
            "AND e.seq < :before ORDER BY e.seq DESC LIMIT :limit",
            before=1 << 62 if before is None else before,
            limit=limit,
        )

    async def last(self, *, below: int = 1 << 62) -> Fixed | None:
        """Return the newest period that an entry before number `below` fixed; None if there is none."""
        found = await self.page(before=below, limit=1)
        return found[0] if found else None

    async def get(self, seq: int) -> Fixed | None:
        """Return the period that entry `seq` fixed; None if that entry fixed no period."""
        found = await self._find("AND e.seq = :seq", seq=seq)
        return found[0] if found else None

    async def not_drawn(self, before: datetime) -> Sequence[Fixed]:
        """Return the periods that were fixed up to `before` and have no sample, in the log's order."""
        rest = "AND a.audit_id IS NULL AND e.appended_at <= :before ORDER BY e.seq"
        return await self._find(rest, before=before)

    async def log_began(self) -> datetime | None:
        """Return the time of the first append; None for an empty log."""
        found = await self._connection.execute(
            text("SELECT appended_at FROM entries WHERE seq = 0")
        )
        at: datetime | None = found.scalar_one_or_none()
        return at

    async def population(self, period: Fixed) -> list[int]:
        """Return the entry numbers of a period's accesses, in the log's order.

        An access is an allowed request of a person. It belongs to the period if it occurred before the period's end,
        the log held it when the period was fixed, and it does not belong to the period before by the same rule.
        """
        found = await self._connection.execute(_POPULATION, await self._bounds(period))
        return [int(row.seq) for row in found if row.content is None or not _by_software(row)]

    async def accesses(self, period: Fixed) -> Counter[Accesses]:
        """Return how many requests people made in a period, by kind; refused ones belong to it by the same rule."""
        counts = Counter[Accesses]()
        for row in await self._connection.execute(_ACCESSES, await self._bounds(period)):
            if row.content is None or not _by_software(row):
                counts[Accesses(row.service, row.purpose_kind or "", row.allowed)] += row.number
        return counts

    async def entries(self, kind: str, after: int, end: int) -> AsyncIterator[LoggedEntry]:
        """Yield the entries of a kind with numbers above `after` and below `end`, in the log's order."""
        while True:
            values = {"kind": kind, "after": after, "end": end, "limit": AT_ONCE}
            found = (await self._connection.execute(_ENTRIES, values)).all()
            for row in found:
                yield LoggedEntry(*row)
            if len(found) < AT_ONCE:
                return
            after = found[-1].seq

    async def occurred_at(self, seq: int) -> datetime:
        """Return when the event of an entry occurred. Raises: NoResultFound if the log has no such entry."""
        found = await self._connection.execute(
            text("SELECT occurred_at FROM entries WHERE seq = :seq"), {"seq": seq}
        )
        at: datetime = found.scalar_one()
        return at

    async def _bounds(self, period: Fixed) -> dict[str, object]:
        before = await self.last(below=period.seq)
        return {
            "software": SOFTWARE,
            "by_software": BY_SOFTWARE.encode(),
            "escape": b"\\u",
            "seq": period.seq,
            "until": period.occurred_to,
            "seq_before": -1 if before is None else before.seq,
            "until_before": period.occurred_from if before is None else before.occurred_to,
        }

    async def _find(self, rest: str, **values: object) -> list[Fixed]:
        found = await self._connection.execute(text(f"{_FIXED} {rest}"), values)
        return [Fixed(**row) for row in found.mappings()]


def _by_software(row: Row[Any]) -> bool:
    said = said_in(row.seq, row.content, AttemptSaid)
    return said is not None and said.method == BY_SOFTWARE
