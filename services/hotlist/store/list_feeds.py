"""Stores the feeds of lists."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.hotlist.domain.feeds import Feed
from services.hotlist.domain.problem_codes import Code
from services.hotlist.store.lists import HotList
from shared.access.grant import Grant
from shared.core.errors import NotFound

_FEED = """
    SELECT f.feed_id, f.list_id, l.agency_ori, l.source, f.name, f.issued_at, f.issued_by, f.issued_by_id,
        f.expires_at, f.revoked_at, f.last_delivered_at
    FROM feeds f JOIN lists l USING (list_id)
"""


class ListFeeds:
    """Feeds of lists that the caller has read, and the feed of a credential."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(
        self,
        grant: Grant,
        hot_list: HotList,
        feed_id: UUID,
        *,
        name: str,
        secret_sha256: bytes,
        expires_at: datetime,
    ) -> None:
        """Store a new feed of a locked list."""
        await self._connection.execute(
            text(
                "INSERT INTO feeds (feed_id, list_id, name, secret_sha256, issued_at, issued_by,"
                " issued_by_id, expires_at) VALUES (:feed_id, :list_id, :name, :secret, :now, :by,"
                " :by_id, :expires_at)"
            ),
            {
                "feed_id": feed_id,
                "list_id": hot_list.list_id,
                "name": name,
                "secret": secret_sha256,
                "now": grant.now,
                "by": grant.principal.name,
                "by_id": grant.principal.account_id,
                "expires_at": expires_at,
            },
        )

    async def page(self, hot_list: HotList, *, before: UUID | None, limit: int) -> list[Feed]:
        """Return the feeds of a list, newest first, beginning before the one with the id `before`."""
        rows = await self._connection.execute(
            text(
                f"{_FEED} WHERE f.list_id = :list_id AND (CAST(:before AS uuid) IS NULL"
                " OR f.feed_id < :before) ORDER BY f.feed_id DESC LIMIT :limit"
            ),
            {"list_id": hot_list.list_id, "before": before, "limit": limit},
        )
        return [Feed(**row) for row in rows.mappings()]

    async def get(self, hot_list: HotList, feed_id: UUID) -> Feed:
        """Return one feed of a list. Raises: NotFound."""
        found = await self.presented(feed_id)
        if found is None or found[0].list_id != hot_list.list_id:
            raise NotFound(Code.FEED_UNKNOWN)
        return found[0]

    async def presented(self, feed_id: UUID) -> tuple[Feed, bytes] | None:
        """Return the feed with this id and the digest of its secret; None if there is none."""
        rows = await self._connection.execute(
            text(
                _FEED.replace("SELECT ", "SELECT f.secret_sha256, ", 1)
                + " WHERE f.feed_id = :feed_id"
            ),
            {"feed_id": feed_id},
        )
        row = rows.mappings().one_or_none()
        if row is None:
            return None
        columns = dict(row)
        return Feed(**{name: columns[name] for name in columns if name != "secret_sha256"}), bytes(
            columns["secret_sha256"]
        )

    async def live(self, hot_list: HotList, now: datetime) -> int:
        """Return the number of a list's feeds that have not ended."""
        rows = await self._connection.execute(
            text(
                "SELECT count(*) FROM feeds WHERE list_id = :list_id AND revoked_at IS NULL"
                " AND expires_at > :now"
            ),
            {"list_id": hot_list.list_id, "now": now},
        )
        count: int = rows.scalar_one()
        return count

    async def revoke(self, feed: Feed, now: datetime) -> None:
        """End a feed now."""
        await self._connection.execute(
            text("UPDATE feeds SET revoked_at = :now WHERE feed_id = :feed_id"),
            {"feed_id": feed.feed_id, "now": now},
        )

    async def delivered(self, feed: Feed, now: datetime) -> None:
        """Store that a feed delivered an extract now."""
        await self._connection.execute(
            text("UPDATE feeds SET last_delivered_at = :now WHERE feed_id = :feed_id"),
            {"feed_id": feed.feed_id, "now": now},
        )
