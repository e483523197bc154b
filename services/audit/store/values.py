"""The sealed values beside the log, the keys of their salts, and the record of erased values.

A purge's values are listed in pieces, logged with the list, and deleted in pieces (ADR-0060). Queries read
`values_left`, which has no value of a logged list, deleted or not.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.sealing import Value
from services.audit.store.packed import VALUE_COLUMNS

_SELECT = f"SELECT {', '.join(VALUE_COLUMNS)} FROM values_left"  # noqa: S608 - constants
_OF_ENTRIES = text(f"{_SELECT} WHERE seq = ANY(:seqs) ORDER BY seq, name")
_OF_SPAN = text(f"{_SELECT} WHERE seq >= :start AND seq < :end ORDER BY seq, name")
_BEYOND = text(
    "SELECT v.seq, v.name FROM values_left v"
    " WHERE NOT EXISTS (SELECT FROM entries e WHERE e.seq = v.seq) ORDER BY v.seq LIMIT 100"
)
_KEYS = text(
    "SELECT DISTINCT ON (day) day, number, sealed FROM day_keys WHERE day = ANY(:days)"
    " ORDER BY day, number DESC"
)
_ADD_KEY = text(
    "INSERT INTO day_keys (day, number, sealed) VALUES (:day, :number, :sealed)"
    " ON CONFLICT DO NOTHING"
)
_EPOCH = text("SELECT count(*) FROM erasures")
_ERASED = text(
    """
    SELECT e.seq, e.name, e.places, x.purged_event, x.erased_event, x.run_id,
        coalesce(x.certificate_sha256, '') AS certificate_sha256
    FROM erased e JOIN erasures x USING (purged_event)
    WHERE e.seq >= :start AND e.seq < :end ORDER BY e.seq
    """
)
_ERASURES = text(
    "SELECT purged_event, erased_event, run_id, list_sha256,"
    " coalesce(certificate_sha256, '') AS certificate_sha256 FROM erasures ORDER BY erased_at, purged_event"
)
_LINES = text(
    "SELECT seq, name, places FROM erased WHERE purged_event = :purged ORDER BY seq, name"
)
_BEFORE = text(
    "SELECT purged_event, r.seq, r.name, r.places FROM erased r JOIN erasures x USING (purged_event)"
    " JOIN entries e ON e.event_id = x.erased_event AND e.seq >= :start"
    " WHERE r.seq < :start ORDER BY purged_event, r.seq, r.name"
)
_ERASED_AFTER = text(
    "SELECT coalesce(sum(coalesce(cardinality(r.places), 1)), 0) FROM erased r"
    " JOIN erasures x USING (purged_event) JOIN entries e ON e.event_id = x.erased_event AND e.seq > :after"
    " WHERE r.seq >= :start AND r.seq < :end"
)
_ERASED_BEYOND = text(
    "SELECT EXISTS (SELECT FROM erasures x WHERE NOT EXISTS"
    " (SELECT FROM entries e WHERE e.event_id = x.erased_event AND e.seq < :end))"
)

_PENDING = text(
    "SELECT seq, event_id, entry AS content, appended_at FROM entries e WHERE kind = 'records.purged'"
    " AND NOT EXISTS (SELECT FROM erasures x WHERE x.purged_event = e.event_id) ORDER BY seq"
)
_OF_DAY = text(
    """
    SELECT DISTINCT reads_of(opened(p.disclosure)) FROM values_left v
    CROSS JOIN LATERAL unnest(coalesce(v.records, ARRAY[v.disclosure])) AS p (disclosure)
    WHERE v.sighting AND v.captured_on = :day AND p.disclosure IS NOT NULL
    """
)
_LIST = text("SELECT list_erased(:purged, CAST(:held AS text[]), CAST(:gone AS text[]), :most)")
_LOGGED = text("SELECT purged_event FROM erasings WHERE logged ORDER BY purged_event")
_DELETE = text("SELECT delete_erased(:purged, :most)")
_ERASE = text(
    "SELECT * FROM erase_values(:purged, :erasing, CAST(:held AS text[]), CAST(:gone AS text[]))"
)


@dataclass(frozen=True)
class Pending:
    """A `records.purged` entry whose values are still to be erased."""

    seq: int
    event_id: UUID
    content: bytes
    appended_at: datetime


@dataclass(frozen=True)
class Done:
    """The result of one erasing. `captured_from` and `captured_to` are None if it erased no value."""

    list_sha256: bytes
    certificate_sha256: bytes
    erased_groups: int
    erased_records: int
    captured_from: date | None
    captured_to: date | None


@dataclass(frozen=True)
class StoredKey:
    """The newest key of a day; `sealed` is None once the key is destroyed."""

    day: date
    number: int
    sealed: bytes | None


@dataclass(frozen=True)
class Erased:
    """The erased portion of one group: the records at `places`, or the whole group if `places` is None."""

    seq: int
    name: str
    places: frozenset[int] | None
    purged_event: UUID
    erased_event: UUID
    run_id: UUID
    certificate_sha256: bytes
    """The SHA-256 of the run's certificate of destruction."""

    @property
    def line(self) -> str:
        """The group's line in the list whose SHA-256 the `values.erased` entry holds."""
        return erased_line(self.seq, self.name, self.places)


