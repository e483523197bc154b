"""Who made an event: the MAC, the source and the topic must name one and the same service (ADR-0022)."""

import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from prometheus_client import Counter

from services.audit.actions.entries import Prepared
from services.audit.store.findings import a_finding
from shared.core.errors import AlprError
from shared.core.fields import KEY_BYTES, is_key
from shared.events import FindingRaised
from shared.kafka.codec import Message
from shared.kafka.event_mac import MAC, MAC_KEY, MacKey
from shared.kafka.topics import TOPICS

FORGED = Counter("alpr_forged_events", "Events that do not prove who made them", ["topic"])

LAST_KEY_DAYS = 30
"""A service's last key is taken for at most so long after the change."""

UNSIGNED_DAYS = 7
"""No audited topic keeps an event longer, so no event from before MACs is left in Kafka after it."""

_KEY = re.compile(r"(?P<service>[a-z]+):(?P<key>[A-Za-z0-9+/]+=*)(@(?P<until>\S+))?")
_SOURCE = "/plateward/"
_SERVICES = frozenset(service for topic in TOPICS.values() for service in topic.producers)
_AUDITED = frozenset(s for topic in TOPICS.values() if topic.audited for s in topic.producers)


class Fault(StrEnum):
    """Why an event does not prove who made it."""

    NO_MAC = "the event has no MAC"
    UNKNOWN_KEY = "the event's MAC is by a key that audit does not know"
    ENDED_KEY = "the event's MAC is by a key that has ended"
    WRONG_MAC = "the event's MAC is wrong: it was made or changed by somebody without the key"
    OTHER_SOURCE = "the event names another service as its source than the key's owner"
    NOT_A_PRODUCER = "the event's service does not publish this topic"


class Forged(AlprError):
    """An event that does not prove who made it. It is dead-lettered and never appended."""

    title = "The event does not prove who made it"


@dataclass(frozen=True)
class Unproved:
    """One such event: what is wrong and who is known to have made it."""

    fault: Fault
    owner: str | None
    """The service whose key made a correct MAC; None where no key proves anything."""

    claimed: str | None
    """The service that the event names as its source; None where that is no service."""


class Suspect(NamedTuple):
    """A message that does not prove who made it, as it would be logged, and why not."""

    message: Message
    prepared: Prepared
    fault: Unproved


def forged_event(suspect: Suspect, at: datetime) -> FindingRaised:
    """Return the finding; one an hour for each topic, fault and service, with the first place.

    Names nothing out of the event itself but services: the rest is a forger's text.
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


@dataclass(frozen=True)
class TakenKey:
    """A key whose MACs are taken, for a service's last key only until a moment."""

    key: MacKey
    until: datetime | None


def parse_keys(text: str) -> list[TakenKey]:
    """Return the keys in `service:base64` items, separated by spaces; a last key ends in `@time`.

    Raises: ValueError, without showing a key.
    """
    found = [_parse_key(number, item) for number, item in enumerate(text.split(), 1)]
    current = [taken.key.service for taken in found if taken.until is None]
    if twice := {service for service in current if current.count(service) > 1}:
        raise ValueError(f"two keys of {', '.join(sorted(twice))} have no end (service:key@time)")
    if lacking := _AUDITED - set(current):
        raise ValueError(f"there is no key of {', '.join(sorted(lacking))} without an end")
    ids = [taken.key.id.rpartition(".")[2] for taken in found]
    if len(set(ids)) < len(ids):
        raise ValueError("a key is named twice: each service has a key of its own")
    return found


def _parse_key(number: int, item: str) -> TakenKey:
    match = _KEY.fullmatch(item)
    if match is None:
        raise ValueError(f"item {number} is not service:base64 or service:base64@time")
    if match["service"] not in _SERVICES:
        raise ValueError(f"item {number} names no service that publishes events")
    if not is_key(match["key"]):
        raise ValueError(f"the key of item {number} is not base64 of {KEY_BYTES} bytes")
    until = None
    if match["until"] is not None:
        until = datetime.fromisoformat(match["until"])
        if until.tzinfo is None:
            raise ValueError(f"the time of item {number} has no time zone")
    return TakenKey(MacKey(match["service"], b64decode(match["key"])), until)


class Makers:
    """Checks events against the keys that audit shares with each service."""

    def __init__(self, keys: Iterable[TakenKey]) -> None:
        self._keys = {taken.key.id.encode(): taken for taken in keys}
        self._unsigned: Mapping[tuple[str, int], int] = {}
        self._unsigned_until: datetime | None = None

    def check_ends(self, now: datetime) -> None:
        """Raise ValueError for a last key that would be taken too long."""
        latest = now + timedelta(days=LAST_KEY_DAYS)
        for taken in self._keys.values():
            if taken.until is not None and taken.until > latest:
                raise ValueError(
                    f"a last key of {taken.key.service} is taken for {LAST_KEY_DAYS} days at most"
                )

    def take_unsigned(self, ends: Mapping[tuple[str, int], int], recorded_at: datetime) -> None:
        """Take events without a MAC below these offsets of (topic, partition), for a week."""
        self._unsigned = ends
        self._unsigned_until = recorded_at + timedelta(days=UNSIGNED_DAYS)

    def unproved(self, message: Message, service: str, now: datetime) -> Unproved | None:
        """Return what is wrong with a message's proof, None if its maker is who it says.

        `service` is what the log would show as its service.
        """
        claimed = _claimed(message.headers.get("ce_source", b""))
        if MAC not in message.headers:
            if self._was_in_flight(message, now):
                return None
            return Unproved(Fault.NO_MAC, None, claimed)
        taken = self._keys.get(message.headers.get(MAC_KEY, b""))
        if taken is None:
            return Unproved(Fault.UNKNOWN_KEY, None, claimed)
        if taken.until is not None and now >= taken.until:
            return Unproved(Fault.ENDED_KEY, None, claimed)
        if not taken.key.holds(message):
            return Unproved(Fault.WRONG_MAC, None, claimed)
        owner = taken.key.service
        # The body's `service`, where it has one, is what the log shows and is searched by.
        if claimed != owner or service != owner:
            return Unproved(Fault.OTHER_SOURCE, owner, claimed)
        if owner not in TOPICS[message.topic].producers:
            return Unproved(Fault.NOT_A_PRODUCER, owner, claimed)
        return None

    def _was_in_flight(self, message: Message, now: datetime) -> bool:
        """Whether an event lay in Kafka already when this log began to ask for MACs."""
        if self._unsigned_until is None or now >= self._unsigned_until:
            return False
        return message.offset < self._unsigned.get((message.topic, message.partition), 0)


@lru_cache(maxsize=64)
def _claimed(source: bytes) -> str | None:
    said = source.decode(errors="replace")
    service = said.removeprefix(_SOURCE)
    return service if said.startswith(_SOURCE) and service in _SERVICES else None
