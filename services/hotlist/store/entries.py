# ruff: noqa: S608 - statements are put together from names in this file, values are bound
"""Stores entries as atomic versions: an upload is a snapshot; single changes add and close rows in it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.hotlist.domain.csv_import import LineFault, SetAside
from services.hotlist.domain.entries import Entry, ListedEntry
from services.hotlist.domain.problem_codes import Code
from services.hotlist.store.lists import HotList, Version
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.core.errors import Conflict, NotFound
from shared.postgres.database import driver_of

COLUMNS = (
    "entry_id",
    "plate",
    "plate_listed",
    "partial",
    "region",
    "record_kind",
    "reason",
    "entering_ori",
    "entering_reference",
    "make",
    "model",
    "colour",
    "year",
    "caution",
    "valid_from",
    "expires_at",
)
ENTERED = ("entered_at", "entered_by", "entered_by_id", "entered_by_title", "entered_by_ori")
"""When a person entered an entry singly, and who; entries of a file have none of these."""

IN_VERSION = (
    "e.snapshot_id = :snapshot_id AND e.from_version <= :version"
    " AND (e.to_version IS NULL OR e.to_version > :version)"
)

_IN_OLD = IN_VERSION.replace(":", ":old_")
"""The same for the version that another is compared with."""

_UNEXPIRED = "(e.expires_at IS NULL OR e.expires_at > :now)"

NO_VERSION = -1
"""The number of no version: entries of uploads begin at 0."""

_FIRSTS = (
    "SELECT line, min(line) OVER (PARTITION BY entry_id) AS first FROM entries"
    " WHERE snapshot_id = :snapshot_id"
)
_OF_DELETED = ", ".join(f"d.{column}" for column in COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Counts of entries that one version has and another lacks."""

    added: int
    removed: int
    unchanged: int


