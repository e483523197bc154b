"""What an account reached in a period: the facts for the notices of Civil Code 1798.29."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from services.audit.store.log import Row
from services.audit.watch import kind_of
from shared.events import AccessAttempted, RecordsDisclosed

KINDS = (kind_of(AccessAttempted), kind_of(RecordsDisclosed))


@dataclass
class Reached:
    """One record that was shown, when first and last, and how often."""

    record_kind: str
    record_id: str
    first_at: datetime
    last_at: datetime
    times: int = 0


@dataclass
class Reach:
    """All that an account reached, gathered from its entries."""

    allowed: int = 0
    refused: int = 0
    records: dict[tuple[str, str], Reached] = field(default_factory=dict)
    plates: Counter[str] = field(default_factory=Counter)
    addresses: Counter[str] = field(default_factory=Counter)

    def take(self, row: Row) -> None:
        """Count one entry in."""
        if row.found.kind == KINDS[0]:
            self.allowed += row.found.allowed is True
            self.refused += row.found.allowed is False
            self.addresses.update(filter(None, [row.found.client_address]))
            return
        body = msgspec.json.decode(row.content)["data"]
        shown = [record for day in body.get("records", ()) for record in day["shown"]]
        self.plates.update({plate for record in shown for plate in record.get("plates", ())})
        self._disclosed(str(body.get("record_kind")), [r["record_id"] for r in shown], row)

    def _disclosed(self, kind: str, ids: Iterable[Any], row: Row) -> None:
        at = row.found.occurred_at
        for record_id in map(str, ids):
            reached = self.records.setdefault((kind, record_id), Reached(kind, record_id, at, at))
            reached.last_at = max(reached.last_at, at)
            reached.times += 1
