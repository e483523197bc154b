"""Queries of the log for auditors. Each writes a disclosure of the entries that it returns."""
# ruff: noqa: S608 - statements are put together from names in this file, values are bound

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.problem_codes import Code
from services.audit.domain.sealing import Part, Value, remaining_of
from services.audit.store.log import OFF_TIME, OLD, ROW_COLUMNS, Log, Row, row_of
from services.audit.store.values import Values
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.core.errors import InvalidInput
from shared.core.merkle import Span
from shared.postgres.database import is_timed_out

PLATES_AT_ONCE = 5000
"""The most plates in one disclosure, unless one entry has more. This keeps the event well below a Kafka batch."""

ROWS_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True)
class Query:
    """An auditor's search. An entry matches if it meets each condition that is not None."""

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
    old_log: bool = False
    """Whether to search the log before this one instead."""
    before: int | None = None
    """Only entries with a lower number."""
    limit: int = 100


_EXPORTS_WITH_PLATE = """
    SELECT x.seq FROM entries x WHERE x.kind = 'values.exported' AND
        CASE WHEN convert_from(x.entry, 'UTF8')::jsonb #>> '{data,old_log}' = 'true' THEN EXISTS
            (SELECT FROM old_entries o WHERE o.plates @> ARRAY[CAST(:plate AS text)]
            AND o.plates <> '{}')
        ELSE EXISTS
            (SELECT FROM values_left v WHERE v.plates @> ARRAY[CAST(:plate AS text)]
            AND v.plates <> '{}'
            AND v.seq >= CAST(convert_from(x.entry, 'UTF8')::jsonb #>> '{data,first}' AS bigint)
            AND v.seq < CAST(convert_from(x.entry, 'UTF8')::jsonb #>> '{data,end}' AS bigint))
        END
"""
"""An export with values matches by each plate that remains in the entries it covers."""

_WITH_PLATE = {
    "": f"""
        SELECT o.seq FROM entries o WHERE o.plates @> ARRAY[CAST(:plate AS text)] AND o.plates <> '{{}}'
        UNION ALL SELECT v.seq FROM values_left v
            WHERE v.plates @> ARRAY[CAST(:plate AS text)] AND v.plates <> '{{}}'
        UNION ALL {_EXPORTS_WITH_PLATE}
    """,
    OLD: """
        SELECT o.seq FROM old_entries o
        WHERE o.plates @> ARRAY[CAST(:plate AS text)] AND o.plates <> '{}'
    """,
}
"""The numbers of the entries that name a plate, by the prefix of the log's tables."""


def _equal(column: str, name: str) -> str:
    """Return the condition that `column` equals a text; its index has the text's hash and the entry's number."""
    given = f"CAST(:{name} AS text)"
    if column.startswith("lower("):
        given = f"lower({given})"
    return f"hashtext({column}) = hashtext({given}) AND {column} = {given}"


_CONDITIONS = {
    "person_id": _equal("person_id", "person_id"),
    "person_name": _equal("lower(person_name)", "person_name"),
    "plate": "seq = ANY(ARRAY({with_plate}))",
    "purpose_kind": _equal("purpose_kind", "purpose_kind"),
    "case_number": _equal("case_number", "case_number"),
    "occurred_from": "occurred_at >= :occurred_from",
    "occurred_to": "occurred_at < :occurred_to",
    "kind": _equal("kind", "kind"),
    "allowed": "allowed = :allowed",
    "service": _equal("service", "service"),
    "permission": _equal("permission", "permission"),
    "request_id": "request_id = :request_id",
    "before": "{seq} < :before",
}
_TIMES = ("occurred_from", "occurred_to")
_WALKED = frozenset(
    [
        "person_id",
        "person_name",
        "purpose_kind",
        "case_number",
        "kind",
        "allowed",
        "service",
        "permission",
    ]
)
"""Conditions with an index by their value and `seq + 0`."""


def _page(conditions: Sequence[str], log: str, seq: str) -> str:
    """Return the query for the newest entries that meet all conditions, ordered by the expression `seq`."""
    wanted = " AND ".join(conditions).replace("{seq}", seq) or "true"
    return f"SELECT {ROW_COLUMNS} FROM {log}entries WHERE {wanted} ORDER BY {seq} DESC LIMIT :limit"


