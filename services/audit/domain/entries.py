"""An entry of the log: its exact bytes, its search fields, and the values stored beside it.

An entry is a CloudEvents 1.0 event in JSON format: the message's attributes, sorted, and as `data` the body
byte for byte as received. If the event declares sealed fields (`SEALED`), digests replace their values.
An entry keeps fields that this version does not know.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from services.audit.domain.sealing import Group, Value, salter, seal, with_digests
from shared.core.hmac_sha256 import HmacSha256
from shared.core.merkle import Hash, leaf_hash
from shared.events import Event

PREFIX = "alpr."
_encoder = msgspec.json.Encoder(order="sorted")


class EntryFields(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The search fields of an entry. They derive from its bytes, so that verification can derive them again."""

    event_id: UUID
    kind: str
    occurred_at: datetime
    service: str
    person_id: str | None = None
    person_name: str | None = None
    permission: str | None = None
    allowed: bool | None = None
    purpose_kind: str | None = None
    case_number: str | None = None
    plates: list[str] = []
    request_id: str | None = None
    attempt_id: UUID | None = None
    client_address: str | None = None


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An entry to append: its bytes, their leaf hash, its search fields, and the values stored beside it."""

    content: bytes
    leaf: Hash
    found: EntryFields
    values: Sequence[Value] = ()


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """A message prepared for its entry, before its groups are sealed."""

    found: EntryFields
    """The search fields of the entry; they contain no sealed value."""

    attributes: Mapping[str, str]
    came: bytes
    """The body as received."""

    stays: bytes
    """The part of the body that stays in the entry: all of it if the event has no groups."""

    groups: Sequence[Group] = ()

    @property
    def event_id(self) -> UUID:
        """The id of the event."""
        return self.found.event_id

    @property
    def plain_leaf(self) -> Hash:
        """The event's leaf hash in the previous log, which sealed no values."""
        return leaf_hash(_encoder.encode({**self.attributes, "data": msgspec.Raw(self.came)}))

    def entry(self, keys: Mapping[date, HmacSha256]) -> Entry:
        """Return the entry, sealed under the keys of its days.

        Raises: KeyError if `keys` lacks a day.
        """
        data = self.stays
        values: list[Value] = []
        if self.groups:
            salts = salter(self.found.event_id, keys)
            digests: dict[str, str] = {}
            for group in self.groups:
                digests[group.name], value = seal(group, salts)
                values.append(value)
            data = with_digests(data, digests)
        content = _encoder.encode({**self.attributes, "data": msgspec.Raw(data)})
        return Entry(content, leaf_hash(content), self.found, values)


def kind_of(event: type[Event]) -> str:
    """Return the log's name of this type of event."""
    return event.TOPIC.removeprefix(PREFIX)
