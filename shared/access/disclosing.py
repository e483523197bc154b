"""Disclosures: which records a grant gave out, recorded and counted in the transaction that read them."""

from collections import Counter
from collections.abc import Iterable
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
    """One record that was given out, as the access record tells of it."""

    record_id: object
    captured: date | None = None
    """When it was captured, the time or the day. None only for what has no capture, e.g. a list entry."""

    plates: Iterable[str] = ()
    read_ids: Iterable[object] = ()
    """The reads that it tells of, where it is neither read nor capture itself: of a hit, of a pass."""
    holds: int = 1
    """How many records it is made of: a package, an export of the log. So many are counted."""


DATED = frozenset({"read", "capture", "image", "crop", "hit", "pass"})
"""Kinds of records that always have a capture day: the audit log erases what it keeps of them by it."""


async def disclose(
    connection: AsyncConnection, grant: Grant, record_kind: str, records: Iterable[Disclosed]
) -> None:
    """Record which records `grant` was given, and count them, in the transaction that read them.

    Raises: RefusedByRule where a person was shown too many that day; then nothing may be shown.
    """
    records = list(records)
    told = disclosures(grant, record_kind, records)
    if grant.counted and is_counted(grant.permission.value, record_kind, offered=grant.offered):
        number = sum(event.count for event in told)
        try:
            await count(
                connection,
                grant.principal.account_id,
                grant.now.astimezone(UTC).date(),
                number,
                grant.most_disclosed,
            )
        except DisclosureLimit:
            # What one thing holds is known before; of others the refusal tells that they are there.
            shuts = all(record.holds == 1 for record in records)
            raise RefusedByRule(
                grant, Common.DISCLOSURE_LIMIT, shuts=shuts, most=grant.most_disclosed
            ) from None
    await emit(connection, grant.service, *told)


def disclosures(
    grant: Grant, record_kind: str, records: Iterable[Disclosed]
) -> list[RecordsDisclosed]:
    """Return what `disclose` records: one event for each six capture days, one at least.

    Raises: ValueError for a record without a capture day, of a kind that has one.
    """
    by_day: dict[date | None, list[DisclosedRecord]] = {}
    counts = Counter[date | None]()
    for record in records:
        if record.captured is None and record_kind in DATED:
            raise ValueError(f"a {record_kind} is disclosed with the day of its capture")
        counts[_utc_day(record.captured)] += record.holds
        by_day.setdefault(_utc_day(record.captured), []).append(
            DisclosedRecord(
                record_id=str(record.record_id),
                plates=sorted(set(record.plates)),
                read_ids=sorted(set(map(str, record.read_ids))),
            )
        )
    days = [DisclosedDay(captured_on=day, shown=shown) for day, shown in by_day.items()]
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
        )
        for start in range(0, max(1, len(days)), most)
    ]


def _utc_day(captured: date | None) -> date | None:
    return captured.astimezone(UTC).date() if isinstance(captured, datetime) else captured
