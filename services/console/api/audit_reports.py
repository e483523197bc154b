"""Reports of audits: shown as a page, and saved as a file that an outsider can verify (policy 468.6(c))."""

from fastapi import APIRouter, Request, Response

from services.console.actions import audit
from services.console.api.audit import Auditing, Seq
from services.console.api.pages import page

router = APIRouter(prefix="/audit/periods/{period_seq}/report")


@router.get("")
async def show_report(
    request: Request, period_seq: Seq, visit: Auditing, *, names: bool = True
) -> Response:
    """Show the report of a period's audit, complete or not, with or without the names of the auditors."""
    report = await audit.read_report(visit, period_seq, names=names)
    return page(
        request, "audit_report.html", visit, report=report, period_seq=period_seq, names=names
    )


@router.get("/file")
async def save_report(period_seq: Seq, visit: Auditing, *, names: bool = True) -> Response:
    """Relay the report's file, for the browser to save."""
    path = f"{audit.report_path(period_seq)}/file?names={str(names).lower()}"
    name = f"audit-report-{period_seq}{'' if names else '-without-names'}"
    return await visit.file("audit", path, {"text/html"}, name)
