"""Routes of reports on accuracy: how well plates are read at each camera, as counts (ADR-0085)."""

from uuid import UUID

from fastapi import APIRouter, BackgroundTasks

from services.retention.actions import accuracy
from services.retention.api.fields.records import AccuracyReportIn
from services.retention.api.guard import AccuracyMeasure, AccuracyMeasureForPurpose
from services.retention.api.views.accuracy import AccuracyReportOut
from services.retention.api.views.pages import page_out
from services.retention.service import Running
from services.retention.store.accuracy import AccuracyReports
from shared.http.app import Work
from shared.http.models import After, IdempotencyKey, Limit, Page, key_of

router = APIRouter(prefix="/v1/accuracy-reports", tags=["accuracy"])


@router.post("", status_code=202)
async def request_accuracy_report(
    body: AccuracyReportIn,
    grant: AccuracyMeasureForPurpose,
    key: IdempotencyKey,
    work: Work,
    retention: Running,
    after: BackgroundTasks,
) -> AccuracyReportOut:
    """Request counts of how well the engine reads the crops of verified hits, by camera, state and judgement.

    A job reads the crops of records of the caller's agency that are still held; no person sees one. It is on record as
    one access of the caller to these reads.
    """
    report = await accuracy.request(
        work,
        grant,
        key,
        captured_from=body.captured_from,
        captured_to=body.captured_to,
        device_ids=body.device_ids,
        can_read=retention.accuracy.can_read,
    )
    after.add_task(retention.wake)
    return AccuracyReportOut.of(report)


@router.get("")
async def list_accuracy_reports(
    grant: AccuracyMeasure, work: Work, after: After | None = None, limit: Limit = 50
) -> Page[AccuracyReportOut]:
    """List the reports of the caller's agency, newest first."""
    found = await AccuracyReports(work.connection).page(
        grant, limit=limit + 1, after=key_of(after, UUID)
    )
    return page_out(found, limit, AccuracyReportOut.of, lambda one: one.report_id)


@router.get("/{report_id}")
async def get_accuracy_report(
    report_id: UUID, grant: AccuracyMeasure, work: Work
) -> AccuracyReportOut:
    """Return one report: its state and, once measured, its counts."""
    return AccuracyReportOut.of(await accuracy.report_of(work, grant, report_id))
