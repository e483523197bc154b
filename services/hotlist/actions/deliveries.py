"""Takes the extracts that feeds deliver: one version for each file, whatever is sent again."""

from collections.abc import AsyncIterator

from services.hotlist.actions.uploading import Extract, Uploaded, upload
from services.hotlist.domain.entries import kinds_of
from services.hotlist.domain.feeds import Feed, Presented, check_live
from services.hotlist.domain.problem_codes import Code
from services.hotlist.settings import Settings
from services.hotlist.store.list_feeds import ListFeeds
from services.hotlist.store.lists import HotList, Lists
from shared.access.grant import Grant
from shared.access.system_grant import system_grant
from shared.core.errors import Unavailable
from shared.core.permissions import Permission
from shared.core.policy import Policy
from shared.postgres.unit_of_work import UnitOfWork
from shared.service.api_runtime import ApiRuntime

PATH = "/v1/deliveries"


async def authenticate(runtime: ApiRuntime, credential: Presented) -> Feed:
    """Return the feed of a credential. Raises: NotAuthenticated, Unavailable."""
    async with runtime.db.begin() as connection:
        found = await ListFeeds(connection).presented(credential.feed_id)
    feed, secret_sha256 = found or (None, b"")
    return credential.check(feed, secret_sha256, runtime.clock.now())


async def grant_of(runtime: ApiRuntime, feed: Feed, sent: Extract, client_address: str) -> Grant:
    """Record that a feed delivers a file, and return its grant. Raises: Unavailable."""
    return await system_grant(
        runtime,
        Permission.HOTLIST_MANAGE,
        on_behalf_of=feed.actor,
        purpose=None,
        elements={
            "list_id": str(feed.list_id),
            "as_of": sent.as_of.isoformat(),
            "sha256": str(sent.sha256),
        },
        work=PATH,
        agency_ori=feed.agency_ori,
        sources=frozenset({feed.source}),
        client_address=client_address,
    )


async def deliver(
    work: UnitOfWork,
    grant: Grant,
    feed: Feed,
    pieces: AsyncIterator[bytes],
    sent: Extract,
    *,
    policy: Policy,
    settings: Settings,
) -> Uploaded:
    """Make a version of a file, and put it in force if its list is; return the version of a file that is sent again.

    Raises: Unavailable while another delivery to the list is in progress; NotAuthenticated for a feed that ended
    meanwhile; the errors of `upload`.
    """
    feeds, lists = ListFeeds(work.connection), Lists(work.connection)
    hot_list = await lists.get(grant, feed.list_id)
    if not await lists.lock_deliveries(hot_list):
        raise Unavailable(Code.SHEET_UPLOADS_BUSY, retry_after_s=10)
    made = await _sent_before(lists, hot_list, sent, policy)
    if made is None:
        made = await upload(
            work, grant, feed.list_id, pieces, sent, policy=policy, settings=settings
        )
    # `upload` has locked the list: a revocation has committed, or waits for this delivery.
    check_live(await feeds.get(hot_list, feed.feed_id), work.clock.now())
    await feeds.delivered(feed, work.clock.now())
    return made


async def _sent_before(
    lists: Lists, hot_list: HotList, sent: Extract, policy: Policy
) -> Uploaded | None:
    """Return the version that was made of this file before: it does not come into force again."""
    version = await lists.same(hot_list, str(sent.sha256), sent.as_of)
    if version is None:
        return None
    last = await lists.last_entries(hot_list)
    return Uploaded(
        version=version,
        kinds=kinds_of(policy, hot_list.kinds_off),
        needs_second_word=version.needs_second_word(last, policy.hotlists.shrink_share),
        regions={},
    )