def page_of(asked: Collection[str], log: str) -> str:
    """Return the query of a search by the conditions named in `asked`, in the log with this prefix.

    A search by time walks the numbers from `:start` to before `:end`, and adds the few entries outside them that
    occurred long before or after their append. `seq + 0` keeps the planner from a walk of the primary key.
    """
    seq = "seq + 0" if "plate" not in asked and not _WALKED.isdisjoint(asked) else "seq"
    conditions = [
        condition.replace("{with_plate}", _WITH_PLATE[log])
        for name, condition in _CONDITIONS.items()
        if name in asked
    ]
    times = [_CONDITIONS[name] for name in _TIMES if name in asked]
    if not times:
        return _page(conditions, log, seq)
    off_time = f"SELECT l.seq FROM {log}entries l WHERE {OFF_TIME} AND {' AND '.join(times)}"
    outside = f"seq = ANY(ARRAY({off_time})) AND NOT (seq >= :start AND seq < :end)"
    within = _page([*conditions, "{seq} >= :start", "{seq} < :end"], log, seq)
    beyond = _page([*conditions, outside], log, "seq")
    return f"({within}) UNION ALL ({beyond}) ORDER BY seq DESC LIMIT :limit"


class Entries:
    """The queries of the log on behalf of people."""

    def __init__(self, connection: AsyncConnection, *, timeout_s: float = 15) -> None:
        """`timeout_s`: the time limit of a search's query."""
        self._connection = connection
        self._timeout_s = timeout_s

    async def search(self, grant: Grant, query: Query) -> list[Row]:
        """Return the entries that match, newest first, and record their disclosure.

        Raises: InvalidInput if the query exceeds the time limit.
        """
        try:
            rows = await self._matching(query)
        except DBAPIError as exc:
            if is_timed_out(exc):
                raise InvalidInput(Code.LOG_SEARCH_TOO_SLOW, field="body.occurred_from") from None
            raise
        if not query.old_log:
            rows = await self._with_values(rows)
        await self._disclose(grant, rows)
        return rows

    async def _matching(self, query: Query) -> list[Row]:
        timeout_ms = int(self._timeout_s * 1000)
        await self._connection.execute(text(f"SET LOCAL statement_timeout = {timeout_ms}"))
        # The rarest of several values has the shortest walk; a plan for any values cannot know it.
        await self._connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
        asked = {name: value for name, value in vars(query).items() if value is not None}
        log = OLD if asked.pop("old_log") else ""
        if not asked.keys().isdisjoint(_TIMES):
            span = await Log(self._connection, log).span_of(query.occurred_from, query.occurred_to)
            asked |= span._asdict()
        found = await self._connection.execute(text(page_of(asked, log)), asked)
        rows = [row_of(row) for row in found]
        await self._connection.execute(text("SET LOCAL statement_timeout = DEFAULT"))
        return rows

    async def get(self, grant: Grant, seq: int, *, old_log: bool = False) -> Row | None:
        """Return one entry and record its disclosure. None if the log has no entry `seq`."""
        rows = await self._disclosed(grant, "WHERE seq = :seq", {"seq": seq}, old_log=old_log)
        return rows[0] if rows else None

    async def numbered(
        self, grant: Grant, numbers: Sequence[int], *, old_log: bool = False
    ) -> list[Row]:
        """Return the entries with these numbers, by number, and record their disclosure."""
        rest = "WHERE seq = ANY(:numbers) ORDER BY seq"
        return await self._disclosed(grant, rest, {"numbers": list(numbers)}, old_log=old_log)

    async def _disclosed(
        self, grant: Grant, rest: str, values: dict[str, Any], *, old_log: bool
    ) -> list[Row]:
        found = await self._connection.execute(_select(rest, old_log=old_log), values)
        rows = [row_of(row) for row in found]
        if not old_log:
            rows = await self._with_values(rows)
        await self._disclose(grant, rows)
        return rows

    async def _with_values(self, rows: Sequence[Row]) -> list[Row]:
        """Return the entries with their remaining groups and their erasures."""
        if not rows:
            return []
        seqs = [row.seq for row in rows]
        stored = Values(self._connection)
        values = await stored.of(seqs)
        erased = await stored.erased_of(seqs)
        return [
            replace(row, values=values.get(row.seq, ()), erased=erased.get(row.seq, ()))
            for row in rows
        ]

    async def of_person(
        self, person_id: str, kinds: Sequence[str], since: datetime, until: datetime
    ) -> AsyncIterator[Row]:
        """Yield a person's entries of these kinds from `since` to before `until`, those of the old log first.

        Within a log they come by time. The caller records the disclosure.
        """
        values = {"person_id": person_id, "kinds": list(kinds), "since": since, "until": until}
        for old_log in (True, False):
            rest = (
                f"WHERE {_CONDITIONS['person_id']} AND kind = ANY(:kinds)"
                " AND occurred_at >= :since AND occurred_at < :until ORDER BY occurred_at, seq"
            )
            async with self._connection.stream(_select(rest, old_log=old_log), values) as found:
                async for rows in found.partitions(ROWS_AT_ONCE):
                    page = [row_of(row) for row in rows]
                    for row in page if old_log else await self._with_values(page):
                        yield row

    async def exported(self, row: Row) -> AsyncIterator[Value]:
        """Yield the remaining values of the entries that an export covered. The caller records the disclosure."""
        export = msgspec.json.decode(row.content)["data"]
        if export.get("old_log"):
            return
        stored = Values(self._connection)
        for start in range(export["first"], export["end"], ROWS_AT_ONCE):
            end = min(start + ROWS_AT_ONCE, export["end"])
            for values in (await stored.of_span(start, end)).values():
                for value in values:
                    yield value

    async def erased_of_exported(self, row: Row) -> int:
        """Return how many groups and records of the values that an export contained are erased since.

        None is left to tell of the log before this one once that is destroyed: its entries count.
        """
        export = msgspec.json.decode(row.content)["data"]
        span = Span(export["first"], export["end"])
        if export.get("old_log"):
            return 0 if await Log(self._connection, OLD).size() else span.end - span.start
        return await Values(self._connection).erased_after(row.seq, *span)

    async def exported_of_old(self, row: Row) -> AsyncIterator[Row]:
        """Yield the entries of the log before this one that an export covered. The caller records the disclosure."""
        export = msgspec.json.decode(row.content)["data"]
        if export.get("old_log"):
            async for rows in Log(self._connection, OLD).rows(Span(export["first"], export["end"])):
                for one in rows:
                    yield one

    async def disclose_span(
        self, grant: Grant, start: int, end: int, *, values: bool = False, old_log: bool = False
    ) -> None:
        """Record the disclosure of the entries from `start` to before `end`.

        It counts as one record; with `values`, as many as the entries' remaining values hold. In the log before
        this one each entry counts as a record, because any of them may hold a sighting in plaintext.
        """
        ids = [f"{start}-{end - 1}"] if end > start else []
        kind = "old_audit_entries" if old_log else "audit_entries"
        holds = 1
        if old_log:
            holds = end - start
        elif values:
            holds = max(1, await Values(self._connection).count_records(start, end))
        disclosed = [Disclosed(record_id=span, holds=holds) for span in ids]
        await disclose(self._connection, grant, kind, disclosed)

    async def disclose_report(
        self, grant: Grant, person_id: str, disclosed: Sequence[Disclosed]
    ) -> None:
        """Record the disclosure of a breach report: the records that a person reached."""
        for start in range(0, max(1, len(disclosed)), PLATES_AT_ONCE):
            some = disclosed[start : start + PLATES_AT_ONCE] or [Disclosed(record_id=person_id)]
            for few in _few(some):
                await disclose(self._connection, grant, "breach_report", few)

    async def _disclose(self, grant: Grant, rows: Sequence[Row]) -> None:
        """Record the disclosure of `rows`, in several events if one would be too large for Kafka."""
        for some in _portions(rows):
            disclosed = [one for row in some for one in _disclosed_of(row)]
            for few in _few(disclosed):
                await disclose(self._connection, grant, "audit_entry", few)


