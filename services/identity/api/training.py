"""Training, recorded by the Training Sergeant (468.8)."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from services.identity.actions import training
from services.identity.api.fields import Name
from services.identity.api.views import AccountOut
from services.identity.service import Work
from services.identity.store.records import Training
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.http.models import Page, RequestBody

router = APIRouter(prefix="/v1", tags=["training"])

TrainingRecord = Annotated[Grant, access(Permission.TRAINING_RECORD)]


class RecordTraining(RequestBody):
    """A course that a person completed; the policy's own course if none is named."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account_id": "7c8e2f0e-5f43-4b0e-9d7c-0d8a1d0f3a11",
                    "completed_on": "2026-05-04",
                }
            ]
        }
    )

    account_id: UUID
    completed_on: date
    course: Name | None = None


class TrainingOut(BaseModel):
    """A training record."""

    training_id: UUID
    account_id: UUID
    course: str
    completed_on: date
    valid_until: datetime
    recorded_by: UUID
    recorded_at: datetime

    @classmethod
    def of(cls, record: Training) -> "TrainingOut":
        """Return the response model of a training record."""
        return cls(**{**vars(record), "completed_on": record.completed_on.date()})


@router.post("/training", status_code=201)
async def record_training(body: RecordTraining, grant: TrainingRecord, work: Work) -> TrainingOut:
    """Record that somebody else completed a course; their next token carries it."""
    record = await training.record(
        work, grant.actor, body.account_id, course=body.course, completed_on=body.completed_on
    )
    return TrainingOut.of(record)


@router.get("/training/due")
async def list_training_due(grant: TrainingRecord, work: Work) -> Page[AccountOut]:
    """List people whose training is missing, lapsed, or lapses soon."""
    found = await training.refresher_due(work)
    return Page.of([AccountOut.of(work, account) for account in found])


@router.get("/accounts/{account_id}/training")
async def list_training(
    account_id: UUID, grant: Annotated[Grant, access(Permission.ACCOUNT_READ)], work: Work
) -> Page[TrainingOut]:
    """List a person's training."""
    await work.accounts.get(account_id)
    records = await work.trainings.of(account_id)
    return Page.of([TrainingOut.of(record) for record in records])
