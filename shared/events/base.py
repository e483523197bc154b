"""The base of all events: id, time, topic, version, key and actor."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

import msgspec

from shared.core.ids import derive_id, new_id
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
    KEYED_BY: ClassVar[str] = "event_id"
    """The field whose value is the key. An event with another key overrides `key`."""

    SEALED: ClassVar[Sealing | None] = None
    """None: the entry in the audit log is the body as received."""

    event_id: UUID = msgspec.field(default_factory=new_id)
    occurred_at: datetime

    @property
    def key(self) -> str:
        """Events with one key stay in order. Never a plate: keys leak into logs."""
        return str(getattr(self, self.KEYED_BY))

    def present(self) -> "Event":
        """Return the event in the version that consumers handle; a former version returns its successor."""
        return self


class GroupedEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An event about one record or several. A consumer counts its records, and refuses one without the others."""

    MOST: ClassVar[int] = 250
    """The most records that a producer puts into one event."""

    MOST_BYTES: ClassVar[int] = 200_000
    """The codec divides an event whose body is larger."""

    RECORDS: ClassVar[str]
    """The field with its records, one at the least."""

    RECORD_ID: ClassVar[str]
    """The field of a record with its id."""

    @property
    def records(self) -> list[Any]:
        """What it is about."""
        records: list[Any] = getattr(self, self.RECORDS)
        return records

    @classmethod
    def id_of(cls, records: Sequence[Any]) -> UUID:
        """Return the id of an event of these records."""
        ends = (getattr(record, cls.RECORD_ID) for record in (records[0], records[-1]))
        return derive_id(cls.RECORDS, *ends, len(records))

    def with_records(self, records: Sequence[Any]) -> Self:
        """Return the event with these of its own records alone; equal records give an equal id."""
        changed = {"event_id": self.id_of(records), self.RECORDS: list(records)}
        return msgspec.structs.replace(self, **changed)

    def divided(self, most: int) -> Iterator[Self]:
        """Yield the event in parts of at most `most` records; itself if it has no more."""
        if len(self.records) <= most:
            yield self
            return
        for start in range(0, len(self.records), most):
            yield self.with_records(self.records[start : start + most])

    def halves(self) -> list[Self]:
        """Return the event in two parts; itself alone if it has one record."""
        return [self] if len(self.records) < 2 else list(self.divided((len(self.records) + 1) // 2))


class AdministrativeEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An event that a person caused; the audit log records who, what and when."""

    actor: Actor
