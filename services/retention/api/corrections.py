"""Routes of corrections: a person says what a misread plate's picture shows."""

from uuid import UUID

from fastapi import APIRouter

from services.retention.actions import corrections
from services.retention.api.fields.records import CorrectionIn
from services.retention.api.guard import RecordCorrectOfRecord
from services.retention.api.views.records import ReadOut, reads_out
from services.retention.service import Running
from shared.http.app import Work
from shared.http.models import IdempotencyKey

router = APIRouter(prefix="/v1/reads/{read_id}/correction", tags=["records"])


@router.post("")
async def correct_read(
    read_id: UUID,
    body: CorrectionIn,
    grant: RecordCorrectOfRecord,
    key: IdempotencyKey,
    work: Work,
    retention: Running,
) -> ReadOut:
    """Record which plate and state a read's picture shows, if the read has others; return the read.

    The read never changes. Its corrections are shown wherever it is, the last one in force; a read that was corrected
    wrongly is corrected once more. The log records the person, the plate before and after, and the reason.
    """
    found = body.plate_seen(retention.runtime.policy.department.state)
    read = await corrections.correct(work, grant, read_id, key, found, body.reason)
    [view] = reads_out([read], grant, retention.runtime.links)
    return view
