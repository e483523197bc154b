"""Reads of the log by the rules. These entries are not shown to people, so they leave no disclosure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic
from uuid import UUID

import msgspec
from msgspec import structs
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.entries import kind_of
from services.audit.domain.rules import Act
from services.audit.domain.sealing import opened
from services.audit.store.log import OF_KIND, OFF_TIME, Log
from services.audit.store.said import (
    AccountSaid,
    ContradictionSaid,
    DisclosedSaid,
    Disclosure,
    FloodSaid,
    PolicySaid,
    Said,
    SilenceSaid,
    disclosure_in,
    is_disclosed_search,
    said_in,
)
from services.audit.store.searches import Searches
from shared.events import Event, RecordsDisclosed
from shared.postgres.database import driver_of
from shared.postgres.disclosed_records import PICTURES

_DISCLOSED_KIND = kind_of(RecordsDisclosed)

_SEEN = """
    SELECT seq, kind, occurred_at, appended_at, service, person_id, permission, allowed, case_number, plates,
        client_address, attempt_id, CASE WHEN kind = $3 THEN entry END AS content
    FROM entries WHERE seq >= $1 ORDER BY seq LIMIT $2
"""
_REFUSED = "NOT allowed AND occurred_at >= :since"
_REFUSALS = text(
    f"""
    SELECT coalesce(person_id, 'address ' || client_address) AS subject, occurred_at FROM (
        SELECT person_id, client_address, occurred_at FROM entries
            WHERE allowed = false AND seq + 0 >= :start AND seq + 0 < :end AND {_REFUSED}
        UNION ALL SELECT person_id, client_address, occurred_at FROM entries
            WHERE {OFF_TIME} AND seq < least(:start, :end) AND {_REFUSED}
        UNION ALL SELECT person_id, client_address, occurred_at FROM old_entries WHERE {_REFUSED}
    ) AS refused
    WHERE person_id IS NOT NULL OR client_address IS NOT NULL ORDER BY occurred_at
    """  # noqa: S608 - constants
)
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
    SELECT seq, occurred_at, appended_at, entry
    FROM entries WHERE seq = ANY(:seqs) ORDER BY seq
    """
)
_NEWEST = text(f"SELECT seq FROM entries WHERE {OF_KIND} ORDER BY seq + 0 DESC LIMIT 1")  # noqa: S608 - a constant
_CONTRADICTIONS = text(
    """
    SELECT e.seq, e.occurred_at, e.entry, v.captured_on, v.disclosure
    FROM entries e JOIN values_left v ON v.seq = e.seq AND v.name = 'sighting'
    WHERE e.seq = ANY(:seqs) ORDER BY e.seq
    """
)


_ANSWERED = text(
    """
    SELECT attempt_id, seq, entry FROM entries
    WHERE attempt_id = ANY(:attempts) AND kind = 'records.disclosed' ORDER BY seq
    """
)
_DISCLOSED = text(
    """
    INSERT INTO disclosed_days AS d (person_id, day, records)
    SELECT * FROM unnest(CAST(:people AS text[]), CAST(:days AS date[]), CAST(:records AS bigint[]))
    ON CONFLICT (person_id, day) DO UPDATE SET records = d.records + excluded.records
    RETURNING person_id, day, records
    """
)


PersonDay = tuple[str, date]
"""A person and a day (UTC)."""


@dataclass(frozen=True)
class Statement(Generic[Said]):
    """What an entry says."""

    seq: int
    at: datetime
    content: Said


@dataclass(frozen=True)
class SilentDevice:
    """A device that sends no more, or late data only, from ingest's entry."""

    seq: int
    device_id: str
    name: str
    last_heard_at: str
    late_since: str | None
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

    seq: int
    service: str
    client_address: str
    route: str
    count: int
    at: datetime


