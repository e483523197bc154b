"""The delay of the audit log, from audit's own events; above the policy's limit, access is refused (ADR-0024)."""

from collections.abc import Sequence
from datetime import timedelta

from prometheus_client import Gauge

from shared.core.clock import Clock
from shared.core.errors import Unavailable
from shared.core.permissions import Permission
from shared.core.problem_codes import Common
from shared.events import LogCovered

BEHIND = Gauge("alpr_log_behind_seconds", "How far the audit log is behind Kafka", ["service"])

REPORTED_AFTER_S = 60
"""Delay above which `/readyz` reports it and audit raises a finding."""

SKEW = timedelta(seconds=60)
"""Events with a time further ahead of this machine's clock are ignored."""


class Coverage:
    """Measures the delay from the newest time in audit's events, so a silent audit counts as behind too.

    Before the first event, measures from the start of this process.
    """

    def __init__(
        self, service: str, clock: Clock, refuses_s: float, *, ready_without: bool = False
    ) -> None:
        """
        Args:
            refuses_s: delay in seconds above which access is refused.
            ready_without: whether the service stays ready while access is refused.
        """
        self._clock = clock
        self._refuses_s = refuses_s
        self._ready_without = ready_without
        self._until = clock.now()
        self._learned = False
        BEHIND.labels(service).set_function(self.behind_s)

    async def learn(self, events: Sequence[LogCovered]) -> None:
        """Apply audit's events; of several replicas the one furthest ahead counts."""
        for event in events:
            if event.covered_until > self._clock.now() + SKEW:
                continue
            if not self._learned or event.covered_until > self._until:
                self._until, self._learned = event.covered_until, True

    def behind_s(self) -> float:
        """Return the delay of the log in seconds."""
        behind: timedelta = self._clock.now() - self._until
        return max(0.0, behind.total_seconds())

    @property
    def refuses(self) -> bool:
        """Whether access is refused."""
        return self.behind_s() > self._refuses_s

    def check(self, permission: Permission) -> None:
        """Raise Unavailable while access is refused, except for permissions that end access."""
        if self.refuses and not permission.works_while_the_log_is_behind:
            raise Unavailable(Common.AUDIT_LOG_BEHIND, retry_after_s=60)

    def state(self) -> str:
        """Return the state for `/readyz`."""
        behind_s = self.behind_s()
        if behind_s <= REPORTED_AFTER_S:
            return "ok"
        if self.refuses and not self._ready_without:
            return f"{behind_s:.0f} s behind: access is refused"
        return f"ok, but {behind_s:.0f} s behind"
