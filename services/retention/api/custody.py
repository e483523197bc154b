"""Routes of custody: what became of a package and of its copies in evidence (policy 468.5)."""

from uuid import UUID

from fastapi import APIRouter

from services.retention.actions import custody
from services.retention.actions.exports import export_of
from services.retention.api.fields.evidence import CustodyActIn
from services.retention.api.guard import HoldManageOfRecord, HoldReadForPurpose
from services.retention.api.views.custody import CustodyActOut
from services.retention.store.custody import Custody
from shared.http.app import Work
from shared.http.models import After, IdempotencyKey, Limit, Page, key_of

router = APIRouter(prefix="/v1/evidence-exports/{export_id}/custody-acts", tags=["evidence"])


@router.post("", status_code=201)
async def record_custody_act(
    export_id: UUID,
    body: CustodyActIn,
    grant: HoldManageOfRecord,
    key: IdempotencyKey,
    work: Work,
) -> CustodyActOut:
    """Record what was done with a booked copy: handed over, returned, checked, destroyed by order.

    An act never changes; a further act corrects the last one of its copy. A check whose digest differs from the
    package's is recorded, too.
    """
    return CustodyActOut.of(await custody.record_act(work, grant, export_id, key, body.act()))


@router.get("")
async def list_custody_acts(
    export_id: UUID,
    grant: HoldReadForPurpose,
    work: Work,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[CustodyActOut]:
    """List the downloads of a package and the acts with its copies as they were recorded, corrected ones included."""
    await export_of(work, grant, export_id)
    found = await Custody(work.connection).of_export(
        grant, export_id, after=key_of(after, UUID), limit=limit
    )
    more = found[-1].act_id if len(found) == limit else None
    return Page.of([CustodyActOut.of(act) for act in found], last=more)
