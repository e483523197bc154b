"""Periodic audits of accesses (policy 468.6(c)): draw a period's sample, review its items, sign off the audit."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from services.audit.actions import audit_reports, audits
from services.audit.api.fields import AuditIn, ReviewIn, SignOffIn
from services.audit.api.guard import AuditRead
from services.audit.api.views.audits import AuditOut, AuditReportOut, PeriodOut
from services.audit.domain.report_pages import ReportPage
from services.audit.service import Running
from services.audit.store.audits import Audits
from shared.access.department import check_department
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.fields import MAX_INT
from shared.core.permissions import Permission
from shared.http.app import Work
from shared.http.models import After, Limit, Page, key_of
from shared.http.openapi import in_bytes

router = APIRouter(prefix="/v1/audits", tags=["audits"])

AuditWork = Annotated[Grant, access(Permission.AUDIT_WORK)]


@router.post("", status_code=201)
async def draw_audit(body: AuditIn, grant: AuditWork, work: Work, request: Request) -> AuditOut:
    """Draw the sample of a period's accesses, sized to find 1% misuse with 95% confidence.

    The caller cannot choose the sample: the plan sets the period, an entry of the log fixes it, and the second
    checkpoint after that entry gives the seed. Each period has one sample.
    """
    check_department(request, grant)
    return AuditOut.of(await audits.draw(work, grant, body.period_seq))


@router.get("/periods")
async def list_periods(
    grant: AuditRead, work: Work, after: After | None = None, limit: Limit = 20
) -> Page[PeriodOut]:
    """Periods of the audit plan that have ended, newest first."""
    found = await audits.ended_periods(work, before=key_of(after, int), limit=limit)
    following = found[-1].fixed.seq if len(found) == limit else None
    return Page.of([PeriodOut.of(period) for period in found], last=following)


async def report_of(
    period_seq: Annotated[int, Path(ge=0, le=MAX_INT)],
    grant: AuditRead,
    work: Work,
    audit: Running,
    *,
    names: bool = True,
) -> ReportPage:
    """Return the report of a period that was asked for."""
    department = audit.runtime.policy.department.name
    return await audit_reports.make_report(work, grant, period_seq, department, names=names)


Report = Annotated[ReportPage, Depends(report_of)]


@router.get("/periods/{period_seq}/report")
async def get_audit_report(report: Report) -> AuditReportOut:
    """The report of a period's audit, complete or not, made of the log up to the newest checkpoint.

    It has no plate, case or searched person; with `names=false` it names no auditor either.
    """
    return AuditReportOut.of(report)


@router.get(
    "/periods/{period_seq}/report/file",
    response_class=Response,
    responses=in_bytes("The report, one page", "text/html"),
)
async def download_audit_report(report: Report) -> Response:
    """The same report as a file that a browser shows and prints; `verify-report` compares it with an export."""
    return Response(report.html, media_type="text/html")


@router.get("")
async def list_audits(
    grant: AuditRead, work: Work, after: After | None = None, limit: Limit = 20
) -> Page[AuditOut]:
    """Audits, newest first."""
    found = await Audits(work.connection).page(grant, after=key_of(after, UUID), limit=limit)
    following = found[-1].audit_id if len(found) == limit else None
    return Page.of([AuditOut.of(audit) for audit in found], last=following)


@router.get("/{audit_id}")
async def get_audit(audit_id: UUID, grant: AuditRead, work: Work) -> AuditOut:
    """One audit with its items."""
    return AuditOut.of(await Audits(work.connection).get(grant, audit_id))


@router.post("/{audit_id}/items/{number}/review")
async def review_item(
    audit_id: UUID,
    number: Annotated[int, Path(ge=1, le=MAX_INT)],
    body: ReviewIn,
    grant: AuditWork,
    work: Work,
    request: Request,
) -> AuditOut:
    """Review one access of another person. The outcome `improper` raises a finding."""
    check_department(request, grant)
    return AuditOut.of(await audits.review_item(work, grant, audit_id, number, body.review()))


@router.post("/{audit_id}/sign-off")
async def sign_off_audit(
    audit_id: UUID, body: SignOffIn, grant: AuditWork, work: Work, request: Request
) -> AuditOut:
    """Sign off a fully reviewed audit.

    The signer must not have drawn it, reviewed any item, or made an access that was not found proper.
    """
    check_department(request, grant)
    return AuditOut.of(await audits.sign_off(work, grant, audit_id, body.statement))
