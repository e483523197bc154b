"""Removes expired packages."""

from functools import partial

from services.release.actions import steps
from services.release.domain.requests import RequestStatus
from services.release.settings import Settings
from services.release.store import Requests
from shared.core.periodic import PeriodicTask
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime


def task(runtime: ApiRuntime, settings: Settings) -> PeriodicTask:
    """Return the task that removes expired packages."""
    every_s = settings.release_expiry_sweep_s
    return PeriodicTask("package expiry", partial(expire_due, runtime), every_s, at_once=True)


async def expire_due(runtime: ApiRuntime) -> int:
    """Delete up to 100 packages whose download has expired; return how many. The requests stay on file."""
    now = runtime.clock.now()
    software = steps.software(runtime.policy.department.ori)
    async with runtime.db.begin() as connection:
        requests = Requests(connection)
        due = await requests.due(now)
        for request_id, package_key in due:
            await runtime.objects.delete(package_key)
            await requests.move(request_id, RequestStatus.EXPIRED)
            await emit(
                connection, runtime.service, steps.step(request_id, software, now, "expired")
            )
    return len(due)