def _select(rest: str, *, old_log: bool) -> TextClause:
    return text(f"SELECT {ROW_COLUMNS} FROM {OLD if old_log else ''}entries {rest}")


def _disclosed_of(row: Row) -> Iterator[Disclosed]:
    """Yield the disclosure of an entry: first its own plates, then each record of its groups.

    A purge can thus erase from the disclosure the same records as from the entry.
    """
    remaining = [
        (value, part) for value in row.values for part in remaining_of(value) if part.plates
    ]
    if row.found.plates or not remaining:
        yield Disclosed(record_id=row.seq, plates=row.found.plates)
    for value, part in remaining:
        yield disclosed_part(row.seq, value, part)


def disclosed_part(record_id: object, value: Value, part: Part) -> Disclosed:
    """Return the disclosure of one part of a group, sealed under the day of its capture."""
    return Disclosed(
        record_id=record_id,
        captured=value.captured_on if value.sighting else None,
        plates=part.plates,
        read_ids=part.read_ids,
    )


def _portions(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Yield `rows` in runs of about `PLATES_AT_ONCE` plates at most; one empty run for no rows."""
    start = count = 0
    for place, row in enumerate(rows):
        if count and count + len(row.plates) > PLATES_AT_ONCE:
            yield rows[start:place]
            start, count = place, 0
        count += len(row.plates)
    yield rows[start:]


def _few(disclosed: Sequence[Disclosed]) -> Iterator[Sequence[Disclosed]]:
    """Yield them in one run, after what one of them has beyond `PLATES_AT_ONCE` plates or reads, piece by piece.

    Only an odd event of a service names so many. Its first piece alone counts as a record.
    """
    whole = list[Disclosed]()
    for one in disclosed:
        plates, read_ids = [*one.plates], [*one.read_ids]
        whole.append(
            replace(one, plates=plates[:PLATES_AT_ONCE], read_ids=read_ids[:PLATES_AT_ONCE])
        )
        for start in range(PLATES_AT_ONCE, max(len(plates), len(read_ids)), PLATES_AT_ONCE):
            end = start + PLATES_AT_ONCE
            yield [replace(one, plates=plates[start:end], read_ids=read_ids[start:end], holds=0)]
    yield whole
