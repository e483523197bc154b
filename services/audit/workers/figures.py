"""Counts the log's new entries for the figures (policy 468.2).

Counts commit together with the position in the log, so each entry counts once.
"""

from services.audit.actions.figure_counts import Sums, next_entries
from services.audit.store.figures import Figures
from services.audit.store.stream import Stream
from shared.service.api_runtime import ApiRuntime

EVERY_S = 60.0


class FigureCounter:
    """Counts new entries. Of several replicas one counts at a time."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime
        self._zone = runtime.policy.department.time_zone

    async def catch_up(self) -> int:
        """Count all entries that were not counted; return their number."""
        counted = 0
        while some := await self._count():
            counted += some
        return counted

    async def _count(self) -> int:
        async with self._runtime.db.begin() as connection:
            stream, figures, sums = Stream(connection), Figures(connection), Sums()
            start = await stream.cursor("figures")
            logged = await next_entries(figures, start)
            if not logged:
                return 0
            sums.count(logged, self._zone)
            await figures.add(sums.added)
            if sums.reported:
                await figures.report(sums.reported)
            await stream.advance("figures", logged[-1].seq + 1)
            return len(logged)
