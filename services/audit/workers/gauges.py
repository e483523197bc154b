"""Shows, for alerts, what waits in audit: findings that are not closed, and entries that no checkpoint covers."""

from prometheus_client import Gauge

from services.audit.store.checkpoints import Checkpoints
from services.audit.store.findings import Findings
from services.audit.store.log import Log
from shared.core.periodic import PeriodicTask
from shared.service.api_runtime import ApiRuntime

OPEN = Gauge("alpr_findings_open", "Findings that are not closed", ["kind"])
OLDEST = Gauge(
    "alpr_findings_oldest_timestamp_seconds",
    "When the oldest finding that is not closed was raised",
    ["kind"],
)
SIGNED = Gauge("alpr_checkpoint_timestamp_seconds", "When the newest checkpoint was signed")
UNSIGNED = Gauge("alpr_log_unsigned_entries", "Entries of the log that no checkpoint covers")

EVERY_S = 30.0


class Gauges:
    """Reads the figures in the background; every replica shows the same."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime
        self.task = PeriodicTask("gauges", self.show, EVERY_S)

    async def show(self) -> None:
        """Set the gauges. Raises: Unavailable."""
        async with self._runtime.db.begin() as connection:
            unclosed = await Findings(connection, self._runtime.service).unclosed()
            newest, size = await Checkpoints(connection).latest(), await Log(connection).size()
        OPEN.clear()
        OLDEST.clear()
        for one in unclosed:
            OPEN.labels(one.kind).set(one.count)
            OLDEST.labels(one.kind).set(one.oldest_at.timestamp())
        UNSIGNED.set(size - (newest.size if newest else 0))
        SIGNED.set(newest.signed_at.timestamp() if newest else 0)
