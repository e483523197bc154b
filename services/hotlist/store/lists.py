"""Stores hot lists, their versions, and the version in force."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.hotlist.domain.layouts import Layout
from services.hotlist.domain.problem_codes import Code
from services.hotlist.domain.rating import shrinks
from services.hotlist.store.hits import visible_to
from shared.access.grant import Grant
from shared.core.errors import Conflict, NotFound
from shared.events import Source

CHANNEL = "hotlist_lists"
"""The Postgres channel with a notice when the lists in force change, which wakes other replicas at once."""

Change = Literal["activated", "rolled_back", "withdrawn"]

_LIST = """
    SELECT l.list_id, l.agency_ori, l.name, l.source, l.staleness_s, l.enabled, l.kinds_off,
        l.active_version, l.activated_at, l.created_at, l.created_by, l.layout, l.layout_set_by_id,
        coalesce(v.entries, 0) AS entries, v.snapshot_id, s.as_of
    FROM lists l
    LEFT JOIN versions v ON v.list_id = l.list_id AND v.version = l.active_version
    LEFT JOIN snapshots s ON s.snapshot_id = v.snapshot_id
    WHERE l.agency_ori = ANY(:agencies) AND l.source = ANY(:sources)
"""
_VERSION = """
    SELECT v.list_id, v.version, v.snapshot_id, v.entries, v.skipped, v.created_at, v.created_by,
        v.created_by_id, v.also_by, s.as_of, s.sha256, s.set_aside,
        CASE WHEN s.dropped_at IS NOT NULL THEN 'dropped'
             WHEN v.version = l.active_version THEN 'active'
             WHEN EXISTS (SELECT FROM activations a
                          WHERE a.list_id = v.list_id AND a.version = v.version) THEN 'retired'
             ELSE 'draft' END AS state
    FROM versions v JOIN snapshots s USING (snapshot_id) JOIN lists l ON l.list_id = v.list_id
    WHERE v.list_id = :list_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HotList:
    """The current state of a list."""

    list_id: UUID
    agency_ori: str
    name: str
    source: Source
    staleness_s: int | None
    enabled: bool
    kinds_off: list[str]
    active_version: int | None
    activated_at: datetime | None
    created_at: datetime
    created_by: str
    layout: Layout | None
    """How the source writes the files of the list; None: as our own CSV."""

    layout_set_by_id: str | None
    entries: int
    snapshot_id: UUID | None
    as_of: datetime | None

    @property
    def in_force(self) -> tuple[UUID, int] | None:
        """The snapshot and the number of the version in force; None if there is none."""
        if self.snapshot_id is None or self.active_version is None:
            return None
        return self.snapshot_id, self.active_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a list."""

    list_id: UUID
    version: int
    snapshot_id: UUID
    entries: int
    skipped: dict[str, int]
    created_at: datetime
    created_by: str
    created_by_id: str | None
    also_by: list[str]
    """The accounts of the people who gave its layout and the credential of its feed."""

    as_of: datetime
    sha256: str | None
    set_aside: int
    state: Literal["draft", "active", "retired", "dropped"]

    def is_by(self, grant: Grant) -> bool:
        """Whether the caller made it, gave its layout, or the credential of the feed that delivered it.

        An old version has no account id, so compare the name.
        """
        if self.created_by_id is None:
            return self.created_by == grant.principal.name
        return grant.principal.account_id in (self.created_by_id, *self.also_by)

    def needs_second_word(self, last: int, share: float) -> bool:
        """Whether it is not in force and loses more than `share` of a list of `last` entries."""
        return self.state in ("draft", "retired") and shrinks(last, self.entries, share)


class Lists:
    """Lists of the caller's agency whose source the caller is entitled to (468.4(e))."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(
        self,
        grant: Grant,
        list_id: UUID,
        *,
        name: str,
        source: Source,
        staleness_s: int | None,
        kinds_off: list[str],
    ) -> None:
        """Create a list without entries. Raises: Conflict if a list has this name."""
        statement = text(
            "INSERT INTO lists (list_id, agency_ori, name, source, staleness_s, kinds_off,"
            " created_at, created_by) VALUES (:list_id, :ori, :name, :source, :staleness_s,"
            " :kinds_off, :now, :by)"
        )
        values = {
            "list_id": list_id,
            "ori": grant.principal.agency_ori,
            "name": name,
            "source": source,
            "staleness_s": staleness_s,
            "kinds_off": kinds_off,
            "now": grant.now,
            "by": grant.principal.name,
        }
        try:
            await self._connection.execute(statement, values)
        except IntegrityError as exc:
            raise Conflict(Code.LIST_NAME_TAKEN, field="name") from exc

    async def page(self, grant: Grant, *, after: UUID | None, limit: int) -> list[HotList]:
        """Return the lists by name, beginning after the one named `after`."""
        statement = text(
            f"{_LIST} AND (CAST(:after AS uuid) IS NULL OR (l.name, l.list_id) >"  # noqa: S608 - constants
            " (SELECT name, list_id FROM lists WHERE list_id = :after))"
            " ORDER BY l.name, l.list_id LIMIT :limit"
        )
        values = {**visible_to(grant), "after": after, "limit": limit}
        rows = await self._connection.execute(statement, values)
        return [_hot_list(row) for row in rows.mappings()]

    async def get(self, grant: Grant, list_id: UUID, *, lock: bool = False) -> HotList:
        """Return one list, locked until the transaction ends if `lock`. Raises: NotFound."""
        # Lock in a separate statement, so that the next one sees the list after the lock. Not FOR UPDATE: that
        # would wait for every upload in progress, whose snapshot refers to the list.
        if lock:
            await self._connection.execute(
                text("SELECT FROM lists WHERE list_id = :list_id FOR NO KEY UPDATE"),
                {"list_id": list_id},
            )
        rows = await self._connection.execute(
            text(f"{_LIST} AND l.list_id = :list_id"), {**visible_to(grant), "list_id": list_id}
        )
        row = rows.mappings().one_or_none()
        if row is None:
            raise NotFound(Code.LIST_UNKNOWN)
        return _hot_list(row)

    async def configure(
        self,
        grant: Grant,
        hot_list: HotList,
        *,
        enabled: bool,
        staleness_s: int | None,
        kinds_off: list[str],
    ) -> None:
        """Change a list's switches; its entries stay."""
        await self._connection.execute(
            text(
                "UPDATE lists SET enabled = :enabled, staleness_s = :staleness_s, kinds_off = :kinds_off,"
                " reading_set_at = CASE WHEN kinds_off = :kinds_off THEN reading_set_at"
                " ELSE CAST(:now AS timestamptz) END WHERE list_id = :list_id"
            ),
            {
                "now": grant.now,
                "list_id": hot_list.list_id,
                "enabled": enabled,
                "staleness_s": staleness_s,
                "kinds_off": kinds_off,
            },
        )
        await self._changed()

    async def set_layout(self, grant: Grant, hot_list: HotList, layout: Layout | None) -> None:
        """Store how files of a locked list are written from now on; None: as our own CSV."""
        await self._connection.execute(
            text(
                "UPDATE lists SET layout = CAST(:layout AS jsonb), layout_set_by_id = :by_id,"
                " reading_set_at = :now WHERE list_id = :list_id"
            ),
            {
                "list_id": hot_list.list_id,
                "layout": None if layout is None else msgspec.json.encode(layout).decode(),
                "by_id": grant.principal.account_id,
                "now": grant.now,
            },
        )

    async def lock_deliveries(self, hot_list: HotList) -> bool:
        """Lock a list against other deliveries until the transaction ends; return False if one is in progress."""
        rows = await self._connection.execute(
            text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))"),
            {"name": f"deliveries of {hot_list.list_id}"},
        )
        locked: bool = rows.scalar_one()
        return locked

    async def same(self, hot_list: HotList, sha256: str, as_of: datetime) -> Version | None:
        """Return the first version that was made of the file with this digest and time; None if there is none.

        Versions from before the layout or the switches of the list changed do not count.
        """
        statement = text(
            f"{_VERSION} AND s.sha256 = :sha256 AND s.as_of = :as_of"
            " AND (l.reading_set_at IS NULL OR s.created_at >= l.reading_set_at)"
            " ORDER BY v.version LIMIT 1"
        )
        values = {"list_id": hot_list.list_id, "sha256": sha256, "as_of": as_of}
        row = (await self._connection.execute(statement, values)).mappings().one_or_none()
        return None if row is None else Version(**row)

    async def versions(
        self, hot_list: HotList, *, before: int | None = None, limit: int
    ) -> Sequence[Version]:
        """Return the latest versions, newest first, beginning before the number `before`."""
        statement = text(
            f"{_VERSION} AND (CAST(:before AS bigint) IS NULL OR v.version < :before)"
            " ORDER BY v.version DESC LIMIT :limit"
        )
        values = {"list_id": hot_list.list_id, "before": before, "limit": limit}
        rows = await self._connection.execute(statement, values)
        return [Version(**row) for row in rows.mappings()]

    async def version(self, hot_list: HotList, version: int) -> Version:
        """Return one version. Raises: NotFound."""
        statement = text(f"{_VERSION} AND v.version = :version")
        values = {"list_id": hot_list.list_id, "version": version}
        row = (await self._connection.execute(statement, values)).mappings().one_or_none()
        if row is None:
            raise NotFound(Code.VERSION_UNKNOWN)
        return Version(**row)

    async def add_version(
        self,
        grant: Grant,
        list_id: UUID,
        snapshot_id: UUID,
        entries: int,
        skipped: str = "{}",
        also_by: Sequence[str] = (),
    ) -> int:
        """Create the next version of a locked list; `skipped` is JSON. Return its number."""
        statement = text(
            "INSERT INTO versions (list_id, version, snapshot_id, entries, skipped, created_at,"
            " created_by, created_by_id, also_by) SELECT :list_id, coalesce(max(version), 0) + 1, :snapshot_id,"
            " :entries, CAST(:skipped AS jsonb), :now, :by, :by_id, :also_by FROM versions"
            " WHERE list_id = :list_id"
            " RETURNING version"
        )
        values: dict[str, Any] = {
            "list_id": list_id,
            "snapshot_id": snapshot_id,
            "entries": entries,
            "skipped": skipped,
            "now": grant.now,
            "by": grant.principal.name,
            "by_id": grant.principal.account_id,
            "also_by": list(also_by),
        }
        version: int = (await self._connection.execute(statement, values)).scalar_one()
        return version

    async def last_entries(self, hot_list: HotList) -> int:
        """Return the number of entries of the version that is or was last in force, 0 if none ever was."""
        statement = text(
            "SELECT v.entries FROM activations a JOIN versions v USING (list_id, version)"
            " WHERE a.list_id = :list_id ORDER BY a.number DESC LIMIT 1"
        )
        values = {"list_id": hot_list.list_id}
        return (await self._connection.execute(statement, values)).scalar() or 0

    async def before(self, hot_list: HotList) -> int:
        """Return the version in force before the present one. Raises: Conflict if none was."""
        statement = text(
            "SELECT a.version FROM activations a JOIN versions v USING (list_id, version)"
            " JOIN snapshots s USING (snapshot_id) WHERE a.list_id = :list_id"
            " AND a.version IS DISTINCT FROM :active AND s.dropped_at IS NULL"
            " ORDER BY a.number DESC LIMIT 1"
        )
        values = {"list_id": hot_list.list_id, "active": hot_list.active_version}
        version: int | None = (await self._connection.execute(statement, values)).scalar()
        if version is None:
            raise Conflict(Code.VERSION_NONE_BEFORE)
        return version

    async def put_in_force(
        self,
        grant: Grant,
        hot_list: HotList,
        version: int | None,
        change: Change,
        reason: str | None = None,
    ) -> None:
        """Put `version` in force from this commit on; None puts the list out of force."""
        values = {
            "list_id": hot_list.list_id,
            "version": version,
            "change": change,
            "reason": reason,
            "now": grant.now,
            "by": grant.principal.name,
        }
        await self._connection.execute(
            text(
                "UPDATE lists SET active_version = CAST(:version AS integer), activated_at ="
                " CASE WHEN CAST(:version AS integer) IS NOT NULL THEN CAST(:now AS timestamptz) END"
                " WHERE list_id = :list_id"
            ),
            {name: values[name] for name in ("list_id", "version", "now")},
        )
        await self._connection.execute(
            text(
                "INSERT INTO activations (list_id, version, change, reason, at, by)"
                " VALUES (:list_id, :version, :change, :reason, :now, :by)"
            ),
            values,
        )
        await self._changed()

    async def _changed(self) -> None:
        await self._connection.execute(text("UPDATE generation SET number = number + 1"))
        await self._connection.execute(text(f"NOTIFY {CHANNEL}"))


def _hot_list(row: RowMapping) -> HotList:
    layout = row["layout"]
    return HotList(**{**row, "layout": None if layout is None else msgspec.convert(layout, Layout)})
