"""Reads of the log by the rules. These entries are not shown to people, so they leave no disclosure."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.rules import Search
from services.audit.store.log import OFF_TIME, Log
from shared.postgres.disclosed_records import PICTURES

_SEEN = text(
    """
    SELECT seq, kind, occurred_at, appended_at, service, person_id, permission, allowed, plates,
        client_address
    FROM entries WHERE seq >= :start ORDER BY seq LIMIT :limit
    """
)
_REFUSED = "NOT allowed AND occurred_at BETWEEN :since AND :until"
_REFUSALS = text(
    f"""
    SELECT coalesce(person_id, 'address ' || client_address) AS subject, occurred_at FROM (
        SELECT person_id, client_address, occurred_at FROM entries
            WHERE allowed = false AND seq + 0 >= :start AND seq + 0 < :end AND {_REFUSED}
        UNION ALL SELECT person_id, client_address, occurred_at FROM entries
            WHERE {OFF_TIME} AND NOT (seq >= :start AND seq < :end) AND {_REFUSED}
        UNION ALL SELECT person_id, client_address, occurred_at FROM old_entries WHERE {_REFUSED}
    ) AS refused
    WHERE person_id = ANY(:people) OR (person_id IS NULL AND client_address = ANY(:addresses))
    """  # noqa: S608 - constants
)
_SEARCHED = "kind = :kind AND permission = ANY(:permissions) AND allowed"
_SEARCHES = f"""
    SELECT person_id, occurred_at, case_number, plates FROM (
        SELECT e.* FROM unnest(CAST(:people AS text[])) AS p (person) CROSS JOIN LATERAL
            (SELECT person_id, occurred_at, case_number, plates FROM entries
            WHERE hashtext(person_id) = hashtext(p.person) AND person_id = p.person
            AND seq + 0 >= :start AND seq + 0 < :end AND {_SEARCHED}) AS e
        UNION ALL SELECT person_id, occurred_at, case_number, plates FROM entries
            WHERE {OFF_TIME} AND NOT (seq >= :start AND seq < :end) AND occurred_at BETWEEN :since AND :until
            AND person_id = ANY(:people) AND {_SEARCHED}
        UNION ALL SELECT person_id, occurred_at, case_number, plates FROM old_entries
            WHERE person_id = ANY(:people) AND occurred_at BETWEEN :since AND :until AND {_SEARCHED}
    ) AS searched
    WHERE occurred_at BETWEEN :since AND :until
