"""Reports on accuracy, their queue, and the judged reads that a job measures (ADR-0085)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

import msgspec
from sqlalchemy import Row as DatabaseRow
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.accuracy import (
    MOST_READS,
    Cell,
    JudgedRead,
    Row,
    Verdict,
    verdict_of,
)
from services.retention.domain.corrections import PlateSeen
from services.retention.domain.plates import plate_of
from services.retention.store.corrections import IS_LAST
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.events import Actor, PurposeRecord

State = Literal["requested", "ready", "failed"]

_COLUMNS = (
    "report_id, agency_ori, state, requested_by, requested_at, purpose, captured_from, captured_to, device_ids,"
    " attempts, fault, measured_at, engine, rows"
)
_ADD = text(
    """
    INSERT INTO accuracy_reports
        (report_id, agency_ori, state, requested_by, requested_at, purpose, captured_from, captured_to, device_ids,
         not_before)
    VALUES (:report_id, :agency_ori, 'requested', CAST(:requested_by AS jsonb), :requested_at,
            CAST(:purpose AS jsonb), :captured_from, :captured_to, :device_ids, :requested_at)
    ON CONFLICT DO NOTHING
    """
)
_GET = text(
    f"SELECT {_COLUMNS} FROM accuracy_reports"  # noqa: S608 - constants
    " WHERE report_id = :report_id AND agency_ori = ANY(:agencies)"
)
_PAGE = text(
    f"SELECT {_COLUMNS} FROM accuracy_reports WHERE agency_ori = ANY(:agencies)"  # noqa: S608 - constants
    " AND (CAST(:after AS uuid) IS NULL OR (requested_at, report_id) <"
    " (SELECT requested_at, report_id FROM accuracy_reports WHERE report_id = :after))"
    " ORDER BY requested_at DESC, report_id DESC LIMIT :limit"
)
_NEXT = text(
    f"SELECT {_COLUMNS} FROM accuracy_reports"  # noqa: S608 - constants
    " WHERE state = 'requested' AND not_before <= :now ORDER BY not_before LIMIT 1"
)
_MEASURED = text(
    "UPDATE accuracy_reports SET state = 'ready', fault = NULL, measured_at = :at, engine = :engine,"
    " rows = CAST(:rows AS jsonb) WHERE report_id = :report_id"
)
_AGAIN = text(
    "UPDATE accuracy_reports SET attempts = attempts + 1, not_before = :again, fault = :fault"
    " WHERE report_id = :report_id AND state = 'requested'"
)
_FAILED = text(
    "UPDATE accuracy_reports SET state = 'failed', attempts = attempts + 1, fault = :fault"
    " WHERE report_id = :report_id AND state = 'requested'"
)
_END = text("DELETE FROM accuracy_reports WHERE requested_at < :before AND state <> 'requested'")

# Of corrections, the last one of a read. Only `reads`: a record that a hold alone keeps is kept for its case. Of a hit
# that matched by a look-alike, it is not known which of the two plates was verified.
_JUDGED = text(
    f"""
    WITH judged AS (
        SELECT h.read_id, h.captured_at, h.outcome, FALSE AS is_corrected, CAST(NULL AS bigint) AS corrected_to
        FROM hits h
        WHERE h.outcome IS NOT NULL AND h.captured_at >= :captured_from AND h.captured_at < :captured_to
            AND EXISTS (SELECT FROM hit_events e WHERE e.hit_id = h.hit_id AND e.kind = 'raised'
                AND e.body ->> 'plate_read' = e.body ->> 'plate_listed')
        UNION ALL
        SELECT c.read_id, c.captured_at, NULL, TRUE, c.plate_id FROM read_corrections c
        WHERE c.captured_at >= :captured_from AND c.captured_at < :captured_to
            AND {IS_LAST}
    )
    SELECT r.read_id, r.captured_at, r.device_id, d.device_name, r.region, r.source, r.plate_id, r.crop_key,
        array_remove(array_agg(j.outcome), NULL) AS outcomes, bool_or(j.is_corrected) AS is_corrected,
        max(j.corrected_to) AS corrected_to
    FROM judged j
    JOIN reads r ON r.read_id = j.read_id AND r.captured_at = j.captured_at
    JOIN devices d ON d.device_id = r.device_id
    WHERE r.crop_key IS NOT NULL AND r.agency_ori = ANY(:agencies)
        AND r.captured_at >= :captured_from AND r.captured_at < :captured_to
        AND (cardinality(CAST(:device_ids AS uuid[])) = 0 OR r.device_id = ANY(:device_ids))
    GROUP BY r.read_id, r.captured_at, r.device_id, d.device_name, r.region, r.source, r.plate_id, r.crop_key
    ORDER BY r.captured_at DESC, r.read_id
    LIMIT :limit
    """  # noqa: S608 - constants
)
_HELD = text("SELECT read_id FROM reads WHERE read_id = ANY(:ids)")


@dataclass(frozen=True)
class Report:
    """One report: what was asked, and the counts once it is measured."""

    report_id: UUID
    agency_ori: str
    state: State
    requested_by: Actor
    requested_at: datetime
    purpose: PurposeRecord
    captured_from: datetime
    captured_to: datetime
    device_ids: tuple[UUID, ...]
    """The cameras; all of the agency's if empty."""
    attempts: int = 0
    fault: str | None = None
    measured_at: datetime | None = None
    engine: str | None = None
    rows: tuple[Row, ...] = ()

    @classmethod
    def of(cls, row: DatabaseRow[Any]) -> Self:
        """Return a row of `_COLUMNS` as a report."""
        plain = dict(row._mapping)
        plain["requested_by"] = msgspec.convert(plain["requested_by"], Actor)
        plain["purpose"] = msgspec.convert(plain["purpose"], PurposeRecord)
        plain["device_ids"] = tuple(plain["device_ids"])
        plain["rows"] = msgspec.convert(plain["rows"] or [], tuple[Row, ...])
        return cls(**plain)


