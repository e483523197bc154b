"""The log as auditors see it. Whoever is shown an entry leaves one."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.store.log import ROW_COLUMNS, Row, row_of
from shared.access import Grant, Shown, disclose

PLATES_AT_ONCE = 5000
"""One disclosure names at most about so many plates: an event stays well under a Kafka batch."""

_SELECT = f"SELECT {ROW_COLUMNS} FROM entries"  # noqa: S608 - constants


@dataclass(frozen=True, kw_only=True)
class Query:
    """What an auditor asks for; None is anything."""

    person_id: str | None = None
    person_name: str | None = None
    plate: str | None = None
    purpose_kind: str | None = None
    case_number: str | None = None
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None
    kind: str | None = None
    allowed: bool | None = None
    service: str | None = None
    permission: str | None = None
    request_id: str | None = None
    before: int | None = None
    """Entries with a lower number than this."""
    limit: int = 100


_CONDITIONS = {
    "person_id": "person_id = :person_id",
    "person_name": "lower(person_name) = lower(:person_name)",
    "plate": "plates @> ARRAY[CAST(:plate AS text)] AND plates <> '{}'",
    "purpose_kind": "purpose_kind = :purpose_kind",
    "case_number": "case_number = :case_number",
    "occurred_from": "occurred_at >= :occurred_from",
    "occurred_to": "occurred_at < :occurred_to",
    "kind": "kind = :kind",
    "allowed": "allowed = :allowed",
    "service": "service = :service",
    "permission": "permission = :permission",
    "request_id": "request_id = :request_id",
    "before": "seq < :before",
}


class Entries:
    """Reads of the log by people."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def search(self, grant: Grant, query: Query) -> list[Row]:
        """Return the entries that fit, newest first, and record that they were shown."""
        asked = {name: value for name, value in vars(query).items() if value is not None}
        conditions = [_CONDITIONS[name] for name in asked if name in _CONDITIONS] or ["true"]
        statement = f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT :limit"
        found = await self._connection.execute(text(statement), asked)
        rows = [row_of(row) for row in found]
        await self._disclose(grant, rows)
        return rows

    async def get(self, grant: Grant, seq: int) -> Row | None:
        """Return one entry and record that it was shown."""
        found = await self._connection.execute(text(f"{_SELECT} WHERE seq = :seq"), {"seq": seq})
        rows = [row_of(row) for row in found]
        await self._disclose(grant, rows)
        return rows[0] if rows else None

    async def numbered(self, grant: Grant, numbers: Sequence[int]) -> list[Row]:
        """Return the entries with these numbers, in order, and record that they were shown."""
        found = await self._connection.execute(
            text(f"{_SELECT} WHERE seq = ANY(:numbers) ORDER BY seq"), {"numbers": list(numbers)}
        )
        rows = [row_of(row) for row in found]
        await self._disclose(grant, rows)
        return rows

    async def of_person(
        self, person_id: str, kinds: Sequence[str], since: datetime, until: datetime
    ) -> AsyncIterator[Row]:
        """Yield a person's entries of some kinds in a period, oldest first; the caller discloses."""
        statement = text(
            f"{_SELECT} WHERE person_id = :person_id AND kind = ANY(:kinds)"
            " AND occurred_at >= :since AND occurred_at < :until ORDER BY occurred_at, seq"
        )
        values = {"person_id": person_id, "kinds": list(kinds), "since": since, "until": until}
        async with self._connection.stream(statement, values) as found:
            async for row in found:
                yield row_of(row)

    async def population(self, kind: str, since: datetime, until: datetime, size: int) -> list[int]:
        """Return the numbers of allowed entries of a kind in a period and a log of `size`, in order."""
        found = await self._connection.execute(
            text(
                "SELECT seq FROM entries WHERE kind = :kind AND allowed AND seq < :size"
                " AND occurred_at >= :since AND occurred_at < :until ORDER BY seq"
            ),
            {"kind": kind, "since": since, "until": until, "size": size},
        )
        return [int(seq) for seq in found.scalars()]

    async def disclose_span(self, grant: Grant, start: int, end: int) -> None:
        """Record that the entries of a whole span were shown."""
        ids = [f"{start}-{end - 1}"] if end > start else []
        await disclose(
            self._connection, grant, "audit_entries", [Shown(record_id=span) for span in ids]
        )

    async def disclose_report(self, grant: Grant, person_id: str, plates: Iterable[str]) -> None:
        """Record that it was shown what a person reached."""
        ordered = sorted(plates)
        for start in range(0, max(1, len(ordered)), PLATES_AT_ONCE):
            some = ordered[start : start + PLATES_AT_ONCE]
            shown = Shown(record_id=person_id, plates=some)
            await disclose(self._connection, grant, "breach_report", [shown])

    async def _disclose(self, grant: Grant, rows: Sequence[Row]) -> None:
        """Record that `rows` were shown, in as many events as keep each of a size that Kafka takes."""
        for some in _portions(rows):
            shown = [Shown(record_id=row.seq, plates=row.found.plates) for row in some]
            await disclose(self._connection, grant, "audit_entry", shown)


def _portions(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Yield `rows` in runs with not too many plates each; one empty run when there are none."""
    start = count = 0
    for place, row in enumerate(rows):
        if count and count + len(row.found.plates) > PLATES_AT_ONCE:
            yield rows[start:place]
            start, count = place, 0
        count += len(row.found.plates)
    yield rows[start:]
