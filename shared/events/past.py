"""Former versions of events. No service publishes them; the log and Kafka may still hold some (ADR-0030)."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.core.types import Ori
from shared.events.base import AdministrativeEvent, Event
from shared.events.releases import ReleaseCriteria


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


class ReleaseRequestedV1(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """`ReleaseRequested` when it had only the requester's name, as `requester`."""

    TOPIC: ClassVar[str] = "alpr.release.requested"
    VERSION: ClassVar[int] = 1

    request_id: UUID
    agency_ori: Ori
    agency_name: str
    requester: str
    purpose: str
    purpose_kind: str | None = None
    case_number: str | None = None
    offence_type: str | None = None
    criteria: ReleaseCriteria | None = None

    @property
    def key(self) -> str:
        """The request."""
        return str(self.request_id)


PAST: tuple[type[Event], ...] = (RefusalsCountedV1, ReleaseRequestedV1)