def erased_line(seq: int, name: str, places: Iterable[int] | None) -> str:
    """Return the list's line for a group: with the erased `places`, or without places if the whole group is erased."""
    listed = "" if places is None else f" {','.join(map(str, sorted(places)))}"
    return f"{seq} {name}{listed}\n"


@dataclass(frozen=True)
class Erasure:
    """The stored row of one erasing, to compare with the erasing's entry in the log."""

    purged_event: UUID
    erased_event: UUID
    run_id: UUID
    list_sha256: bytes
    certificate_sha256: bytes


class Values:
    """The only code that touches sealed values and their keys."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_month(self, day: date) -> None:
        """Create the table for the values of the month of `day` unless it exists."""
        await self._connection.execute(text("SELECT add_values_month(:day)"), {"day": day})

    async def newest_keys(self, days: Iterable[date]) -> dict[date, StoredKey]:
        """Return the newest key of each of these days that has a key."""
        found = await self._connection.execute(_KEYS, {"days": list(days)})
        return {row.day: StoredKey(row.day, row.number, row.sealed) for row in found}

    async def add_key(self, key: StoredKey) -> None:
        """Store a new key unless another process already stored one of the same day and number."""
        await self._connection.execute(_ADD_KEY, vars(key))

    async def epoch(self) -> int:
        """Return the number of erasings. Once it grows, a key from an earlier query may be destroyed."""
        return int((await self._connection.execute(_EPOCH)).scalar_one())

    async def pending(self) -> list[Pending]:
        """Return the purges whose values are still to be erased, in the log's order."""
        return [Pending(**row) for row in (await self._connection.execute(_PENDING)).mappings()]

    async def certificate(self, run_id: UUID) -> bytes | None:
        """Return the SHA-256 of a run's certificate of destruction; None until the log holds the certificate."""
        found = await self._connection.execute(
            text("SELECT certificate_of(:run)"), {"run": str(run_id)}
        )
        digest = found.scalar_one()
        return None if digest is None else bytes(digest)

    async def reads_of_day(self, before: datetime) -> set[str]:
        """Return the digests of reads and captures in the values of the UTC day of `before`."""
        day = before.astimezone(UTC).date()
        found = (await self._connection.execute(_OF_DAY, {"day": day})).scalars()
        return {digest for digest in found if digest is not None}  # a disclosure may name no record

    async def list_erased(
        self, purged: UUID, held: Sequence[str], gone: Sequence[str], most: int
    ) -> bool:
        """List what the purge of entry `purged` erases of the next `most` groups; return whether more groups follow.

        Nothing acts on the list before `erase`. Returns False if that was done before.
        """
        if await self._is_erased(purged):
            return False
        values = {"purged": purged, "held": list(held), "gone": list(gone), "most": most}
        try:
            async with self._connection.begin_nested():
                return bool((await self._connection.execute(_LIST, values)).scalar_one())
        except IntegrityError:
            if await self._is_erased(purged):  # another worker was first, since the question above
                return False
            raise

    async def logged(self) -> list[UUID]:
        """Return the entries of the purges whose erasing is logged and whose values are not all deleted."""
        return list((await self._connection.execute(_LOGGED)).scalars())

    async def delete_erased(self, purged: UUID, most: int) -> bool:
        """Delete the next `most` listed values of a logged erasing; return whether more follow."""
        values = {"purged": purged, "most": most}
        return bool((await self._connection.execute(_DELETE, values)).scalar_one())

    async def _is_erased(self, purged: UUID) -> bool:
        known = await self._connection.execute(
            text("SELECT 1 FROM erasures WHERE purged_event = :purged"), {"purged": purged}
        )
        return known.first() is not None

    async def erase(
        self, purged: UUID, erasing: UUID, held: Sequence[str], gone: Sequence[str]
    ) -> Done | None:
        """Erase the values of the records that the purge of entry `purged` destroyed; None if this was done before.

        From the commit on the values are gone for every query; `delete_erased` then deletes their rows. The
        transaction commits only with a `values.erased` entry of event id `erasing`.
        """
        if await self._is_erased(purged):
            return None
        values = {"purged": purged, "erasing": erasing, "held": list(held), "gone": list(gone)}
        row = (await self._connection.execute(_ERASE, values)).mappings().one()
        return Done(**row)

    async def of(self, seqs: Sequence[int]) -> dict[int, list[Value]]:
        """Return the remaining values of these entries, by entry number."""
        return _by_entry(await self._connection.execute(_OF_ENTRIES, {"seqs": list(seqs)}))

    async def of_span(self, start: int, end: int) -> dict[int, list[Value]]:
        """Return the remaining values of the entries from `start` to before `end`, by entry number."""
        return _by_entry(await self._connection.execute(_OF_SPAN, {"start": start, "end": end}))

    async def beyond(self) -> list[tuple[int, str]]:
        """Return the first hundred values whose entry is missing: entry number and group name."""
        found = await self._connection.execute(_BEYOND)
        return [(row.seq, row.name) for row in found]

    async def erased(self, start: int, end: int) -> dict[tuple[int, str], list[Erased]]:
        """Return the erasures of the entries from `start` to before `end`, by entry number and group name."""
        found = await self._connection.execute(_ERASED, {"start": start, "end": end})
        erased = defaultdict[tuple[int, str], list[Erased]](list)
        for row in found:
            places = None if row.places is None else frozenset(row.places)
            one = Erased(**{**row._mapping, "places": places})
            erased[one.seq, one.name].append(one)
        return erased

    async def erased_of(self, seqs: Sequence[int]) -> dict[int, list[Erased]]:
        """Return the erasures of these entries, by entry number. `seqs` has at least one number."""
        found = await self.erased(min(seqs), max(seqs) + 1)
        wanted, erased = set(seqs), defaultdict[int, list[Erased]](list)
        for ones in found.values():
            for one in ones:
                if one.seq in wanted:
                    erased[one.seq].append(one)
        return erased

    async def erasures(self) -> list[Erasure]:
        """Return every erasing on record."""
        return [Erasure(**row) for row in (await self._connection.execute(_ERASURES)).mappings()]

    async def lines(self, erasure: Erasure) -> AsyncIterator[str]:
        """Yield the lines of an erasing's list, in the list's order."""
        async with self._connection.stream(_LINES, {"purged": erasure.purged_event}) as found:
            async for row in found:
                places = None if row.places is None else frozenset(row.places)
                yield erased_line(row.seq, row.name, places)

    async def lines_before(self, start: int) -> AsyncIterator[tuple[UUID, str]]:
        """Yield erasures of entries before `start` whose `values.erased` entry is at `start` or later.

        Each is the event id of the purge's entry and the line of the erasing's list.
        """
        async with self._connection.stream(_BEFORE, {"start": start}) as found:
            async for row in found:
                yield row.purged_event, erased_line(row.seq, row.name, row.places)

    async def erased_after(self, seq: int, start: int, end: int) -> int:
        """Return the number of groups and records of the entries from `start` to before `end` erased after entry `seq`.

        A group that was erased whole counts as one.
        """
        values = {"after": seq, "start": start, "end": end}
        return int((await self._connection.execute(_ERASED_AFTER, values)).scalar_one())

    async def erased_beyond(self, end: int) -> bool:
        """Return True if an erasing's entry is missing from the log's first `end` entries."""
        return bool((await self._connection.execute(_ERASED_BEYOND, {"end": end})).scalar_one())

    async def count(self, start: int, end: int) -> int:
        """Return the number of groups, whole or in part, that remain of the entries from `start` to before `end`."""
        found = await self._connection.execute(
            text("SELECT count(*) FROM values_left WHERE seq >= :start AND seq < :end"),
            {"start": start, "end": end},
        )
        return int(found.scalar_one())

    async def count_records(self, start: int, end: int) -> int:
        """Return the number of records in those groups; a group without records counts as one."""
        found = await self._connection.execute(
            text(
                "SELECT coalesce(sum(coalesce(cardinality(array_remove(records, NULL)), 1)), 0)"
                " FROM values_left WHERE seq >= :start AND seq < :end"
            ),
            {"start": start, "end": end},
        )
        return int(found.scalar_one())


def _by_entry(found: Iterable[Any]) -> dict[int, list[Value]]:
    values = defaultdict[int, list[Value]](list)
    for row in found:
        values[row.seq].append(value_of_row(row._mapping))
    return values


def value_of_row(row: Mapping[str, Any]) -> Value:
    """Return a database row of `VALUE_COLUMNS` as a `Value`."""
    return Value(**{name: row[name] for name in VALUE_COLUMNS if name != "seq"})
