"""What release does with other services' events, and what it does by the clock."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.release.actions import steps
from services.release.domain.requests import Status
from services.release.store import Failure, Package, Requests
from shared.core.errors import InvalidInput
from shared.events import Event, ReleaseFailed, ReleasePackaged
from shared.kafka.consumer import Handler, Subscription
from shared.postgres.database import first_sight
from shared.postgres.outbox import emit
from shared.service.runtime import Runtime

GROUP = "release"


def handlers(runtime: Runtime) -> Mapping[type[Event], Handler]:
    """Return what is done with each type of event."""

    async def packaged(events: Sequence[Any]) -> None:
        async with runtime.db.begin() as connection:
            requests = Requests(connection)
            for event in events:
                if await first_sight(connection, GROUP, event.event_id):
                    await _packaged(requests, event)

    async def failed(events: Sequence[Any]) -> None:
        async with runtime.db.begin() as connection:
            requests = Requests(connection)
            for event in events:
                if await first_sight(connection, GROUP, event.event_id):
                    await _failed(requests, event)

    return {ReleasePackaged: packaged, ReleaseFailed: failed}


def subscriptions(runtime: Runtime) -> list[Subscription]:
    """Return release's one subscription."""
    return [Subscription(GROUP, handlers(runtime))]


async def _packaged(requests: Requests, event: ReleasePackaged) -> None:
    """Put the package on file. Raises: InvalidInput for a request that was never approved."""
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
    await requests.move(event.request_id, Status.PACKAGED)


async def _failed(requests: Requests, event: ReleaseFailed) -> None:
    """Put on file that there will be no package. Raises: InvalidInput for a request never approved."""
    await _approved(requests, event.request_id, "a failure")
    failure = Failure(reason=event.reason, failed_at=event.occurred_at)
    await requests.fail(event.request_id, failure)
    await requests.move(event.request_id, Status.FAILED)


async def _approved(requests: Requests, request_id: UUID, what: str) -> None:
    found = await requests.lock(request_id)
    if found is None or found.status is not Status.APPROVED:
        state = found.status.value if found else "unknown here"
        raise InvalidInput(f"{what} came for a request that is {state}")


async def expire_due(runtime: Runtime) -> int:
    """Remove packages whose download has expired; return how many. The requests stay on file."""
    now = runtime.clock.now()
    software = steps.software(runtime.policy.department.ori)
    async with runtime.db.begin() as connection:
        requests = Requests(connection)
        due = await requests.due(now)
        for request_id, package_key in due:
            await runtime.objects.delete(package_key)
            await requests.move(request_id, Status.EXPIRED)
            await emit(
                connection, runtime.service, steps.step(request_id, software, now, "expired")
            )
    return len(due)
