"""Release's consumer: one handler for each consumed topic."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.release.actions.file_ends import destroy_freed
from services.release.domain.requests import RequestStatus
from services.release.service import ReleaseService
from services.release.store import Failure, Package, Requests
from shared.core.errors import InternalFault
from shared.events import Event, ReleaseFailed, ReleaseFreed, ReleasePackaged
from shared.kafka.consumer import Handler, Subscription
from shared.postgres.database import first_sight, refused_if_unstorable
from shared.service.api_runtime import ApiRuntime

GROUP = "release"

E = TypeVar("E", bound=Event)


class Handlers:
    """The handler of each consumed event."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime
        self._db = runtime.db

    async def packaged(self, events: Sequence[ReleasePackaged]) -> None:
        """Store packages. Raises: InternalFault for a request that does not await its package."""
        await self._once(events, _packaged)

    async def failed(self, events: Sequence[ReleaseFailed]) -> None:
        """Store failures to make a package. Raises: InternalFault for a request that does not await its package."""
        await self._once(events, _failed)

    async def freed(self, events: Sequence[ReleaseFreed]) -> None:
        """Destroy the files of requests that no hold concerns."""
        await self._once(events, partial(destroy_freed, self._runtime))

    async def _once(
        self, events: Sequence[E], effect: Callable[[AsyncConnection, E], Awaitable[None]]
    ) -> None:
        """Apply `effect` to each event in one transaction; skip events that were handled before."""
        with refused_if_unstorable():
            async with self._db.begin() as connection:
                for event in events:
                    if await first_sight(connection, GROUP, event.event_id):
                        await effect(connection, event)

    @property
    def by_event(self) -> dict[type[Event], Handler]:
        """Handlers by event type."""
        return {
            ReleasePackaged: self.packaged,
            ReleaseFailed: self.failed,
            ReleaseFreed: self.freed,
        }


def subscriptions(release: ReleaseService) -> list[Subscription]:
    """Return release's one subscription."""
    return [Subscription(GROUP, Handlers(release.runtime).by_event)]


async def _packaged(connection: AsyncConnection, event: ReleasePackaged) -> None:
    """Store the package. Raises: InternalFault for a request that does not await its package."""
    requests = Requests(connection)
    await _approved(requests, event.request_id, "a package")
    package = Package(
        package_key=event.package_key,
        sha256=event.sha256,
        size_bytes=event.size_bytes,
        reads=event.reads,
        images=event.images,
        omitted=event.omitted,
        manifest_signed_by=event.manifest_signed_by,
        packaged_at=event.occurred_at,
    )
    await requests.package(event.request_id, package)
    await requests.move(event.request_id, RequestStatus.PACKAGED)


async def _failed(connection: AsyncConnection, event: ReleaseFailed) -> None:
    """Store the failure to make a package. Raises: InternalFault for a request that does not await its package."""
    requests = Requests(connection)
    await _approved(requests, event.request_id, "a failure")
    failure = Failure(reason=event.reason, failed_at=event.occurred_at)
    await requests.fail(event.request_id, failure)
    await requests.move(event.request_id, RequestStatus.FAILED)


async def _approved(requests: Requests, request_id: UUID, what: str) -> None:
    found = await requests.lock(request_id)
    if found is None or found.status is not RequestStatus.APPROVED:
        state = found.status.value if found else "unknown here"
        raise InternalFault(f"{what} arrived for a request that is {state}")
