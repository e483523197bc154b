"""Gathers the data that an account accessed in a period, for the notices of Civil Code 1798.29."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import msgspec

from services.audit.domain.entries import kind_of
from services.audit.domain.sealing import Part, Value, remaining_of
from services.audit.domain.windows import check_window
from services.audit.store.log import Row
from services.audit.store.search import Entries, disclosed_part
from shared.access.disclosing import Disclosed
from shared.access.grant import Grant
from shared.events import AccessAttempted, RecordsDisclosed, ValuesExported
from shared.postgres.unit_of_work import UnitOfWork

EXPORTED = kind_of(ValuesExported)
KINDS = (kind_of(AccessAttempted), kind_of(RecordsDisclosed), EXPORTED)


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """The account, and the period in which another person may have used it."""

    person_id: str
    occurred_from: datetime
    occurred_to: datetime
    """Not included."""


@dataclass
class Reached:
    """One disclosed record, with its first and last time and its count."""

    record_kind: str
    record_id: str
    first_at: datetime
    last_at: datetime
    times: int = 0


@dataclass
class Reach:
    """The data that an account accessed, gathered from its entries."""

    allowed: int = 0
    refused: int = 0
    erased: int = 0
    """The number of disclosed records that purges have erased; the report cannot name them. Of an export's values a
    group that was erased whole counts as one."""
    records: dict[tuple[str, str], Reached] = field(default_factory=dict)
    plates: Counter[str] = field(default_factory=Counter)
    addresses: Counter[str] = field(default_factory=Counter)
    disclosures: dict[tuple[date, bool, str], Disclosed] = field(default_factory=dict)
    """The disclosure of each record with plates, once each."""

    @property
    def ordered(self) -> list[Reached]:
        """The records, by first time, kind and id."""
        return sorted(self.records.values(), key=lambda r: (r.first_at, r.record_kind, r.record_id))

    def count_entry(self, row: Row) -> None:
        """Add one entry."""
        if row.found.kind == KINDS[0]:
            self.allowed += row.found.allowed is True
            self.refused += row.found.allowed is False
            self.addresses.update(filter(None, [row.found.client_address]))
            return
        if row.found.kind == EXPORTED:
            return  # its values come through `count_exported`
        body = msgspec.json.decode(row.content)["data"]
        remaining = [(value, part) for value in row.values for part in remaining_of(value)]
        for value, part in remaining:
            self._show(row, value, part, part.said.get("record_id"))
        disclosed = [part.said for _, part in remaining if "record_id" in part.said]
        self.plates.update(row.plates)
        ids = [*body.get("record_ids", ()), *(record["record_id"] for record in disclosed)]
        self._disclosed(str(body.get("record_kind")), ids, row)
        self.erased += _erased(row, body.get("count"), len(ids))

    def count_exported(self, row: Row, value: Value) -> None:
        """Add one of the log's values that the export of entry `row` contained."""
        for part in remaining_of(value):
            ids = part.read_ids or [part.said.get("hit_id", value.name)]
            self._show(row, value, part, ids[0])
            self.plates.update(part.plates)
            self._disclosed("log_value", ids, row)

    def count_exported_of_old(self, row: Row, old: Row) -> None:
        """Add an entry of the previous log that the export of entry `row` contained."""
        self.plates.update(old.plates)
        self._disclosed("old_log_entry", [old.seq], row)

    def _show(self, row: Row, value: Value, part: Part, record_id: object) -> None:
        if part.plates:
            key = (value.captured_on, value.sighting, str(record_id))
            self.disclosures.setdefault(key, disclosed_part(row.found.person_id, value, part))

    def _disclosed(self, kind: str, ids: Iterable[Any], row: Row) -> None:
        at = row.found.occurred_at
        for record_id in map(str, ids):
            reached = self.records.setdefault((kind, record_id), Reached(kind, record_id, at, at))
            reached.last_at = max(reached.last_at, at)
            reached.times += 1


def _erased(row: Row, count: object, left: int) -> int:
    """Return how many records of a disclosure are erased: of a group erased whole, its entry's count alone tells it."""
    listed = sum(1 if one.places is None else len(one.places) for one in row.erased)
    return max(listed, count - left) if listed and isinstance(count, int) else listed


async def report(work: UnitOfWork, grant: Grant, suspicion: Suspicion) -> Reach:
    """Return the data that an account accessed in a period, and record the disclosure.

    Raises: InvalidInput for a period that does not begin before its end.
    """
    period = suspicion.occurred_from, suspicion.occurred_to
    check_window(*period)
    entries, reach = Entries(work.connection), Reach()
    async for row in entries.of_person(suspicion.person_id, KINDS, *period):
        reach.count_entry(row)
        if row.found.kind == EXPORTED:
            async for value in entries.exported(row):
                reach.count_exported(row, value)
            async for old in entries.exported_of_old(row):
                reach.count_exported_of_old(row, old)
            reach.erased += await entries.erased_of_exported(row)
    await entries.disclose_report(grant, suspicion.person_id, [*reach.disclosures.values()])
    return reach
