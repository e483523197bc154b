"""Requests reports on how well plates are read at each camera; a worker measures them (ADR-0085)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.retention.domain.problem_codes import Code
from services.retention.store.accuracy import AccuracyReports, Report
from shared.access.grant import Grant
from shared.core.errors import Conflict, InvalidInput, NotFound
from shared.core.ids import derive_id
from shared.postgres.unit_of_work import UnitOfWork


async def request(
    work: UnitOfWork,
    grant: Grant,
    key: str,
    *,
    captured_from: datetime,
    captured_to: datetime,
    device_ids: Sequence[UUID],
    can_read: bool,
) -> Report:
    """Request a report; with the `key` of an earlier request, return its report.

    `can_read`: whether this process has a program that reads crops.

    Raises: InvalidInput for an empty window; Conflict without a program, while another report waits or runs, or if the
    report with `key` has another window or other cameras.
    """
    if captured_from >= captured_to:
        raise InvalidInput(Code.SEARCH_WINDOW_EMPTY, field="captured_to")
    if not can_read:
        raise Conflict(Code.ACCURACY_WITHOUT_ENGINE)
    reports = AccuracyReports(work.connection)
    report_id = derive_id("accuracy report", grant.actor.person_id, key)
    cameras = tuple(sorted(set(device_ids)))
    if (known := await reports.get(grant, report_id)) is not None:
        asked = captured_from, captured_to, cameras
        if (known.captured_from, known.captured_to, known.device_ids) != asked:
            raise Conflict(Code.ACCURACY_KEY_REUSED)
        return known
    report = Report(
        report_id=report_id,
        agency_ori=grant.principal.agency_ori,
        state="requested",
        requested_by=grant.actor,
        requested_at=grant.now,
        purpose=grant.declared.record,
        captured_from=captured_from,
        captured_to=captured_to,
        device_ids=cameras,
    )
    if not await reports.add(report):
        raise Conflict(Code.ACCURACY_REPORT_WAITS)
    return report


async def report_of(work: UnitOfWork, grant: Grant, report_id: UUID) -> Report:
    """Return a report of the caller's agency. Raises: NotFound."""
    report = await AccuracyReports(work.connection).get(grant, report_id)
    if report is None:
        raise NotFound(Code.ACCURACY_REPORT_UNKNOWN)
    return report
