"""A unit of work: one transaction, its stores, and the events that commit with it."""

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.clock import Clock
from shared.events import Event
from shared.postgres.outbox import emit


class UnitOfWork:
    """One transaction of a route or a handler: its changes and events commit together or not at all."""

    def __init__(self, connection: AsyncConnection, service: str, clock: Clock) -> None:
        self.connection = connection
        self.service = service
        self.clock = clock

    async def emit(self, *events: Event) -> None:
        """Write `events` to the outbox, which publishes them after the commit."""
        await emit(self.connection, self.service, *events)
