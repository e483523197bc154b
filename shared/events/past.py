"""Former versions of events. Nothing publishes them; the log and Kafka may still hold some (ADR-0030)."""

from datetime import datetime
from typing import ClassVar

from shared.events.base import Event


class RefusalsCountedV1(Event, frozen=True, kw_only=True, omit_defaults=True):
    """`RefusalsCounted` when its `route` was called `door`."""

    TOPIC: ClassVar[str] = "alpr.refusals.counted"
    VERSION: ClassVar[int] = 1

    service: str
    client_address: str
    door: str
    count: int
    since: datetime
    until: datetime
    allowed: bool


PAST: tuple[type[Event], ...] = (RefusalsCountedV1,)
