"""How far behind the audit log is, as audit itself tells; past the policy's limit access is refused (ADR-0024)."""

from collections.abc import Sequence
from datetime import timedelta

from prometheus_client import Gauge

from shared.core.clock import Clock
from shared.core.errors import Unavailable
from shared.core.permissions import Permission
from shared.events import LogCovered

BEHIND = Gauge("alpr_log_behind_seconds", "How far the audit log is behind Kafka", ["service"])

SHOWN_AFTER_S = 60
"""Behind by more than this, `/readyz` says so and audit raises a finding."""

SKEW = timedelta(seconds=60)
"""A time further ahead of this machine's clock than this is not believed."""


class Coverage:
    """Measures from the newest time that audit has told, so an audit that is silent is behind too.

    Before audit has ever told anything it measures from the start of this process.
    """

    def __init__(self, service: str, clock: Clock, refuses_s: float) -> None:
        """`refuses_s`: access is refused when the log is behind by more than this."""
        self._service = service
        self._clock = clock
        self._refuses_s = refuses_s
        self._until = clock.now()
        self._told = False
        BEHIND.labels(service).set_function(self.behind_s)

    async def learn(self, events: Sequence[LogCovered]) -> None:
        """Take in what audit told; of several replicas the furthest counts."""
        for event in events:
            if event.covered_until > self._clock.now() + SKEW:
                continue
            if not self._told or event.covered_until > self._until:
                self._until, self._told = event.covered_until, True

    def behind_s(self) -> float:
        """Return for how long nothing newer is known to be in the log."""
        behind: timedelta = self._clock.now() - self._until
        return max(0.0, behind.total_seconds())

    @property
    def refuses(self) -> bool:
        """Whether access is refused."""
        return self.behind_s() > self._refuses_s

    def check(self, permission: Permission) -> None:
        """Raise Unavailable while access is refused and `permission` is not one that ends access."""
        if self.refuses and not permission.works_while_the_log_is_behind:
            raise Unavailable(
                "the audit log is too far behind, so no access is given; operations must mend it",
                retry_after_s=60,
            )

    def state(self) -> str:
        """Return what `/readyz` shows. Cameras are served all the same, so ingest stays ready."""
        behind_s = self.behind_s()
        if behind_s <= SHOWN_AFTER_S:
            return "ok"
        if self.refuses and self._service != "ingest":
            return f"{behind_s:.0f} s behind: access is refused"
        return f"ok, but {behind_s:.0f} s behind"
