"""What every event has: an id, a time, a topic, a version, a key; and who did it."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid4

import msgspec

from shared.types import Ori


class Actor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The person behind an event, as the access record names people (Civil Code 1798.90.52)."""

    person_id: str  # account id, or "system:<service>" for the software's own work
    name: str
    title: str
    agency_ori: Ori

    @classmethod
    def software(cls, service: str, department: Ori) -> "Actor":
        """Return the software itself, where a service acts without a person."""
        return cls(
            person_id=f"system:{service}", name=service, title="software", agency_ori=department
        )


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened. A body only ever gains optional fields (ADR-0005)."""

    TOPIC: ClassVar[str] = ""
    VERSION: ClassVar[int] = 1

    event_id: UUID = msgspec.field(default_factory=uuid4)
    occurred_at: datetime

    @property
    def key(self) -> str:
        """Events with one key stay in order. Never a plate: keys leak into logs."""
        return str(self.event_id)


class AdministrativeEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An event that a person caused, kept in the audit log with who, what, when."""

    actor: Actor
