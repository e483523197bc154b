"""Holds and the records that they keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.criteria import Criteria, Cursor, scope_of
from services.retention.store.conditions import of_captures, of_reads
from services.retention.store.exports import FROM_EXPORTS, UNBOOKED
from services.retention.store.locks import HOLDS, Locks
from services.retention.store.records import COLUMNS, Read, Records
from services.retention.store.replica import ReplicaMarks
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.events import Actor, HoldChanged
from shared.postgres.disclosed_records import SEARCHED_HOLD

FROM_HOLDS = "FROM holds LEFT JOIN hold_reviews USING (hold_id)"
"""A hold of the version before has no row of reviews until its first: it is as one placed by this version."""
HOLD_COLUMNS = (
    "hold_id, agency_ori, basis, case_number, description, criteria, placed_by, placed_at,"
    " released_by, released_at, release_reason, confirmed_by, confirmed_at, confirmation_reason,"
    " coalesce(owner, placed_by) AS owner,"
    " coalesce(review_by, placed_at + interval '365 days') AS review_by,"
    " reviewed_by, reviewed_at, review_reason"
)
_INSERT = text(
    """
    INSERT INTO holds (hold_id, agency_ori, basis, case_number, description, criteria, placed_by, placed_at)
    VALUES (:hold_id, :agency_ori, :basis, :case_number, :description, CAST(:criteria AS jsonb),
            CAST(:placed_by AS jsonb), :placed_at)
    ON CONFLICT (hold_id) DO NOTHING
    """
)
_RELEASE = text(
    "UPDATE holds SET released_by = CAST(:by AS jsonb), released_at = :at, release_reason = :reason"
    " WHERE hold_id = :hold_id"
)
_CONFIRM = text(
    "UPDATE holds SET confirmed_by = CAST(:by AS jsonb), confirmed_at = :at,"
    " confirmation_reason = :reason WHERE hold_id = :hold_id"
)
_OWNED = text(
    "INSERT INTO hold_reviews (hold_id, owner, review_by)"
    " VALUES (:hold_id, CAST(:owner AS jsonb), :review_by)"
)
_REVIEWED = text(
    """
    INSERT INTO hold_reviews (hold_id, owner, review_by, reviewed_by, reviewed_at, review_reason)
    VALUES (:hold_id, CAST(:owner AS jsonb), :review_by, CAST(:by AS jsonb), :at, :reason)
    ON CONFLICT (hold_id) DO UPDATE SET owner = excluded.owner, review_by = excluded.review_by,
        reviewed_by = excluded.reviewed_by, reviewed_at = excluded.reviewed_at,
        review_reason = excluded.review_reason
    """
)
OVERDUE = "released_at IS NULL AND coalesce(review_by, placed_at + interval '365 days') <= :now"
_ACTIVE = text(
    f"SELECT {HOLD_COLUMNS} {FROM_HOLDS} WHERE released_at IS NULL ORDER BY placed_at, hold_id"
)
_ACTIVE_IDS = text("SELECT hold_id FROM holds WHERE released_at IS NULL")


_WAITING = text(
    f"""
    SELECT count(*) AS in_force, min(placed_at) AS oldest_placed_at,
        count(*) FILTER (WHERE {OVERDUE}) AS overdue,
        min(coalesce(review_by, placed_at + interval '365 days')) FILTER (WHERE {OVERDUE}) AS overdue_since,
        (SELECT count(*) {FROM_EXPORTS} WHERE {UNBOOKED} AND e.agency_ori = ANY(:agencies)) AS unbooked,
        (SELECT min(e.requested_at) {FROM_EXPORTS} WHERE {UNBOOKED} AND e.agency_ori = ANY(:agencies))
            AS oldest_requested_at
    {FROM_HOLDS} WHERE released_at IS NULL AND agency_ori = ANY(:agencies)
    """
)


@dataclass(frozen=True)
class WaitingHolds:
    """Counts and ages of holds in force and of exports that await a booking."""

    in_force: int
    oldest_placed_at: datetime | None
    overdue: int
    """Holds in force that are past their date of review."""
    overdue_since: datetime | None
    unbooked: int
    oldest_requested_at: datetime | None


@dataclass(frozen=True)
class Hold:
    """An order that keeps present and future records matching its criteria until its release."""

    hold_id: UUID
    agency_ori: str
    basis: str
    case_number: str
    description: str
    criteria: Criteria
    placed_by: Actor
    placed_at: datetime
    owner: Actor
    """The person who is responsible for it."""
    review_by: datetime
    """The time by which it is to be reviewed; nothing releases it by itself."""
    released_by: Actor | None = None
    released_at: datetime | None = None
    release_reason: str | None = None
    confirmed_by: Actor | None = None
    """The second person, for a hold that covers more than a search may (ADR-0028)."""
    confirmed_at: datetime | None = None
    confirmation_reason: str | None = None
    reviewed_by: Actor | None = None
    """The person who extended it or took it over last."""
    reviewed_at: datetime | None = None
    review_reason: str | None = None

    def changed(
        self, by: Actor, at: datetime, change: Any, reason: str | None = None
    ) -> HoldChanged:
        """Return the event that announces a change of this hold."""
        return HoldChanged(
            occurred_at=at,
            actor=by,
            hold_id=self.hold_id,
            change=change,
            basis=self.basis,
            case_number=self.case_number,
            criteria=self.criteria.as_json(),
            owner=self.owner,
            review_by=self.review_by,
            reason=reason,
        )

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Return a row of `HOLD_COLUMNS` as a hold."""
        plain = dict(row._mapping)
        people = ("placed_by", "owner", "released_by", "confirmed_by", "reviewed_by")
        for name, kind in (("criteria", Criteria), *((one, Actor) for one in people)):
            if plain[name] is not None:
                plain[name] = msgspec.convert(plain[name], kind)
        return cls(**plain)


