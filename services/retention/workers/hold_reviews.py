"""Records in the log which holds are past their date of review, and whose owner has left (policy 468.5).

Audit raises a finding of each. Nothing is released by itself.
"""

from services.retention.store.hold_reviews import HoldReviews
from shared.events import Actor
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime

AT_ONCE = 100


class HoldReviewer:
    """One worker; several may run, each on its own holds."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime

    async def work(self) -> None:
        """Record every hold that is due, once for each date of review and each owner. Raises: Unavailable."""
        while await self._overdue():
            pass
        while await self._without_owner():
            pass

    async def _overdue(self) -> bool:
        """Record some holds past their date; False if none is left."""
        now = self._runtime.clock.now()
        async with self._runtime.db.begin() as connection:
            reviews = HoldReviews(connection)
            found = await reviews.overdue(now, AT_ONCE)
            for hold in found:
                await reviews.mark_overdue(hold)
                due = hold.changed(self._software, now, "review_due")
                await emit(connection, self._runtime.service, due)
        return bool(found)

    async def _without_owner(self) -> bool:
        """Record some holds whose owner was separated; False if none is left."""
        now, people = self._runtime.clock.now(), self._runtime.people
        async with self._runtime.db.begin() as connection:
            reviews = HoldReviews(connection)
            left = [owner for owner in await reviews.owners() if people.has_left(owner)]
            found = await reviews.of_owners(left, AT_ONCE) if left else []
            for hold in found:
                await reviews.mark_owner(hold)
                left_event = hold.changed(self._software, now, "owner_left")
                await emit(connection, self._runtime.service, left_event)
        return bool(found)

    @property
    def _software(self) -> Actor:
        return Actor.software("retention", self._runtime.policy.department.ori)
