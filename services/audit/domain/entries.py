"""An entry of the log: its exact bytes, what it can be found by, and the values that lie beside it.

An entry is a CloudEvents 1.0 event in JSON format: the attributes that came with it, sorted, and as
`data` the body byte for byte as it was received. Of an event that declares what is sealed (`SEALED`), the
body's sealed values are replaced by their digests. Nothing is dropped that this version does not know.
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


class Found(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an entry is found by. Derived from its bytes, so that verification can derive it again."""

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
    """What is appended: the bytes, their leaf hash, what they are found by, and the values beside them."""

    content: bytes
    leaf: Hash
    found: Found
    values: Sequence[Value] = ()


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """A message on its way to an entry, before its groups are sealed."""

    found: Found
    """What the entry will be found by: what is sealed has no part in it."""

    attributes: Mapping[str, str]
    came: bytes
    """The body as it came."""

    stays: bytes
    """What stays of it in the entry: of an event without groups, all."""

    groups: Sequence[Group] = ()

    @property
    def event_id(self) -> UUID:
        """The id of the event."""
        return self.found.event_id

    @property
    def plain_leaf(self) -> Hash:
        """The leaf that it had in the log before this one, which sealed nothing."""
        return leaf_hash(_encoder.encode({**self.attributes, "data": msgspec.Raw(self.came)}))

    def entry(self, keys: Mapping[date, HmacSha256]) -> Entry:
        """Return the entry, sealed under the keys of its days. Raises: Malformed."""
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
    """Return what the log calls this type of event."""
    return event.TOPIC.removeprefix(PREFIX)
