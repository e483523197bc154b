"""Hits as people see them: every query needs a grant and records the hits that it released."""
# ruff: noqa: S608 - statements are put together from names in this file, values are bound

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.hotlist.domain.hits import UNANSWERED, Acknowledgement, Hit, Sighting, UnverifiedTier
from services.hotlist.domain.problem_codes import Code
from services.hotlist.domain.rating import Outcome, Result
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.access.rule_refusals import purpose_missing
from shared.core.errors import Conflict, NotFound
from shared.core.matching import Difference
from shared.events import Box, DisplayedCaution, DisplayedEntry, Place, Tier

# As the matcher asks (`store/raised.py`): in the version in force, of a kind that is on, and not over.
LISTED = """SELECT e.entry_id, e.caution FROM lists l
            JOIN versions n ON n.list_id = l.list_id AND n.version = l.active_version
            JOIN entries e ON e.snapshot_id = n.snapshot_id AND e.entry_id = h.entry_id
                AND e.from_version <= n.version AND (e.to_version IS NULL OR e.to_version > n.version)
            WHERE l.list_id = h.list_id AND l.enabled AND NOT e.record_kind = ANY (l.kinds_off)
                AND (e.valid_from IS NULL OR e.valid_from <= :now)
                AND (e.expires_at IS NULL OR e.expires_at > :now) LIMIT 1"""
# The newest word of a person on another hit of the same entry and the same plate as read.
VERIFIED_BEFORE = """SELECT b.outcome, b.at FROM hits p JOIN verifications b ON b.hit_id = p.hit_id
        WHERE p.status = 'verified' AND p.entry_id = h.entry_id AND p.plate_read = h.plate_read
            AND p.hit_id <> h.hit_id AND b.outcome <> 'dismissed'
        ORDER BY b.at DESC LIMIT 1"""
# A person saw in the picture of the hit's read another plate than the listed one, or that of another issuer.
CORRECTED = """c.read_id = h.read_id AND (c.plate IS DISTINCT FROM h.plate_listed
        OR c.region <> h.region_listed)"""
# What a hit shows beside what it was raised with: its entry as it is now, and what people and other frames say of it.
BESIDE = f"""LEFT JOIN outvoted o ON o.read_id = h.read_id
    LEFT JOIN corrected c ON {CORRECTED}
    LEFT JOIN LATERAL ({LISTED}) f ON true
    LEFT JOIN LATERAL ({VERIFIED_BEFORE}) d ON d.outcome <> 'correct_read'"""
FIELDS = """h.hit_id, h.seq, h.changed_seq, h.standing, h.status, v.outcome, h.result, h.tier, h.record_kind,
        h.agency_ori, h.list_id, h.list_name, h.list_version, h.list_age_s, h.list_stale, h.source, h.entry_id, h.entry,
        h.plate_listed, h.region_listed, h.plate_read, h.plate_as_read, h.region_read, h.confidence,
        h.differences, h.warnings, h.read_id, h.capture_id, h.device_id, h.device_name, h.place,
        h.captured_at, h.received_at, h.raised_at, h.late, h.first_at, h.last_at, h.sightings,
        h.box, h.crop_key, h.image_key, h.purged_at, o.reads AS outvoted_by,
        c.read_id IS NOT NULL AS is_corrected, c.plate AS plate_seen, c.region AS region_seen,
        h.purged_at IS NOT NULL OR f.entry_id IS NOT NULL AS is_listed, f.caution AS caution_in_force,
        d.outcome AS doubt, d.at AS doubted_at,
        coalesce((SELECT jsonb_agg(jsonb_build_object('at', a.at, 'by', jsonb_build_object('person_id', a.person_id,
            'name', a.person_name, 'title', a.person_title, 'agency_ori', a.person_ori)) ORDER BY a.at, a.person_id)
            FROM acknowledgements a WHERE a.hit_id = h.hit_id), '[]') AS acknowledgements"""
OF_HITS = f"FROM hits h LEFT JOIN verifications v USING (hit_id) {BESIDE}"
HIT = f"SELECT {FIELDS} {OF_HITS}"
T = TypeVar("T")

