"""Counts the listed plates for the public figures when a month has ended (policy 468.2)."""

from typing import get_args

from services.hotlist.store.feed import Feed
from shared.core.months import Month
from shared.core.types import Source
from shared.events import Counted, MonthCounted
from shared.service.api_runtime import ApiRuntime


class MonthCounter:
    """Counts the entries of the lists in force, by source."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime

    async def count(self, month: Month) -> MonthCounted:
        """Return the counts for a month that has ended: those of now, soon after its end. Raises: Unavailable."""
        async with self._runtime.db.begin() as connection:
            listed = await Feed(connection).listed()
        return MonthCounted(
            occurred_at=self._runtime.clock.now(),
            service=self._runtime.service,
            month=month.first_day,
            counts=[
                Counted(figure="listed_plates", kind=source, count=listed.get(source, 0))
                for source in get_args(Source)
            ],
        )
