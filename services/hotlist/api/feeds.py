"""Routes of feeds: to issue and revoke them, and their deliveries."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from services.hotlist.actions import deliveries, feeds
from services.hotlist.actions.uploading import Extract
from services.hotlist.api.fields import FeedIn, RevocationIn, body_of, check_media
from services.hotlist.api.guard import HotlistManage, HotlistRead, Sender
from services.hotlist.api.views.feeds import FeedOut, IssuedFeedOut
from services.hotlist.api.views.versions import VersionOut
from services.hotlist.domain.csv_import import check_extract_time
from services.hotlist.service import Running
from shared.core.fields import Moment
from shared.http.app import Work
from shared.http.models import After, Limit, Page, key_of
from shared.http.openapi import file_body

router = APIRouter(tags=["feeds"])


@router.post("/v1/lists/{list_id}/feeds", status_code=201)
async def issue_feed(
    list_id: UUID, body: FeedIn, grant: HotlistManage, work: Work
) -> IssuedFeedOut:
    """Issue a credential that may deliver files to this list and nothing else; it is never shown again.

    A list of the department has none: its plates come on it for the declared purpose of a person.
    """
    issued = await feeds.issue(work, grant, list_id, name=body.name, expires_at=body.expires_at)
    return IssuedFeedOut.of(issued, work.clock.now())


@router.get("/v1/lists/{list_id}/feeds")
async def list_feeds(
    list_id: UUID,
    grant: HotlistRead,
    work: Work,
    after: After | None = None,
    limit: Limit = 100,
) -> Page[FeedOut]:
    """List the feeds of a list, newest first, those that have ended too."""
    found = await feeds.list_feeds(work, grant, list_id, before=key_of(after, UUID), limit=limit)
    last = found[-1].feed_id if len(found) == limit else None
    return Page.of([FeedOut.of(feed, work.clock.now()) for feed in found], last=last)


@router.post("/v1/lists/{list_id}/feeds/{feed_id}/revocation")
async def revoke_feed(
    list_id: UUID, feed_id: UUID, body: RevocationIn, grant: HotlistManage, work: Work
) -> FeedOut:
    """Refuse all deliveries of a feed from now on, also one that is under way."""
    revoked = await feeds.revoke(work, grant, list_id, feed_id, body.reason)
    return FeedOut.of(revoked, work.clock.now())


@router.post(
    deliveries.PATH,
    openapi_extra={"requestBody": file_body("The file, as the layout of the feed's list says.")},
)
async def deliver_extract(
    request: Request,
    feed: Sender,
    hotlist: Running,
    as_of: Annotated[Moment, Query(description="When the source made the extract.")],
    sha256: Annotated[
        str, Query(pattern="^[0-9a-f]{64}$", description="The SHA-256 of the file in hex.")
    ],
) -> VersionOut:
    """Deliver an extract with a feed's credential. The same file with the same time makes one version.

    The version comes into force if another one of the list is, unless it loses more of the list than the policy
    allows; otherwise it stays a draft for a person to put in force. Refuses an extract older than the one in force.
    """
    check_media(request)
    runtime = hotlist.runtime
    check_extract_time(as_of, runtime.clock.now())
    sent = Extract(as_of=as_of, activate=True, sha256=sha256, feed=feed)
    address = request.client.host if request.client else ""
    grant = await deliveries.grant_of(runtime, feed, sent, address)
    async with hotlist.uploading(), hotlist.changing() as work:
        made = await deliveries.deliver(
            work,
            grant,
            feed,
            body_of(request),
            sent,
            policy=runtime.policy,
            settings=hotlist.settings,
        )
    return VersionOut.of_uploaded(made)