# As the index `hits_listed_by` has it.
LISTED_BY = "h.entry #>> '{listed_by,person_id}'"

# 468.4(b): without a declared purpose, only captures recent enough that viewing them is patrol.
FRESH = "(h.captured_at >= :fresh_since AND h.purged_at IS NULL)"
# 468.4(e): the caller's agency, and only lists whose source the caller is entitled to.
VISIBLE = "h.agency_ori = ANY(:agencies) AND h.source = ANY(:sources)"


@dataclass(frozen=True, slots=True, kw_only=True)
class HitFilter:
    """The conditions of a query for hits; None leaves one out."""

    since: datetime | None = None
    tier: Tier | None = None
    list_id: UUID | None = None
    status: str | None = None
    outcome: Outcome | None = None
    result: Result | None = None
    late: bool | None = None
    listed_by: str | None = None
    """The id of the account that entered the entry singly."""

    before: int | None = None
    limit: int = 50


class Hits:
    """Hits of the caller's agency from sources that the caller is entitled to.

    Without a declared purpose, only hits captured in the last `patrol` (policy 468.4(b)).
    """

    def __init__(self, connection: AsyncConnection, patrol: timedelta) -> None:
        self._connection = connection
        self._patrol = patrol

    async def page(self, grant: Grant, wanted: HitFilter) -> Sequence[Hit]:
        """Return hits, newest first; without a purpose, only fresh ones."""
        conditions = [VISIBLE]
        values: dict[str, Any] = {**visible_to(grant), "limit": wanted.limit}
        if grant.purpose is None:
            conditions.append(FRESH)
            values["fresh_since"] = self.fresh_since(grant)
        for name, condition in (
            ("since", "h.raised_at >= :since"),
            ("tier", "h.tier = :tier"),
            ("list_id", "h.list_id = :list_id"),
            ("status", "h.status = :status"),
            ("outcome", "v.outcome = :outcome"),
            ("result", "h.result = :result"),
            ("late", "h.late = :late"),
            ("listed_by", f"{LISTED_BY} = :listed_by"),
            ("before", "h.seq < :before"),
        ):
            if (value := getattr(wanted, name)) is not None:
                conditions.append(condition)
                values[name] = value
        query = f"{HIT} WHERE {' AND '.join(conditions)} ORDER BY h.seq DESC LIMIT :limit"
        return await self._released(grant, query, values)

    async def get(self, grant: Grant, hit_id: UUID, *, lock: bool = False) -> Hit:
        """Return one hit, locked until the transaction ends if `lock`.

        Raises: NotFound, also if it is not visible; NotAuthorised for an older one without a purpose.
        """
        await self._check_purpose(grant, hit_id)
        if lock:
            await self._lock(hit_id)
        return await self._get(grant, hit_id)

    async def alert(self, grant: Grant, hit_id: UUID) -> Hit:
        """Return a hit that people may still take as an alert, locked until the transaction ends.

        Raises: NotFound, also if it is not visible; Conflict for a late hit, or one captured before the last `patrol`.
        """
        await self._lock(hit_id)
        hit = await self._get(grant, hit_id)
        if not hit.is_live(self.fresh_since(grant)):
            raise Conflict(Code.HIT_NOT_LIVE)
        return hit

    async def _lock(self, hit_id: UUID) -> None:
        statement = text("SELECT FROM hits WHERE hit_id = :hit_id FOR NO KEY UPDATE")
        await self._connection.execute(statement, {"hit_id": hit_id})

    async def _get(self, grant: Grant, hit_id: UUID) -> Hit:
        query = f"{HIT} WHERE {VISIBLE} AND h.hit_id = :hit_id"
        found = await self._released(grant, query, {**visible_to(grant), "hit_id": hit_id})
        if not found:
            raise NotFound(Code.HIT_UNKNOWN)
        return found[0]

    async def picture_key(self, grant: Grant, hit_id: UUID, column: str) -> str:
        """Return the object key of a hit's `crop_key` or `image_key` picture, and record its disclosure.

        Raises: NotFound if the hit is not visible or has no such picture (any more); NotAuthorised
        for an older one without a purpose; ValueError for another column.
        """
        await self._check_purpose(grant, hit_id)
        if column not in {"crop_key", "image_key"}:
            raise ValueError(column)
        rows = await self._connection.execute(
            text(
                f"SELECT h.{column}, h.plate_read, h.read_id, h.captured_at FROM hits h"
                f" WHERE {VISIBLE} AND hit_id = :hit_id"
            ),
            {**visible_to(grant), "hit_id": hit_id},
        )
        row = rows.first()
        if row is None:
            raise NotFound(Code.HIT_UNKNOWN)
        key, plate, read_id, captured_at = row
        if key is None:
            raise NotFound(Code.HIT_PICTURE_UNKNOWN)
        disclosed = Disclosed(
            record_id=hit_id, captured=captured_at, plates=_known([plate]), read_ids=[read_id]
        )
        await disclose(self._connection, grant, "image", [disclosed])
        return str(key)

    async def sightings(self, grant: Grant, hit_id: UUID) -> Sequence[Sighting]:
        """Return the first hundred reads of a visible hit's pass.

        Raises: NotAuthorised for an older hit without a purpose.
        """
        await self._check_purpose(grant, hit_id)
        rows = await self._connection.execute(
            text(
                "SELECT s.read_id, s.captured_at, s.confidence, s.plate_read, s.tier"
                f" FROM sightings s JOIN hits h USING (hit_id) WHERE {VISIBLE}"
                " AND hit_id = :hit_id ORDER BY s.captured_at, s.read_id LIMIT 100"
            ),
            {**visible_to(grant), "hit_id": hit_id},
        )
        found = [Sighting(**row) for row in rows.mappings()]
        await disclose(
            self._connection,
            grant,
            "read",
            [
                Disclosed(
                    record_id=one.read_id,
                    captured=one.captured_at,
                    plates=[one.plate_read],
                )
                for one in found
            ],
        )
        return found

    async def twins(self, grant: Grant, hit_id: UUID) -> Sequence[Hit]:
        """Return the other visible hits of a hit's reads, ten at most: another list has the plate as well.

        Call it with a hit that `get` has returned. Without a purpose, only fresh ones.
        """
        fresh = "" if grant.purpose else f"AND {FRESH}"
        query = (
            f"{HIT} WHERE {VISIBLE} AND h.hit_id <> :hit_id {fresh} AND h.hit_id IN (SELECT t.hit_id"
            " FROM sightings s JOIN sightings t USING (read_id) WHERE s.hit_id = :hit_id)"
            " ORDER BY h.seq LIMIT 10"
        )
        values = {**visible_to(grant), "hit_id": hit_id, "now": grant.now}
        rows = await self._connection.execute(
            text(query), {**values, "fresh_since": self.fresh_since(grant)} if fresh else values
        )
        found = [hit_of(row) for row in rows.mappings()]
        if found:
            await HitDisclosures(self._connection).record(grant, found)
        return found

    async def waiting(self, grant: Grant) -> Sequence[UnverifiedTier]:
        """Return by tier the count of visible hits that wait for their verification, and the time of the first.

        A hit whose read is destroyed can no longer be verified, so it does not wait. Counts and ages identify no hit,
        so this discloses none and needs no purpose.
        """
        rows = await self._connection.execute(
            text(
                "SELECT h.tier, count(*) AS count, min(h.raised_at) AS oldest_at FROM hits h"
                f" WHERE {VISIBLE} AND h.status = 'unverified' AND h.purged_at IS NULL GROUP BY h.tier"
            ),
            visible_to(grant),
        )
        return [UnverifiedTier(**row) for row in rows.mappings()]

    async def listed_by_caller(self, grant: Grant) -> int:
        """Return how many visible hits of entries that the caller entered wait for their verification.

        Like `waiting`, this discloses none.
        """
        rows = await self._connection.execute(
            text(
                f"SELECT count(*) FROM hits h WHERE {VISIBLE} AND h.status = 'unverified'"
                f" AND h.purged_at IS NULL AND {LISTED_BY} = :me"
            ),
            {**visible_to(grant), "me": grant.actor.person_id},
        )
        count: int = rows.scalar_one()
        return count

    async def unanswered(self, grant: Grant) -> tuple[int, datetime | None]:
        """Return how many visible urgent alerts no person answered in time, and when the first was raised.

        Like `waiting`, this discloses none.
        """
        rows = await self._connection.execute(
            text(
                "SELECT count(*) AS number, min(h.raised_at) AS since FROM hits h"
                f" WHERE {VISIBLE} AND h.status = 'unverified' AND h.raised_at >= :fresh_since AND {FRESH}"
                f" AND h.standing LIKE '%{UNANSWERED}' AND h.result IS NULL"
                " AND NOT EXISTS (SELECT FROM acknowledgements a WHERE a.hit_id = h.hit_id)"
            ),
            {**visible_to(grant), "fresh_since": self.fresh_since(grant)},
        )
        number, since = rows.one()
        return number, since

    def fresh_since(self, grant: Grant) -> datetime:
        """Return the time from which a capture is fresh for this request."""
        return grant.now - self._patrol

    async def _check_purpose(self, grant: Grant, hit_id: UUID) -> None:
        """Raise NotAuthorised for a visible hit that is not fresh, if the caller declared no purpose."""
        if grant.purpose is not None:
            return
        rows = await self._connection.execute(
            text(
                f"SELECT coalesce({FRESH}, false) FROM hits h WHERE {VISIBLE} AND hit_id = :hit_id"
            ),
            {**visible_to(grant), "hit_id": hit_id, "fresh_since": self.fresh_since(grant)},
        )
        if rows.scalar() is False:
            hours = round(self._patrol.total_seconds() / 3600)
            raise purpose_missing(grant, hours)

    async def _released(self, grant: Grant, query: str, values: dict[str, Any]) -> Sequence[Hit]:
        rows = await self._connection.execute(text(query), {**values, "now": grant.now})
        found = [hit_of(row) for row in rows.mappings()]
        await HitDisclosures(self._connection).record(grant, found)
        return found