class AccuracyReports:
    """Reports of the grant's agency."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, report: Report) -> bool:
        """Add a report to the queue; False if another one of its agency waits or runs."""
        parameters = {
            "report_id": report.report_id,
            "agency_ori": report.agency_ori,
            "requested_by": _json(report.requested_by),
            "requested_at": report.requested_at,
            "purpose": _json(report.purpose),
            "captured_from": report.captured_from,
            "captured_to": report.captured_to,
            "device_ids": list(report.device_ids),
        }
        return (await self._connection.execute(_ADD, parameters)).rowcount == 1

    async def get(self, grant: Grant, report_id: UUID) -> Report | None:
        """Return one report and disclose it."""
        parameters = {"report_id": report_id, "agencies": sorted(grant.agencies)}
        rows = await self._connection.execute(_GET, parameters)
        reports = await self._released(grant, rows.all())
        return reports[0] if reports else None

    async def page(self, grant: Grant, *, limit: int, after: UUID | None) -> list[Report]:
        """Return a page of reports, newest first, starting behind `after`, and disclose them."""
        parameters = {"agencies": sorted(grant.agencies), "after": after, "limit": limit}
        rows = await self._connection.execute(_PAGE, parameters)
        return await self._released(grant, rows.all())

    async def _released(self, grant: Grant, rows: Sequence[DatabaseRow[Any]]) -> list[Report]:
        reports = [Report.of(row) for row in rows]
        disclosed = [Disclosed(record_id=report.report_id) for report in reports]
        await disclose(self._connection, grant, "accuracy_report", disclosed)
        return reports


class AccuracyQueue:
    """The queue of reports to measure, and the end of old ones."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def next(self, now: datetime) -> Report | None:
        """Return the next report to measure; the caller is the only holder of `ACCURACY`."""
        row = (await self._connection.execute(_NEXT, {"now": now})).first()
        return None if row is None else Report.of(row)

    async def measured(
        self, report_id: UUID, rows: Sequence[Row], *, engine: str, at: datetime
    ) -> None:
        """Store the counts of a report."""
        parameters = {"report_id": report_id, "rows": _json(rows), "engine": engine, "at": at}
        await self._connection.execute(_MEASURED, parameters)

    async def again(self, report_id: UUID, *, again: datetime, fault: str) -> None:
        """Record the fault of a failed attempt and the time of the next."""
        parameters = {"report_id": report_id, "again": again, "fault": fault[:500]}
        await self._connection.execute(_AGAIN, parameters)

    async def failed(self, report_id: UUID, *, fault: str) -> None:
        """Record that measuring failed for good."""
        await self._connection.execute(_FAILED, {"report_id": report_id, "fault": fault[:500]})

    async def end(self, before: datetime) -> None:
        """Delete the reports that were requested before a time, unless they wait."""
        await self._connection.execute(_END, {"before": before})


class JudgedReads:
    """Reads with a crop whose hits people verified, or that people corrected."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of_report(self, grant: Grant, report: Report) -> list[JudgedRead]:
        """Return the judged reads of a report, the newest first, and disclose them.

        Leaves out reads of which verifications and correction disagree, and those that only a hold keeps.
        """
        parameters = {
            "agencies": sorted(grant.agencies),
            "captured_from": report.captured_from,
            "captured_to": report.captured_to,
            "device_ids": list(report.device_ids),
            "limit": MOST_READS,
        }
        rows = (await self._connection.execute(_JUDGED, parameters)).all()
        judged = [(row, _verdict(row)) for row in rows]
        found = [
            JudgedRead(
                read_id=row.read_id,
                cell=Cell(
                    row.device_id, row.device_name, row.region, row.source, verdict.judgement
                ),
                plate=verdict.plate,
                crop_key=row.crop_key,
            )
            for row, verdict in judged
            if verdict is not None
        ]
        # The plates are not part of it: the job shows none to a person.
        disclosed = [
            Disclosed(record_id=row.read_id, captured=row.captured_at)
            for row, verdict in judged
            if verdict is not None
        ]
        await disclose(self._connection, grant, "measured_crop", disclosed)
        return found

    async def still_stored(self, read_ids: Sequence[UUID]) -> frozenset[UUID]:
        """Return which of these reads no purge has destroyed."""
        rows = await self._connection.execute(_HELD, {"ids": list(read_ids)})
        return frozenset(rows.scalars())


def _verdict(row: DatabaseRow[Any]) -> Verdict | None:
    """Return what people said of the read of a row of `_JUDGED`."""
    recorded = plate_of(row.plate_id)
    if not row.is_corrected:
        return verdict_of(recorded, row.outcomes)
    seen = PlateSeen(None if row.corrected_to is None else plate_of(row.corrected_to), None)
    return verdict_of(recorded, row.outcomes, seen)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
