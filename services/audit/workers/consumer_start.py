"""Starts the log's consumer once the log has recorded which events need no MAC (ADR-0022)."""

from collections.abc import Sequence

from services.audit.actions.upgrade import accept_in_flight
from services.audit.actions.writer import Writer
from shared.core.periodic import PeriodicTask
from shared.kafka.consumer import AnySubscription
from shared.service.api_runtime import ApiRuntime

RETRY_S = 1.0


class ConsumerStart:
    """Starts the consumer once. Kafka may have no topics yet: the task retries every second until it succeeds."""

    def __init__(
        self, runtime: ApiRuntime, writer: Writer, subscriptions: Sequence[AnySubscription]
    ) -> None:
        self._runtime = runtime
        self._writer = writer
        self._subscriptions = subscriptions
        self._done = False
        self.task = PeriodicTask("audit consumer", self.start, RETRY_S, at_once=True)

    async def start(self) -> None:
        """Start the consumer, unless it is started. Raises: DependencyDown; Unavailable."""
        if self._done:
            return
        await accept_in_flight(self._runtime, self._writer)
        if self._runtime.live:
            for subscription in self._subscriptions:
                self._runtime.consume(subscription)
        self._done = True