"""  # noqa: S608 - constants
_BY_PERSON = text(_SEARCHES)
_OF_PLATES = text(f"{_SEARCHES} AND plates <> '{{}}'")
_SETTLED = text(
    """
    SELECT coalesce(max(seq) + 1, :start) FROM
        (SELECT seq, appended_at FROM entries WHERE seq >= :start ORDER BY seq LIMIT :limit) e
    WHERE appended_at <= :before
    """
)
_GAPS = text(
    """
    SELECT d.seq, d.service, d.attempt_id FROM entries d
    WHERE d.seq >= :start AND d.seq < :end AND d.kind = :disclosed
      AND NOT EXISTS (SELECT 1 FROM both_logs a
          WHERE a.attempt_id = d.attempt_id AND a.kind = 'access.attempted')
    ORDER BY d.seq
    """
)


_SAID = text(
    """
    SELECT seq, occurred_at, appended_at, convert_from(entry, 'UTF8')::jsonb -> 'data' AS said
    FROM entries WHERE seq = ANY(:seqs) ORDER BY seq
    """
)
_CONTRADICTIONS = text(
    """
    SELECT e.seq, e.occurred_at AS at, v.captured_on, opened(v.disclosure) - 'captured_on' AS said,
        CAST(convert_from(e.entry, 'UTF8')::jsonb #>> '{data,count}' AS integer) AS count
    FROM entries e JOIN values_left v ON v.seq = e.seq AND v.name = 'sighting'
    WHERE e.seq = ANY(:seqs) ORDER BY e.seq
    """
)


_DISCLOSED = text(
    """
    WITH shown AS (
        SELECT person_id, CAST(occurred_at AT TIME ZONE 'UTC' AS date) AS day,
            CAST(convert_from(entry, 'UTF8')::jsonb #>> '{data,count}' AS bigint) AS records
        FROM entries e WHERE seq = ANY(:seqs) AND person_id NOT LIKE 'system:%'
          -- A picture counts unless an answer of the same attempt showed its record and offered it.
          AND NOT (convert_from(entry, 'UTF8')::jsonb #>> '{data,record_kind}' = ANY(:pictures)
            AND EXISTS (SELECT FROM entries o WHERE o.attempt_id = e.attempt_id
              AND o.kind = 'records.disclosed'
              AND NOT convert_from(o.entry, 'UTF8')::jsonb #>> '{data,record_kind}' = ANY(:pictures)))
    ), added AS (
        SELECT person_id, day, sum(records) AS records FROM shown GROUP BY 1, 2
    )
    INSERT INTO disclosed_days AS d (person_id, day, records) SELECT * FROM added
    ON CONFLICT (person_id, day) DO UPDATE SET records = d.records + excluded.records
    RETURNING person_id, day, records
    """
)


@dataclass(frozen=True)
class DisclosedDay:
    """The number of records that all services showed to a person on a day (UTC)."""

    person_id: str
    day: date
    records: int


@dataclass(frozen=True)
class SilentDevice:
    """A device that sends no more, from ingest's entry."""

    seq: int
    device_id: str
    name: str
    last_heard_at: str
    at: datetime


@dataclass(frozen=True)
class PolicyStart:
    """A service's start with a policy, from its entry."""

    digest: str
    version: str
    service: str
    at: datetime
    """The time of the append."""


@dataclass(frozen=True)
class AccountChange:
    """A change of an account, from identity's entry."""

    change: str
    account_id: str
    account_number: int | None
    person_id: str
    """The person who made the change."""

    details: dict[str, Any]
    at: datetime
    """The time of the append."""


@dataclass(frozen=True)
class Contradiction:
    """Reads of one device and capture day that contradict each other, from retention's entry."""

    seq: int
    at: datetime
    captured_on: date
    count: int
    said: dict[str, Any]
    """The values of its sealed group: device, reads, plates."""


@dataclass(frozen=True)
class Flood:
    """Refusals of one address within a minute, which a service reports in one entry."""

    service: str
    client_address: str
    route: str
    count: int
    at: datetime


@dataclass(frozen=True)
class Seen:
    """The columns of one entry that the rules need."""

    seq: int
    kind: str
    occurred_at: datetime
    appended_at: datetime
    service: str
    person_id: str | None
    permission: str | None
    allowed: bool | None
    plates: list[str]
    client_address: str | None

    @property
    def subject(self) -> str:
        """The person of the entry; for an unauthenticated request, the client's address."""
        return self.person_id or f"address {self.client_address}"


class Stream:
    """Reads the log for the rules and stores each rule's position."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def cursor(self, name: str) -> int:
        """Return the first entry that a rule has not processed, and lock the position until the transaction ends."""
        await self._connection.execute(
            text("INSERT INTO cursors (name, seq) VALUES (:name, 0) ON CONFLICT DO NOTHING"),
            {"name": name},
        )
        found = await self._connection.execute(
            text("SELECT seq FROM cursors WHERE name = :name FOR UPDATE"), {"name": name}
        )
        return int(found.scalar_one())

    async def advance(self, name: str, seq: int) -> None:
        """Record that the rule has processed all entries before `seq`."""
        await self._connection.execute(
            text("UPDATE cursors SET seq = :seq WHERE name = :name"), {"name": name, "seq": seq}
        )

    async def since(self, start: int, limit: int) -> list[Seen]:
        """Return at most `limit` entries from `start` on, in the log's order."""
        found = await self._connection.execute(_SEEN, {"start": start, "limit": limit})
        return [Seen(**row) for row in found.mappings()]

    async def policy_starts(self, seqs: Sequence[int]) -> list[PolicyStart]:
        """Return the starts with a policy that these entries record."""
        rows = await self._connection.execute(_SAID, {"seqs": list(seqs)})
        return [
            PolicyStart(
                row.said["digest"], row.said["version"], row.said["service"], row.appended_at
            )
            for row in rows
        ]

    async def account_changes(self, seqs: Sequence[int]) -> list[AccountChange]:
        """Return the account changes that these entries record."""
        rows = await self._connection.execute(_SAID, {"seqs": list(seqs)})
        return [
            AccountChange(
                row.said["change"],
                row.said["account_id"],
                row.said.get("account_number"),
                row.said["actor"]["person_id"],
                row.said.get("details", {}),
                row.appended_at,
            )
            for row in rows
        ]

    async def disclosed(self, seqs: Sequence[int]) -> list[DisclosedDay]:
        """Add the records of these disclosures to the sums by person and day; return the new sums.

        Each entry counts once, because the sums and the rule's position commit together.
        """
        values = {"seqs": list(seqs), "pictures": sorted(PICTURES)}
        rows = await self._connection.execute(_DISCLOSED, values)
        return [DisclosedDay(**row) for row in rows.mappings()]

    async def silences(self, seqs: Sequence[int]) -> list[SilentDevice]:
        """Return the silent devices that these entries report."""
        rows = await self._connection.execute(_SAID, {"seqs": list(seqs)})
        return [
            SilentDevice(
                row.seq,
                row.said["device_id"],
                row.said["device_name"],
                row.said["last_heard_at"],
                row.occurred_at,
            )
            for row in rows
        ]

    async def contradictions(self, seqs: Sequence[int]) -> list[Contradiction]:
        """Return the contradictions that these entries report, unless a purge has erased their values."""
        rows = await self._connection.execute(_CONTRADICTIONS, {"seqs": list(seqs)})
        return [Contradiction(**row) for row in rows.mappings()]

    async def floods(self, seqs: Sequence[int]) -> list[Flood]:
        """Return the counted refusals that these entries report."""
        rows = await self._connection.execute(_SAID, {"seqs": list(seqs)})
        return [
            Flood(
                row.said["service"],
                row.said["client_address"],
                row.said.get("route") or row.said["door"],  # version 1 has `door`
                row.said["count"],
                row.occurred_at,
            )
            for row in rows
        ]

    async def refusals(self, of: Sequence[Seen], within: timedelta) -> dict[str, list[datetime]]:
        """Return the times of refusals of each subject of `of`, up to `within` before or after the entries of `of`."""
        found = await self._connection.execute(
            _REFUSALS,
            {
                **await self._around(of, within),
                "people": [s.person_id for s in of if s.person_id is not None],
                "addresses": [s.client_address for s in of if s.client_address is not None],
            },
        )
        times: dict[str, list[datetime]] = defaultdict(list)
        for row in found:
            times[row.subject].append(row.occurred_at)
        return times

    async def searches(
        self,
        of: Sequence[Seen],
        permissions: Collection[str],
        within: timedelta,
        *,
        of_plates: bool,
    ) -> dict[str, list[tuple[Search, list[str]]]]:
        """Return searches by the people of `of`, up to `within` before or after, each with its plates, by person.

        `of` are entries of one kind, at least one; searches are those under `permissions`. With `of_plates`, only
        searches that name a plate or part of one.
        """
        values = {
            **await self._around(of, within),
            "people": list({s.person_id for s in of if s.person_id is not None}),
            "kind": of[0].kind,
            "permissions": sorted(permissions),
        }
        found = await self._connection.execute(_OF_PLATES if of_plates else _BY_PERSON, values)
        searches: dict[str, list[tuple[Search, list[str]]]] = defaultdict(list)
        for row in found:
            search = Search(row.occurred_at, row.case_number)
            searches[row.person_id].append((search, row.plates))
        return searches

    async def settled(self, start: int, before: datetime, limit: int) -> int:
        """Return the number after the last entry from `start` on that was appended up to `before`.

        Considers at most `limit` entries; returns `start` if all of them are newer.
        """
        values = {"start": start, "before": before, "limit": limit}
        found = await self._connection.execute(_SETTLED, values)
        return int(found.scalar_one())

    async def gaps(
        self, start: int, end: int, disclosed: str
    ) -> list[tuple[int, str, UUID | None]]:
        """Return disclosures whose attempt is missing from the log: entry number, service, attempt id."""
        values = {"start": start, "end": end, "disclosed": disclosed}
        found = await self._connection.execute(_GAPS, values)
        return [(row.seq, row.service, row.attempt_id) for row in found]

    async def _around(self, seen: Sequence[Seen], within: timedelta) -> dict[str, Any]:
        times = [s.occurred_at for s in seen]
        since, until = min(times) - within, max(times) + within
        span = await Log(self._connection).span_of(since, until + timedelta(microseconds=1))
        return {"since": since, "until": until, **span._asdict()}
