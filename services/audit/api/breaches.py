"""Breach reports: the records that an account reached in a period (Civil Code 1798.29)."""

from fastapi import APIRouter

from services.audit.actions import breach
from services.audit.api.fields import BreachQuery
from services.audit.api.guard import AuditRead
from services.audit.api.views.breaches import BreachReportOut
from shared.http.app import Work

router = APIRouter(prefix="/v1/breach-reports", tags=["breach"])


@router.post("")
async def report_breach(body: BreachQuery, grant: AuditRead, work: Work) -> BreachReportOut:
    """The records that an account reached in a period, for the breach notices that the law requires."""
    return BreachReportOut.of(body, await breach.report(work, grant, body.suspicion()))
