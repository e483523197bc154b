"""MACs of audited events: they prove to the audit service which service made an event (ADR-0022).

Each service shares a key with audit only. The MAC is computed when the event is emitted, so audit also refuses an
event that was changed in the outbox or in Kafka.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from struct import pack

from shared.core.errors import InternalFault
from shared.core.hmac_sha256 import HmacSha256
from shared.kafka.codec import Message, Record
from shared.kafka.topics import AUDITED

MAC = "plateward_mac"
"""Header with the MAC, in hexadecimal. Not part of the log entry."""

MAC_KEY = "plateward_mac_key"
"""Header with the id of the key that made the MAC. Not part of the log entry."""

_JSON = "content-type"


class NoMacKey(InternalFault):
    """A process without EVENT_MAC_KEY emitted an audited event; audit would refuse it."""

    title = "EVENT_MAC_KEY is not set: audit would refuse every event of this service"


class MacKey:
    """One service's key. Its id starts with the service's name and never reveals the key."""

    def __init__(self, service: str, key: bytes) -> None:
        """`key` is 32 random bytes."""
        self._hmac = HmacSha256(key)
        self.service = service
        self.id = f"{service}.{sha256(b'plateward event mac key ' + key).hexdigest()[:16]}"

    def __repr__(self) -> str:
        return f"MacKey({self.id})"

    def mac(self, topic: str, key: bytes, headers: Mapping[str, bytes], body: bytes) -> str:
        """Return the MAC of an event in hexadecimal.

        It covers the topic, the record's key, every header that becomes part of the log entry (`ce_*` and
        `content-type`, by name) and the body. The number of parts and the length of each come first, as 64-bit
        big-endian integers, so no two events have the same bytes.
        """
        pieces = [topic.encode(), key]
        for name, encoded in _covered(tuple(headers)):
            pieces += (encoded, headers[name])
        pieces.append(body)
        count = len(pieces)
        covered = pack(f">{count + 1}Q", count, *map(len, pieces)) + b"".join(pieces)
        return self._hmac.hexdigest(covered)

    def holds(self, message: Message) -> bool:
        """Whether the message carries the MAC that this key computes for it."""
        body, key = message.value or b"", message.key or b""
        wanted = self.mac(message.topic, key, message.headers, body)
        return compare_digest(wanted.encode(), message.headers.get(MAC, b""))


@lru_cache(maxsize=256)
def _covered(names: tuple[str, ...]) -> Sequence[tuple[str, bytes]]:
    """Return the headers that a message's MAC covers, sorted by name, as they are and encoded."""
    return [(n, n.encode()) for n in sorted(names) if n.startswith("ce_") or n == _JSON]


def with_mac(record: Record, key: MacKey | None) -> Record:
    """Return `record` with its MAC if its topic is audited, else unchanged.

    Raises: NoMacKey for an audited topic without a key.
    """
    return all_with_macs([record], key)[0]


def all_with_macs(records: list[Record], key: MacKey | None) -> list[Record]:
    """Return `records`, those of audited topics with their MACs; the same list if no topic is audited.

    Raises: NoMacKey for an audited topic without a key.
    """
    if AUDITED.isdisjoint({record.topic for record in records}):
        return records
    if key is None:
        raise NoMacKey
    return [_with_mac(record, key) if record.topic in AUDITED else record for record in records]


def _with_mac(record: Record, key: MacKey) -> Record:
    mac = key.mac(record.topic, record.key, dict(record.headers), record.value)
    added = [(MAC, mac.encode()), (MAC_KEY, key.id.encode())]
    return record._replace(headers=[*record.headers, *added])
