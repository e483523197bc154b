"""Disclosures: records and counts the records that a grant released, in the transaction that read them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.access.grant import Grant
from shared.access.rule_refusals import RefusedByRule
from shared.core.problem_codes import Common
from shared.events import DisclosedDay, DisclosedRecord, RecordsDisclosed
from shared.postgres.disclosed_records import DisclosureLimit, count, is_counted
from shared.postgres.outbox import emit


@dataclass(frozen=True, kw_only=True)
class Disclosed:
    """One released record, as the access record describes it."""

    record_id: object
    captured: date | None = None
    """Time or day of its capture; None only for records without a capture, e.g. a list entry."""

    plates: Iterable[str] = ()
    read_ids: Iterable[object] = ()
    """Ids of the reads that it describes, for a record that is neither a read nor a capture: a hit, a pass."""
    holds: int = 1
    """The number of records in it, which counts towards the limit: above 1 for a package or an export of the log, 0 for
    a hold that was searched and for listed plates."""


DATED = frozenset(
    {"read", "exported_read", "capture", "image", "crop", "measured_crop", "hit", "pass"}
)
"""Kinds of records that always have a capture day; the audit log erases their values by this day."""


async def disclose(
    connection: AsyncConnection, grant: Grant, record_kind: str, records: Iterable[Disclosed]
) -> None:
    """Record and count the records that `grant` released, in the transaction that read them.

    Raises: RefusedByRule if they exceed the person's limit of records that day; the caller must then show none.
    """
    records = list(records)
    events = disclosures(grant, record_kind, records)
    if grant.counted and is_counted(grant.permission.value, record_kind, offered=grant.offered):
        number = sum(event.count for event in events)
        try:
            await count(
                connection,
                grant.principal.account_id,
                grant.now.astimezone(UTC).date(),
                number,
                grant.most_disclosed,
            )
        except DisclosureLimit:
            # The refusal of a search reveals that records match, so no more are shown that day. The size of a package
            # or export is known beforehand, so its refusal reveals no record.
            shuts = all(record.holds == 1 for record in records)
            raise RefusedByRule(
                grant, Common.DISCLOSURE_LIMIT, shuts=shuts, most=grant.most_disclosed
            ) from None
    await emit(connection, grant.service, *events)


def disclosures(
    grant: Grant, record_kind: str, records: Iterable[Disclosed]
) -> list[RecordsDisclosed]:
    """Return the events that `disclose` records: one for each six capture days, at least one.

    Raises: ValueError for a record without a capture day, if its kind is in `DATED`.
    """
    by_day: dict[date | None, list[DisclosedRecord]] = {}
    counts = Counter[date | None]()
    for record in records:
        if record.captured is None and record_kind in DATED:
            raise ValueError(f"a disclosed {record_kind} needs the day of its capture")
        day = _utc_day(record.captured)
        counts[day] += record.holds
        by_day.setdefault(day, []).append(
            DisclosedRecord(
                record_id=str(record.record_id),
                plates=sorted(set(record.plates)),
                read_ids=sorted(set(map(str, record.read_ids))),
            )
        )
    days = [DisclosedDay(captured_on=day, shown=listed) for day, listed in by_day.items()]
    most = RecordsDisclosed.MAX_DAYS
    return [
        RecordsDisclosed(
            occurred_at=datetime.now(UTC),
            attempt_id=grant.attempt_id,
            actor=grant.actor,
            service=grant.service,
            permission=grant.permission.value,
            record_kind=record_kind,
            records=days[start : start + most],
            count=sum(counts[day.captured_on] for day in days[start : start + most]),
            purpose=grant.purpose.record if grant.purpose else None,
            request_id=grant.request_id,
            by_day=_by_day(days[start : start + most], counts),
        )
        for start in range(0, max(1, len(days)), most)
    ]


def _by_day(days: Sequence[DisclosedDay], counts: Mapping[date | None, int]) -> dict[date, int]:
    if len(days) < 2:
        return {}
    return {day.captured_on: counts[day.captured_on] for day in days if day.captured_on is not None}


def _utc_day(captured: date | None) -> date | None:
    return captured.astimezone(UTC).date() if isinstance(captured, datetime) else captured