class Seen(msgspec.Struct, frozen=True, gc=False):
    """The columns of one entry that the rules need."""

    seq: int
    kind: str
    occurred_at: datetime
    appended_at: datetime
    service: str
    person_id: str | None
    permission: str | None
    allowed: bool | None
    case_number: str | None
    plates: list[str]
    """Those of the entry; for a look at what a hold keeps, the sealed ones too."""
    client_address: str | None
    attempt_id: UUID | None
    content: bytes | None
    """The entry if it is a disclosure."""

    @property
    def subject(self) -> str:
        """The person of the entry; for an unauthenticated request, the client's address."""
        return self.person_id or f"address {self.client_address}"

    @property
    def disclosure(self) -> Disclosure:
        """What the entry discloses: nothing if it is no valid disclosure."""
        return disclosure_in(self.content)


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
        driver = await driver_of(self._connection)
        seen = [Seen(*row) for row in await driver.fetch(_SEEN, start, limit, _DISCLOSED_KIND)]
        sealed = await Searches(self._connection).sealed_plates(
            [s.seq for s in seen if is_disclosed_search(s.content)]
        )
        return [
            structs.replace(s, plates=[*s.plates, *sealed[s.seq]]) if s.seq in sealed else s
            for s in seen
        ]

    async def policy_starts(self, seqs: Sequence[int]) -> list[PolicyStart]:
        """Return the starts with a policy that these entries record."""
        return [
            PolicyStart(said.digest, said.version, said.service, row.appended_at)
            for row, said in await self._found(seqs, PolicySaid)
        ]

    async def account_changes(self, seqs: Sequence[int]) -> list[AccountChange]:
        """Return the account changes that these entries record."""
        return [
            AccountChange(
                said.change,
                said.account_id,
                said.account_number,
                said.actor.person_id,
                said.details,
                row.appended_at,
            )
            for row, said in await self._found(seqs, AccountSaid)
        ]

    async def answered(self, attempts: Collection[UUID]) -> dict[UUID, int]:
        """Return the first entry of each of these attempts that discloses records, and not pictures of records."""
        first: dict[UUID, int] = {}
        for row in await self._connection.execute(_ANSWERED, {"attempts": list(attempts)}):
            if row.attempt_id in first:
                continue
            said = said_in(row.seq, row.entry, DisclosedSaid)
            if said is not None and said.record_kind not in PICTURES:
                first[row.attempt_id] = row.seq
        return first

    async def add_disclosed(self, added: Mapping[PersonDay, int]) -> dict[PersonDay, int]:
        """Add these records to the sums by person and day; return the new sums.

        Each entry counts once, because the sums and the rule's position commit together.
        """
        values = {
            "people": [person_id for person_id, _ in added],
            "days": [day for _, day in added],
            "records": [*added.values()],
        }
        rows = await self._connection.execute(_DISCLOSED, values)
        return {(row.person_id, row.day): row.records for row in rows}

    async def silences(self, seqs: Sequence[int]) -> list[SilentDevice]:
        """Return the silent devices that these entries report, and those of which all came late."""
        return [
            SilentDevice(
                row.seq,
                said.device_id,
                said.device_name,
                said.last_heard_at,
                said.late_since,
                row.occurred_at,
            )
            for row, said in await self._found(seqs, SilenceSaid)
        ]

    async def contradictions(self, seqs: Sequence[int]) -> list[Contradiction]:
        """Return the contradictions that these entries report, unless a purge has erased their values."""
        found = []
        for row in await self._connection.execute(_CONTRADICTIONS, {"seqs": list(seqs)}):
            about = opened(row.disclosure)[-1]
            said = said_in(row.seq, row.entry, ContradictionSaid)
            if said is None or not isinstance(about, dict) or "device_id" not in about:
                continue
            about.pop("captured_on", None)
            at, day = row.occurred_at, row.captured_on
            found.append(Contradiction(row.seq, at, day, said.count, about))
        return found

    async def floods(self, seqs: Sequence[int]) -> list[Flood]:
        """Return the counted refusals that these entries report."""
        return [
            Flood(
                row.seq,
                said.service,
                said.client_address,
                said.route or said.route_of_version_1,
                said.count,
                row.occurred_at,
            )
            for row, said in await self._found(seqs, FloodSaid)
        ]

    async def said(self, seqs: Sequence[int], kind: type[Said]) -> list[Statement[Said]]:
        """Return what these entries say as `kind`, without those whose body has another shape."""
        found = await self._found(seqs, kind) if seqs else []
        return [Statement(row.seq, row.occurred_at, said) for row, said in found]

    async def newest(self, event: type[Event], kind: type[Said]) -> Statement[Said] | None:
        """Return what the newest entry of a type of event says; None without one of its shape."""
        found = await self._connection.execute(_NEWEST, {"kind": kind_of(event)})
        said = await self.said(list(found.scalars()), kind)
        return said[0] if said else None

    async def _found(self, seqs: Sequence[int], kind: type[Said]) -> list[tuple[Row[Any], Said]]:
        """Return these entries with what they say as `kind`, without those whose body has another shape."""
        rows = await self._connection.execute(_SAID, {"seqs": list(seqs)})
        return [
            (row, said) for row in rows if (said := said_in(row.seq, row.entry, kind)) is not None
        ]

    async def refusals(self, since: datetime, end: int) -> list[tuple[str, datetime]]:
        """Return the refused accesses from `since` on, by subject and time, of the entries before `end`."""
        values = {"since": since, "start": await self._first(since), "end": end}
        return [(row[0], row[1]) for row in await self._connection.execute(_REFUSALS, values)]

    async def searches(
        self,
        people: Sequence[str],
        permissions: Collection[str],
        *,
        since: datetime,
        of_plates_since: datetime,
        end: int,
    ) -> list[tuple[str, Act, list[str]]]:
        """Return the searches by these people, by time, each with its person and plates, of the entries before `end`.

        Looks at what a hold keeps are searches, too.
        Those without a plate are from `since` on, those with one from `of_plates_since`, which is earlier.
        """
        return await Searches(self._connection).of(
            people,
            permissions,
            since=since,
            of_plates_since=of_plates_since,
            start=await self._first(of_plates_since),
            end=end,
        )

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

    async def _first(self, since: datetime) -> int:
        span = await Log(self._connection).span_of(since, None)
        return span.start
