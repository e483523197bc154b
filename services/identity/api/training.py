"""Routes with which the Training Sergeant records training (468.8)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from services.identity.actions import training
from services.identity.api.fields import TrainingIn
from services.identity.api.views import AccountOut, TrainingOut
from services.identity.service import Work
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.http.models import After, Instant, Limit, Page, key_of

router = APIRouter(prefix="/v1", tags=["training"])

TrainingRecord = Annotated[Grant, access(Permission.TRAINING_RECORD)]


@router.post("/training", status_code=201)
async def record_training(body: TrainingIn, grant: TrainingRecord, work: Work) -> TrainingOut:
    """Record that another person completed a course, once; it counts from their next token on."""
    record = await training.record(
        work, grant.actor, body.account_id, course=body.course, completed_on=body.completed_on
    )
    return TrainingOut.of(record)


@router.get("/training/due")
async def list_training_due(
    grant: TrainingRecord, work: Work, after: After | None = None, limit: Limit = 100
) -> Page[AccountOut]:
    """List people whose training is missing, lapsed, or lapses soon."""
    last = key_of(after, tuple[Instant | None, str])
    found = await training.refresher_due(work, after=last, limit=limit)
    more = (found[-1].trained_until, found[-1].username) if len(found) == limit else None
    return Page.of([AccountOut.of(work, account) for account in found], last=more)


@router.get("/accounts/{account_id}/training")
async def list_training(
    account_id: UUID,
    grant: Annotated[Grant, access(Permission.ACCOUNT_READ)],
    work: Work,
    after: After | None = None,
    limit: Limit = 100,
) -> Page[TrainingOut]:
    """List a person's training, newest first."""
    await work.accounts.get(account_id)
    found = await work.trainings.of(account_id, after=key_of(after, UUID), limit=limit)
    more = found[-1].training_id if len(found) == limit else None
    return Page.of([TrainingOut.of(record) for record in found], last=more)