class HitDisclosures:
    """Records the disclosure of hits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def record(self, grant: Grant, hits: Sequence[Hit]) -> None:
        """Record the hits as disclosed. A hit whose read is destroyed has no capture day; its kind is `purged_hit`."""
        purged = [hit for hit in hits if hit.captured_at is None]
        if purged:
            await disclose(self._connection, grant, "purged_hit", released(purged))
        if len(purged) < len(hits) or not hits:
            there = [hit for hit in hits if hit.captured_at is not None]
            await disclose(self._connection, grant, "hit", released(there))


class _Documents(msgspec.Struct, frozen=True):
    """The JSON columns of a hit, in one type so that they are decoded at once."""

    entry: DisplayedEntry | None
    place: Place | None
    box: Box | None
    differences: list[Difference]
    warnings: list[DisplayedCaution]
    acknowledgements: list[Acknowledgement]


def hit_of(row: Mapping[Any, Any]) -> Hit:
    """Return a row of `HIT` as a hit."""
    values = dict(row)
    documents = msgspec.convert(values, _Documents)
    return Hit(**(values | msgspec.structs.asdict(documents)))


def released(hits: Sequence[Hit]) -> list[Disclosed]:
    """Return hits for a disclosure, with all plates of each: an auditor may search by any."""
    return [
        Disclosed(
            record_id=hit.hit_id,
            captured=hit.captured_at,
            plates=_known([hit.plate_read, hit.plate_listed, hit.plate_seen]),
            read_ids=_known([hit.read_id]),
        )
        for hit in hits
    ]


def visible_to(grant: Grant) -> dict[str, list[str]]:
    """Return the agencies and sources that bound the hits a grant may see."""
    return {"agencies": sorted(grant.agencies), "sources": sorted(grant.principal.sources)}


def _known(values: Iterable[T | None]) -> list[T]:
    return [value for value in values if value is not None]
