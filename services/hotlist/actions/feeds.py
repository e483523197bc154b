"""Issues and revokes the feeds of a list, each of which may deliver extracts to this list and nothing else."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.hotlist.domain.feeds import Feed, check_new_feed
from services.hotlist.domain.problem_codes import Code
from services.hotlist.store.list_feeds import ListFeeds
from services.hotlist.store.lists import Lists
from shared.access.grant import Grant
from shared.core.errors import Conflict
from shared.core.ids import new_id
from shared.core.machine_secrets import digest, new_secret
from shared.events import HotListChanged
from shared.postgres.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Issued:
    """A feed and its credential, which is stored nowhere else."""

    feed: Feed
    credential: str


async def issue(
    work: UnitOfWork, grant: Grant, list_id: UUID, *, name: str, expires_at: datetime
) -> Issued:
    """Issue a credential that may deliver extracts to one list of the state or of NCIC.

    Raises: NotFound; Conflict for a list of the department, or with too many feeds; InvalidInput for its end.
    """
    feeds = ListFeeds(work.connection)
    hot_list = await Lists(work.connection).get(grant, list_id, lock=True)
    check_new_feed(hot_list.source, expires_at, await feeds.live(hot_list, grant.now), grant.now)
    feed_id, secret = new_id(), new_secret()
    await feeds.add(
        grant, hot_list, feed_id, name=name, secret_sha256=digest(secret), expires_at=expires_at
    )
    feed = await feeds.get(hot_list, feed_id)
    await work.emit(_changed(grant, feed, "feed_issued", expires_at=expires_at.isoformat()))
    return Issued(feed, f"{feed_id}.{secret}")


async def list_feeds(
    work: UnitOfWork, grant: Grant, list_id: UUID, *, before: UUID | None, limit: int
) -> list[Feed]:
    """Return the feeds of a list, newest first, those that have ended too. Raises: NotFound."""
    hot_list = await Lists(work.connection).get(grant, list_id)
    return await ListFeeds(work.connection).page(hot_list, before=before, limit=limit)


async def revoke(work: UnitOfWork, grant: Grant, list_id: UUID, feed_id: UUID, reason: str) -> Feed:
    """Refuse all deliveries of a feed from now on, also one that is under way; return it.

    Raises: NotFound; Conflict for a feed that is revoked.
    """
    feeds = ListFeeds(work.connection)
    hot_list = await Lists(work.connection).get(grant, list_id, lock=True)
    feed = await feeds.get(hot_list, feed_id)
    if feed.revoked_at is not None:
        raise Conflict(Code.FEED_REVOKED)
    await feeds.revoke(feed, grant.now)
    await work.emit(_changed(grant, feed, "feed_revoked", reason=reason))
    return await feeds.get(hot_list, feed_id)


def _changed(grant: Grant, feed: Feed, change: str, **details: str) -> HotListChanged:
    return HotListChanged(
        occurred_at=grant.now,
        actor=grant.actor,
        list_id=feed.list_id,
        change=change,
        details={"feed_id": str(feed.feed_id), "name": feed.name, **details},
    )
