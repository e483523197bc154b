"""Hands the package of an approved request to the agency that asked for it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

from services.release.domain.problem_codes import Code
from services.release.domain.requests import Agency, check_download
from services.release.store import Package, Receipt, Request, Requests
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.access.rechecks import check_account
from shared.core.errors import NotFound, Unavailable
from shared.core.problem_codes import Common
from shared.events import ReleaseReceived
from shared.objects.delivery import opened, sealed
from shared.objects.store import in_time
from shared.postgres.outbox import emit
from shared.postgres.unit_of_work import UnitOfWork
from shared.service.api_runtime import ApiRuntime

OPENED_WITHIN_S = 5.0
"""The longest wait for the begin of a package: the request holds a connection to Postgres meanwhile."""


@dataclass(frozen=True)
class Download:
    """A package, and its bytes in pieces; the last piece comes once the receipt is stored."""

    package: Package
    pieces: AsyncIterator[bytes]


async def downloadable(work: UnitOfWork, grant: Grant, request_id: UUID, agency: Agency) -> Request:
    """Return a request of `agency` whose package can be downloaded now, and record its disclosure.

    Raises: NotFound, also for another agency's request; Conflict without a package to download.
    """
    found = await Requests(work.connection).get(grant, request_id, agency=agency.ori)
    if found is None:
        raise NotFound(Code.REQUEST_UNKNOWN)
    check_download(found.status, found.expires_at, grant.now)
    return found


async def download(runtime: ApiRuntime, work: UnitOfWork, grant: Grant, found: Request) -> Download:
    """Open the package of a request and record its disclosure.

    Raises: NotFound; Unavailable, also if the object store does not begin to send it in time.
    """
    package = found.package
    if package is None:
        raise NotFound(Code.PACKAGE_UNKNOWN)
    async with in_time(OPENED_WITHIN_S, Unavailable(Common.OBJECT_STORE_AWAY)):
        pieces = await opened(runtime.objects.stream(package.package_key))
    await disclose(work.connection, grant, "package", [Disclosed(record_id=found.request_id)])
    receipt = _receipt(runtime, grant, found.request_id, package)
    still = partial(check_account, runtime, grant)
    return Download(package, sealed(pieces, package.sha256, receipt, still))


def _receipt(
    runtime: ApiRuntime, grant: Grant, request_id: UUID, package: Package
) -> Callable[[], Awaitable[None]]:
    """Return a function that stores the receipt and announces it."""

    async def receive() -> None:
        async with runtime.db.begin() as connection:
            event = ReleaseReceived(
                occurred_at=runtime.clock.now(),
                actor=grant.actor,
                request_id=request_id,
                sha256=package.sha256,
            )
            receipt = Receipt(
                receipt_id=uuid4(),
                received_by=event.actor,
                received_at=event.occurred_at,
                sha256=event.sha256,
            )
            await Requests(connection).receive(request_id, receipt)
            await emit(connection, runtime.service, event)

    return receive