class Entries:
    """The rows of versions. Writers lock the list first."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def begin_snapshot(self, grant: Grant, list_id: UUID, as_of: datetime) -> UUID:
        """Create an empty snapshot; return its id."""
        snapshot_id = uuid4()
        await self._connection.execute(
            text(
                "INSERT INTO snapshots (snapshot_id, list_id, as_of, created_at, created_by)"
                " VALUES (:snapshot_id, :list_id, :as_of, :now, :by)"
            ),
            {
                "snapshot_id": snapshot_id,
                "list_id": list_id,
                "as_of": as_of,
                "now": grant.now,
                "by": grant.principal.name,
            },
        )
        return snapshot_id

    async def copy(self, snapshot_id: UUID, rows: Sequence[tuple[int, Entry]]) -> None:
        """Add uploaded entries, each with its line, to a snapshot."""
        records = [
            (snapshot_id, 0, line, *(getattr(entry, column) for column in COLUMNS))
            for line, entry in rows
        ]
        raw = await driver_of(self._connection)
        await raw.copy_records_to_table(
            "entries",
            records=records,
            columns=["snapshot_id", "from_version", "line", *COLUMNS],
        )

    async def finish_snapshot(
        self, snapshot_id: UUID, sha256: str, size_bytes: int, aside: Sequence[SetAside]
    ) -> None:
        """Store the upload's hash and size, and its lines that were set `aside`."""
        await self._connection.execute(
            text(
                "UPDATE snapshots SET sha256 = :sha256, size_bytes = :size_bytes,"
                " set_aside = :set_aside WHERE snapshot_id = :snapshot_id"
            ),
            {
                "snapshot_id": snapshot_id,
                "sha256": sha256,
                "size_bytes": size_bytes,
                "set_aside": len(aside),
            },
        )
        if not aside:
            return
        await self._connection.execute(
            text(
                "INSERT INTO set_aside (snapshot_id, line, at_column, field, fault, content, plate)"
                " VALUES (:snapshot_id, :line, :at_column, :field, :fault, :content, :plate)"
            ),
            [
                {
                    "snapshot_id": snapshot_id,
                    "line": one.fault.line,
                    "at_column": one.fault.column,
                    "field": one.fault.field,
                    "fault": one.fault.fault,
                    "content": one.content,
                    "plate": one.plate,
                }
                for one in aside
            ],
        )

    async def set_aside(
        self, grant: Grant, version: Version, *, after: int, limit: int
    ) -> list[SetAside]:
        """Return lines that were set aside, by number, and record their disclosure."""
        rows = await self._connection.execute(
            text(
                "SELECT line, at_column, field, fault, content, plate FROM set_aside"
                " WHERE snapshot_id = :snapshot_id AND line > :after ORDER BY line LIMIT :limit"
            ),
            {"snapshot_id": version.snapshot_id, "after": after, "limit": limit},
        )
        found = [
            SetAside(
                LineFault(row.line, row.at_column, row.field, row.fault), row.content, row.plate
            )
            for row in rows
        ]
        disclosed = [
            Disclosed(
                record_id=f"{version.list_id}/{version.version}/line {one.fault.line}",
                plates=[one.plate] if one.plate else [],
            )
            for one in found
        ]
        await disclose(self._connection, grant, "hotlist_line", disclosed)
        return found

    async def doubled(self, snapshot_id: UUID, limit: int) -> list[tuple[int, int]]:
        """Return pairs of lines, first and later, that contain the same entry."""
        rows = await self._connection.execute(
            text(
                f"SELECT first, line FROM ({_FIRSTS}) e WHERE line > first ORDER BY line LIMIT :limit"
            ),
            {"snapshot_id": snapshot_id, "limit": limit},
        )
        return [(first, later) for first, later in rows]

    async def remove_doubled(self, snapshot_id: UUID) -> list[tuple[int, Entry]]:
        """Delete entries that an earlier line has already, and return each with its line."""
        rows = await self._connection.execute(
            text(
                f"DELETE FROM entries d USING ({_FIRSTS}) e WHERE d.snapshot_id = :snapshot_id"
                f" AND d.line = e.line AND e.line > e.first RETURNING d.line, {_OF_DELETED}"
            ),
            {"snapshot_id": snapshot_id},
        )
        return [(line, Entry(**dict(zip(COLUMNS, values, strict=True)))) for line, *values in rows]

    async def branch(self, snapshot_id: UUID, base: int, version: int) -> None:
        """Give `version` the entries of `base`, although later versions of the snapshot changed them."""
        values = {"snapshot_id": snapshot_id, "base": base, "version": version}
        await self._connection.execute(
            text(
                "UPDATE entries SET to_version = :version WHERE snapshot_id = :snapshot_id"
                " AND line IS NULL AND from_version > :base AND to_version IS NULL"
            ),
            values,
        )
        columns = ", ".join(("snapshot_id", *COLUMNS, *ENTERED))
        await self._connection.execute(
            text(
                f"INSERT INTO entries (from_version, {columns}) SELECT :version, {columns} FROM entries"
                " WHERE snapshot_id = :snapshot_id AND from_version <= :base"
                " AND to_version > :base AND to_version < :version"
            ),
            values,
        )

    async def add(
        self, grant: Grant, snapshot_id: UUID, version: int, entries: Sequence[Entry]
    ) -> None:
        """Add single entries from `version` on. Raises: Conflict if one is listed already."""
        ids = [entry.entry_id for entry in entries]
        present = await self._connection.execute(
            text(f"SELECT count(*) FROM entries e WHERE {IN_VERSION} AND e.entry_id = ANY(:ids)"),
            {"snapshot_id": snapshot_id, "version": version, "ids": ids},
        )
        if present.scalar_one() or len(set(ids)) < len(ids):
            raise Conflict(Code.ENTRY_LISTED)
        columns = ", ".join(COLUMNS)
        rows = msgspec.json.encode([asdict(entry) for entry in entries]).decode()
        await self._connection.execute(
            text(
                f"INSERT INTO entries (snapshot_id, from_version, {', '.join(ENTERED)}, {columns})"
                f" SELECT :snapshot_id, :version, :now, :name, :person_id, :title, :ori, {columns}"
                " FROM jsonb_populate_recordset(NULL::entries, CAST(:rows AS jsonb))"
            ),
            {
                "snapshot_id": snapshot_id,
                "version": version,
                "now": grant.now,
                "name": grant.actor.name,
                "person_id": grant.actor.person_id,
                "title": grant.actor.title,
                "ori": grant.actor.agency_ori,
                "rows": rows,
            },
        )

    async def difference(self, old: tuple[UUID, int] | None, new: tuple[UUID, int]) -> Difference:
        """Count what a version changes in place of an older one; each is a snapshot and the number of its version."""
        rows = await self._connection.execute(
            text(
                "SELECT count(*) FILTER (WHERE old.entry_id IS NULL) AS added,"
                " count(*) FILTER (WHERE new.entry_id IS NULL) AS removed,"
                " count(*) FILTER (WHERE new.entry_id = old.entry_id) AS unchanged"
                f" FROM (SELECT entry_id FROM entries e WHERE {IN_VERSION}) new"
                f" FULL JOIN (SELECT entry_id FROM entries e WHERE {_IN_OLD}) old USING (entry_id)"
            ),
            _compared(old, new),
        )
        return Difference(**rows.mappings().one())

    async def new_plates(
        self, old: tuple[UUID, int] | None, new: tuple[UUID, int], now: datetime, limit: int
    ) -> list[str]:
        """Return plates of a version that an older one lacks or has expired, in order; each is given as for
        `difference`."""
        rows = await self._connection.execute(
            text(
                f"SELECT e.plate FROM entries e WHERE {IN_VERSION} AND {_UNEXPIRED} EXCEPT"
                f" SELECT e.plate FROM entries e WHERE {_IN_OLD} AND {_UNEXPIRED}"
                " ORDER BY plate LIMIT :limit"
            ),
            _compared(old, new) | {"now": now, "limit": limit},
        )
        return list(rows.scalars())

    async def partials(self, snapshot_id: UUID, version: int) -> int:
        """Return the number of partial plates in a version."""
        rows = await self._connection.execute(
            text(f"SELECT count(*) FROM entries e WHERE {IN_VERSION} AND e.partial"),
            {"snapshot_id": snapshot_id, "version": version},
        )
        count: int = rows.scalar_one()
        return count

    async def remove(self, snapshot_id: UUID, version: int, entry_id: UUID) -> None:
        """Remove an entry from `version` on. Raises: NotFound if the version lacks it."""
        values = {"snapshot_id": snapshot_id, "version": version, "entry_id": entry_id}
        ended = await self._connection.execute(
            text(
                f"UPDATE entries e SET to_version = :version WHERE {IN_VERSION}"
                " AND e.entry_id = :entry_id AND e.from_version < :version"
            ),
            values,
        )
        # A version after a roll-back has copies of its own of entries that were removed before (`branch`).
        begun = await self._connection.execute(
            text(
                "DELETE FROM entries WHERE snapshot_id = :snapshot_id AND from_version = :version"
                " AND entry_id = :entry_id"
            ),
            values,
        )
        if ended.rowcount + begun.rowcount == 0:
            raise NotFound(Code.ENTRY_UNKNOWN)

    async def search(
        self,
        grant: Grant,
        hot_list: HotList,
        *,
        plate: str | None,
        record_kind: str | None,
        after: UUID | None,
        limit: int,
    ) -> list[ListedEntry]:
        """Return entries of the version in force, by id, and record their disclosure."""
        if hot_list.snapshot_id is None:
            return []
        columns = ", ".join(f"e.{column}" for column in COLUMNS)
        conditions = [IN_VERSION]
        values: dict[str, Any] = {
            "snapshot_id": hot_list.snapshot_id,
            "version": hot_list.active_version,
            "limit": limit,
        }
        for column, sign, value in (
            ("plate", "=", plate),
            ("record_kind", "=", record_kind),
            ("entry_id", ">", after),
        ):
            if value is not None:
                conditions.append(f"e.{column} {sign} :{column}")
                values[column] = value
        statement = text(
            f"SELECT {columns}, coalesce(e.entered_at, s.created_at) AS entered_at,"
            " coalesce(e.entered_by, s.created_by) AS entered_by"
            " FROM entries e JOIN snapshots s USING (snapshot_id)"
            f" WHERE {' AND '.join(conditions)} ORDER BY e.entry_id LIMIT :limit"
        )
        rows = await self._connection.execute(statement, values)
        found = [ListedEntry(**row) for row in rows.mappings()]
        await disclose(
            self._connection,
            grant,
            "hotlist_entry",
            [Disclosed(record_id=one.entry_id, plates=[one.plate]) for one in found],
        )
        return found

    async def drop_old(self, most: int) -> int:
        """Delete the entries of one snapshot older than the `most` latest of its list; return their number."""
        statement = text(
            "SELECT snapshot_id FROM (SELECT s.snapshot_id, s.dropped_at, row_number() OVER"
            " (PARTITION BY s.list_id ORDER BY (SELECT min(v.version) FROM versions v"
            " WHERE v.list_id = s.list_id AND v.snapshot_id = s.snapshot_id) DESC) AS place"
            " FROM snapshots s) ranked WHERE place > :most AND dropped_at IS NULL"
            " AND NOT EXISTS (SELECT FROM lists l JOIN versions v ON v.list_id = l.list_id"
            " AND v.version = l.active_version WHERE v.snapshot_id = ranked.snapshot_id) LIMIT 1"
        )
        snapshot_id = (await self._connection.execute(statement, {"most": most})).scalar()
        if snapshot_id is None:
            return 0
        # Lock the list against a rollback to the snapshot meanwhile.
        held = await self._connection.execute(
            text(
                "SELECT l.active_version FROM lists l JOIN snapshots s USING (list_id)"
                " WHERE s.snapshot_id = :snapshot_id FOR NO KEY UPDATE OF l SKIP LOCKED"
            ),
            {"snapshot_id": snapshot_id},
        )
        if held.first() is None:
            return 0
        marked = await self._connection.execute(
            text(
                "UPDATE snapshots s SET dropped_at = now() WHERE snapshot_id = :snapshot_id"
                " AND dropped_at IS NULL AND NOT EXISTS (SELECT FROM lists l JOIN versions v"
                " ON v.list_id = l.list_id AND v.version = l.active_version"
                " WHERE v.snapshot_id = s.snapshot_id)"
            ),
            {"snapshot_id": snapshot_id},
        )
        if marked.rowcount == 0:
            return 0
        await self._connection.execute(
            text("DELETE FROM set_aside WHERE snapshot_id = :snapshot_id"),
            {"snapshot_id": snapshot_id},
        )
        result = await self._connection.execute(
            text("DELETE FROM entries WHERE snapshot_id = :snapshot_id"),
            {"snapshot_id": snapshot_id},
        )
        return result.rowcount


def _compared(old: tuple[UUID, int] | None, new: tuple[UUID, int]) -> dict[str, Any]:
    """Return the values of `_IN_OLD` and `IN_VERSION`."""
    old_snapshot_id, old_version = old or (new[0], NO_VERSION)
    return {
        "snapshot_id": new[0],
        "version": new[1],
        "old_snapshot_id": old_snapshot_id,
        "old_version": old_version,
    }
