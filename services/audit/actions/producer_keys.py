"""Verifies an event's producer: the MAC, the source and the topic must name the same service (ADR-0022)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from prometheus_client import Counter

from services.audit.domain.entries import Prepared
from services.audit.domain.findings import a_finding
from services.audit.settings import PRODUCERS, AcceptedKey
from shared.core.errors import InternalFault
from shared.events import FindingRaised
from shared.kafka.codec import Message
from shared.kafka.event_mac import MAC, MAC_KEY
from shared.kafka.topics import TOPICS

FORGED = Counter("alpr_forged_events", "Events that do not prove their producer", ["topic"])

LAST_KEY_DAYS = 30
"""The most days for which audit accepts a service's previous key after a change of keys."""

UNSIGNED_DAYS = 7
"""The longest retention of audited topics: after it, Kafka has no event from before MACs."""

_SOURCE = "/plateward/"


class ProofFault(StrEnum):
    """The reason why an event does not prove its producer."""

    NO_MAC = "the event has no MAC"
    UNKNOWN_KEY = "audit does not know the key of the event's MAC"
    ENDED_KEY = "the key of the event's MAC has ended"
    WRONG_MAC = (
        "the event's MAC is wrong: its author does not have the key, or it was changed later"
    )
    OTHER_SOURCE = "the event's source is another service than the owner of the key"
    NOT_A_PRODUCER = "the event's service does not publish this topic"


class Forged(InternalFault):
    """An event that does not prove its producer. It is dead-lettered and never appended."""

    title = "The event does not prove its producer"


@dataclass(frozen=True)
class Unproved:
    """The fault of an event that does not prove its producer, with the services that its key and source name."""

    fault: ProofFault
    owner: str | None
    """The service whose key made a correct MAC; None if no known key did."""

    claimed: str | None
    """The service that the event names as its source; None if the source is no known service."""


class Suspect(NamedTuple):
    """A message that does not prove its producer, prepared as an entry, with its fault."""

    message: Message
    prepared: Prepared
    fault: Unproved


def forged_event(suspect: Suspect, at: datetime) -> FindingRaised:
    """Return the finding for a suspect. Each topic, fault and service has at most one an hour, with the first offset.

    From the event itself it has only the names of services, because a forger may have written the rest.
    """
    message, fault = suspect.message, suspect.fault
    place = f"{message.topic}/{message.partition}/{message.offset}"
    names = {"key_owner": fault.owner, "claimed_source": fault.claimed}
    return a_finding(
        "forged_event",
        fault.owner or "unknown",
        at,
        message.topic,
        fault.fault,
        fault.claimed,
        f"{at:%Y-%m-%dT%H}",
        topic=message.topic,
        fault=fault.fault.value,
        kafka_place=place,
        **{name: service for name, service in names.items() if service is not None},
    )


class ProducerKeys:
    """Checks events against the keys that audit shares with each service."""

    def __init__(self, keys: Iterable[AcceptedKey]) -> None:
        self._keys = {one.key.id.encode(): one for one in keys}
        self._unsigned: Mapping[tuple[str, int], int] = {}
        self._unsigned_until: datetime | None = None

    def check_ends(self, now: datetime) -> None:
        """Check the ends of previous keys. Raises: ValueError if one is more than `LAST_KEY_DAYS` ahead."""
        latest = now + timedelta(days=LAST_KEY_DAYS)
        for accepted in self._keys.values():
            if accepted.until is not None and accepted.until > latest:
                raise ValueError(
                    f"a previous key of {accepted.key.service} is accepted for {LAST_KEY_DAYS} days at most"
                )

    def accept_unsigned(self, ends: Mapping[tuple[str, int], int], recorded_at: datetime) -> None:
        """Accept events without a MAC below these offsets, for a week after `recorded_at`.

        `ends`: offset by topic and partition.
        """
        self._unsigned = ends
        self._unsigned_until = recorded_at + timedelta(days=UNSIGNED_DAYS)

    def unproved(self, message: Message, service: str, now: datetime) -> Unproved | None:
        """Return the fault in a message's proof of its producer; None if the proof is valid.

        `service` is the service that the log's entry would name.
        """
        claimed = _claimed(message.headers.get("ce_source", b""))
        if MAC not in message.headers:
            if self._was_in_flight(message, now):
                return None
            return Unproved(ProofFault.NO_MAC, None, claimed)
        accepted = self._keys.get(message.headers.get(MAC_KEY, b""))
        if accepted is None:
            return Unproved(ProofFault.UNKNOWN_KEY, None, claimed)
        if accepted.until is not None and now >= accepted.until:
            return Unproved(ProofFault.ENDED_KEY, None, claimed)
        if not accepted.key.holds(message):
            return Unproved(ProofFault.WRONG_MAC, None, claimed)
        owner = accepted.key.service
        # The log shows and indexes the body's `service`, if the body has one.
        if claimed != owner or service != owner:
            return Unproved(ProofFault.OTHER_SOURCE, owner, claimed)
        if owner not in TOPICS[message.topic].producers:
            return Unproved(ProofFault.NOT_A_PRODUCER, owner, claimed)
        return None

    def _was_in_flight(self, message: Message, now: datetime) -> bool:
        """Return True if Kafka already had the event when this log began to require MACs."""
        if self._unsigned_until is None or now >= self._unsigned_until:
            return False
        return message.offset < self._unsigned.get((message.topic, message.partition), 0)


@lru_cache(maxsize=64)
def _claimed(source: bytes) -> str | None:
    said = source.decode(errors="replace")
    service = said.removeprefix(_SOURCE)
    return service if said.startswith(_SOURCE) and service in PRODUCERS else None
