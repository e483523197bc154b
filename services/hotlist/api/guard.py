"""The guards that several routes of alerts, hits and lists share, and the guard of feeds."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from services.hotlist.actions import deliveries
from services.hotlist.domain.feeds import Feed, presented
from services.hotlist.service import HotlistService
from shared.access import principals
from shared.access.attempts import attempt_of, record_attempt
from shared.access.data_elements import elements_of
from shared.access.grant import Grant
from shared.access.guard import access
from shared.access.principals import Principal
from shared.core.errors import NotAuthenticated
from shared.core.permissions import Permission
from shared.limits.limiter import mark_authenticated
from shared.service.running import service_of

AlertReceive = Annotated[Grant, access(Permission.ALERT_RECEIVE)]
HitRead = Annotated[Grant, access(Permission.HIT_READ)]
HotlistRead = Annotated[Grant, access(Permission.HOTLIST_READ)]
HotlistReadForPurpose = Annotated[Grant, access(Permission.HOTLIST_READ, purpose_needed=True)]
HotlistManage = Annotated[Grant, access(Permission.HOTLIST_MANAGE)]
HotlistManageOfRecord = Annotated[Grant, access(Permission.HOTLIST_MANAGE, scope_by_record=True)]
"""For routes that bring plates into force; `actions.listed_plates` asks for the purpose and applies its scope."""

HotlistManageForPurpose = Annotated[Grant, access(Permission.HOTLIST_MANAGE, purpose_needed=True)]
"""Guards `ForPurpose` are for routes that show entries or lines of a file."""

_BEARER = HTTPBearer(
    scheme_name="feed_credential",
    description="`<feed id>.<secret>`, as it was shown once when the feed was issued.",
    auto_error=False,
)


async def identify(request: Request) -> Feed | Principal:
    """Authenticate the sender of `request`, as its route requires. Raises: NotAuthenticated, Unavailable."""
    if request.url.path.endswith(deliveries.PATH):
        return await _feed(request)
    return await principals.identify(request)


async def _feed(request: Request) -> Feed:
    runtime = service_of(request.app, HotlistService).runtime
    credential = presented(request.headers.get("authorization"))
    return await deliveries.authenticate(runtime, credential)


async def feed_credential(request: Request, bearer: Annotated[object, Depends(_BEARER)]) -> Feed:
    """Return the feed that sends a request, or record the refusal of its credential as an attempt and raise it.

    `deliveries.grant_of` records the attempt of a feed that is let in. Raises: NotAuthenticated, Unavailable.
    """
    runtime = service_of(request.app, HotlistService).runtime
    try:
        feed = await _feed(request)
    except NotAuthenticated as exc:
        refused = attempt_of(
            request,
            Permission.HOTLIST_MANAGE,
            runtime.clock.now(),
            actor=None,
            elements=(await elements_of(request)).recorded,
            purpose=None,
            reason=exc.detail,
        )
        await record_attempt(runtime, refused)
        raise
    mark_authenticated(request)
    return feed


feed_credential.credential = "feed"  # type: ignore[attr-defined]  # read by the architecture test

Sender = Annotated[Feed, Depends(feed_credential)]