class HoldsInForce:
    """The holds in force of all agencies, which the purge obeys."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self) -> list[Hold]:
        """Return every hold in force, oldest first."""
        return [Hold.of(row) for row in await self._connection.execute(_ACTIVE)]

    async def ids(self) -> frozenset[UUID]:
        """Return the ids of the holds in force."""
        return frozenset((await self._connection.execute(_ACTIVE_IDS)).scalars())

    async def names_read_of(self, hold: Hold, criteria: Criteria) -> bool:
        """Return whether a hold that names reads names one that meets other criteria too."""
        matching, asked = of_reads(hold.criteria, "h"), of_reads(criteria, "c")
        query = " OR ".join(
            f"EXISTS (SELECT FROM {table} r WHERE {matching.sql} AND {asked.sql})"
            for table in ("reads", "held_reads")
        )
        values = {**matching.parameters, **asked.parameters}
        return bool((await self._connection.execute(text(f"SELECT {query}"), values)).scalar_one())


class Holds:
    """The holds of the grant's agency."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def place(self, hold: Hold) -> bool:
        """Put a hold into force; a purge step that has not committed yet sees it and starts again.

        False if a hold with this id exists, which stays as it is.
        """
        await Locks(self._connection).exclusive(HOLDS)
        await ReplicaMarks(self._connection).count_change()
        placed = await self._connection.execute(
            _INSERT,
            {
                "hold_id": hold.hold_id,
                "agency_ori": hold.agency_ori,
                "basis": hold.basis,
                "case_number": hold.case_number,
                "description": hold.description,
                "criteria": _json(hold.criteria),
                "placed_by": _json(hold.placed_by),
                "placed_at": hold.placed_at,
            },
        )
        if placed.rowcount == 0:
            return False
        owned = {"hold_id": hold.hold_id, "owner": _json(hold.owner)}
        await self._connection.execute(_OWNED, {**owned, "review_by": hold.review_by})
        return True

    async def get(self, grant: Grant, hold_id: UUID, *, lock: bool = False) -> Hold | None:
        """Return one hold and disclose it; `lock` locks its row until the transaction ends."""
        query = (
            f"SELECT {HOLD_COLUMNS} {FROM_HOLDS} WHERE hold_id = :hold_id"
            f" AND agency_ori = ANY(:agencies){' FOR UPDATE OF holds' if lock else ''}"
        )
        found = await self._connection.execute(
            text(query), {"hold_id": hold_id, "agencies": sorted(grant.agencies)}
        )
        holds = await self._released(grant, found.all())
        return holds[0] if holds else None

    async def page(
        self,
        grant: Grant,
        *,
        limit: int,
        after: UUID | None,
        in_force: bool | None,
        overdue: bool | None = None,
    ) -> list[Hold]:
        """Return a page of holds, newest first, starting behind `after`, and disclose them."""
        query = (
            f"SELECT {HOLD_COLUMNS} {FROM_HOLDS} WHERE agency_ori = ANY(:agencies)"  # noqa: S608
            " AND (CAST(:in_force AS boolean) IS NULL OR (released_at IS NULL) = :in_force)"
            f" AND (CAST(:overdue AS boolean) IS NULL OR ({OVERDUE}) = :overdue)"
            " AND (CAST(:after AS uuid) IS NULL OR (placed_at, hold_id) <"
            " (SELECT placed_at, hold_id FROM holds WHERE hold_id = :after))"
            " ORDER BY placed_at DESC, hold_id DESC LIMIT :limit"
        )
        rows = await self._connection.execute(
            text(query),
            {
                "agencies": sorted(grant.agencies),
                "in_force": in_force,
                "overdue": overdue,
                "now": grant.now,
                "after": after,
                "limit": limit,
            },
        )
        return await self._released(grant, rows.all())

    async def waiting(self, grant: Grant) -> WaitingHolds:
        """Return counts and oldest times of holds in force and of unbooked exports. Discloses no hold and no export."""
        given = {"agencies": sorted(grant.agencies), "now": grant.now}
        rows = await self._connection.execute(_WAITING, given)
        return WaitingHolds(**rows.one()._mapping)

    async def _released(self, grant: Grant, rows: Sequence[Row[Any]]) -> list[Hold]:
        """Return rows of `HOLD_COLUMNS` as holds and disclose them."""
        holds = [Hold.of(row) for row in rows]
        disclosed = [
            Disclosed(
                record_id=hold.hold_id,
                plates=filter(None, [hold.criteria.plate]),
                read_ids=hold.criteria.read_ids,
            )
            for hold in holds
        ]
        await disclose(self._connection, grant, "hold", disclosed)
        return holds

    async def release(self, hold_id: UUID, *, by: Actor, at: datetime, reason: str) -> None:
        """End a hold; the next purge destroys the due records that only this hold kept."""
        await ReplicaMarks(self._connection).count_change()
        await self._connection.execute(
            _RELEASE, {"hold_id": hold_id, "by": _json(by), "at": at, "reason": reason}
        )

    async def confirm(self, hold_id: UUID, *, by: Actor, at: datetime, reason: str) -> None:
        """Record a second person's confirmation of a hold; its records may be shown from then on."""
        await ReplicaMarks(self._connection).count_change()
        await self._connection.execute(
            _CONFIRM, {"hold_id": hold_id, "by": _json(by), "at": at, "reason": reason}
        )

    async def reviewed(
        self,
        hold_id: UUID,
        *,
        owner: Actor,
        review_by: datetime,
        by: Actor,
        at: datetime,
        reason: str,
    ) -> None:
        """Record a review of a hold: its owner and its next date, and who decided so."""
        values = {"hold_id": hold_id, "owner": _json(owner), "review_by": review_by}
        await self._connection.execute(
            _REVIEWED, {**values, "by": _json(by), "at": at, "reason": reason}
        )

    async def has_any_record(self, grant: Grant, hold: Hold) -> bool:
        """Return whether a hold keeps any record now, with or without a plate."""
        tables = [(name, of_reads(hold.criteria, "h")) for name in ("reads", "held_reads")]
        if not hold.criteria.names_reads:
            tables += [(t, of_captures(hold.criteria, "h")) for t in ("captures", "held_captures")]
        for table, matching in tables:
            matching.add("r.agency_ori = ANY(:{p}agencies)", agencies=sorted(grant.agencies))
            query = f"SELECT EXISTS (SELECT FROM {table} r WHERE {matching.sql})"  # noqa: S608 - constants
            if (await self._connection.execute(text(query), matching.parameters)).scalar_one():
                return True
        return False

    async def disclose_search(self, grant: Grant, hold_id: UUID, criteria: Criteria) -> None:
        """Disclose that a person searches what a hold keeps, which audit counts (ADR-0100)."""
        searched = Disclosed(record_id=hold_id, plates=filter(None, [criteria.plate]), holds=0)
        await disclose(self._connection, grant, SEARCHED_HOLD, [searched])

    async def has_read(self, grant: Grant, hold: Hold, at: Cursor) -> bool:
        """Return whether a hold keeps the read at which a page ended, so that the next page shows older reads only."""
        matching = of_reads(hold.criteria, "h")
        matching.add("r.agency_ori = ANY(:{p}agencies)", agencies=sorted(grant.agencies))
        matching.add(
            "(r.captured_at, r.read_id) = (:{p}at, :{p}id)", at=at.captured_at, id=at.read_id
        )
        halves = " UNION ALL ".join(
            f"(SELECT 1 FROM {table} r WHERE {matching.sql})"  # noqa: S608 - constants
            for table in ("reads", "kept_reads")
        )
        found = await self._connection.execute(text(f"{halves} LIMIT 1"), matching.parameters)
        return found.first() is not None

    async def records(
        self, grant: Grant, hold: Hold, *, limit: int, after: Cursor | None = None
    ) -> tuple[Sequence[Read], bool]:
        """Return the reads that a hold keeps now, newest first, disclosed, and whether more follow."""
        matching = of_reads(hold.criteria, "h")
        matching.add("r.agency_ori = ANY(:{p}agencies)", agencies=sorted(grant.agencies))
        if grant.purpose is not None and grant.purpose.scope:
            scope = of_reads(scope_of(grant.purpose.scope), "s")
            matching.terms += scope.terms
            matching.parameters |= scope.parameters
        if after is not None:
            matching.add(
                "(r.captured_at, r.read_id) < (:{p}after_at, :{p}after_id)",
                after_at=after.captured_at,
                after_id=after.read_id,
            )
        newest = "ORDER BY captured_at DESC, read_id DESC LIMIT :limit"
        halves = " UNION ALL ".join(
            f"(SELECT {COLUMNS} FROM {table} r WHERE {matching.sql} {newest})"  # noqa: S608 - constants
            for table in ("reads", "kept_reads")
        )
        rows = list(
            await self._connection.execute(
                text(f"{halves} {newest}"), {**matching.parameters, "limit": limit + 1}
            )
        )
        return await Records(self._connection).released(grant, rows[:limit]), len(rows) > limit


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
