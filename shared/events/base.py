"""The base of all events: id, time, topic, version, key and actor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec

from shared.core.ids import new_id
from shared.core.types import Ori


class Actor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The person behind an event, as the access record names people (Civil Code 1798.90.52)."""

    person_id: str  # account id, or "system:<service>" for the software's own work
    name: str
    title: str
    agency_ori: Ori

    @classmethod
    def software(cls, service: str, department: Ori) -> "Actor":
        """Return the actor of a service that acts without a person."""
        return cls(
            person_id=f"system:{service}", name=service, title="software", agency_ori=department
        )

    @property
    def is_software(self) -> bool:
        """Whether no person acted."""
        return self.person_id.startswith("system:")


@dataclass(frozen=True, kw_only=True)
class Sealing:
    """The fields of an event that the audit log seals, so that a purge can erase them (docs/audit-log.md).

    The fields named here stay in the entry. The log seals all others, including fields that this version does
    not know yet.
    """

    group: str
    """The name of the group that holds all sealed fields but `records`."""

    open: frozenset[str]
    """Fields that stay in the entry, besides `event_id` and `occurred_at`."""

    inside: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Fields that hold a mapping, each with the names in it that stay in the entry."""

    day: str | None = None
    """The field with the capture time or day; without one, the day of the event counts."""

    read: str | None = None
    """The field with the id of the read or capture whose purge or hold decides."""

    records: str | None = None
    """The field with disclosed records by capture day: a group for each day, erased record by record."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A published fact. A body may gain optional fields, and never changes otherwise (ADR-0005)."""

    TOPIC: ClassVar[str] = ""
    VERSION: ClassVar[int] = 1
    SEALED: ClassVar[Sealing | None] = None
    """None: the entry in the audit log is the body as received."""

    event_id: UUID = msgspec.field(default_factory=new_id)
    occurred_at: datetime

    @property
    def key(self) -> str:
        """Events with one key stay in order. Never a plate: keys leak into logs."""
        return str(self.event_id)

    def present(self) -> "Event":
        """Return the event in the version that consumers handle; a former version returns its successor."""
        return self


class AdministrativeEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An event that a person caused; the audit log records who, what and when."""

    actor: Actor
