"""Releases from the limit of records shown to a person in a day, by ALPR administrators (ADR-0040)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from pydantic import StringConstraints as Constraints

from services.identity.actions import limits
from services.identity.api.accounts import AccountManage, AccountRead
from services.identity.service import Work
from services.identity.store.records import LimitLift
from shared.http.models import After, Limit, Page, Reason, RequestBody, key_of

router = APIRouter(prefix="/v1/accounts/{account_id}/limit-lifts", tags=["accounts"])


class LiftLimit(RequestBody):
    """For which case, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "case_number": "26-001234",
                    "reason": "Canvass of two weeks around the homicide on Solano Street",
                }
            ]
        }
    )

    case_number: Annotated[str, Constraints(strip_whitespace=True, min_length=3, max_length=32)]
    """As the person will declare it."""
    reason: Reason


class LimitLiftOut(BaseModel):
    """A release: purposes for its case that are declared before it ends carry it."""

    lift_id: UUID
    account_id: UUID
    case_number: str
    reason: str
    lifted_by: UUID
    lifted_at: datetime
    until: datetime

    @classmethod
    def of(cls, lift: LimitLift) -> "LimitLiftOut":
        """Return the response model of a release."""
        return cls(**vars(lift))


@router.post("", status_code=201)
async def lift_limit(
    account_id: UUID, body: LiftLimit, grant: AccountManage, work: Work
) -> LimitLiftOut:
    """Let a person be shown more records in a day than the policy allows, for one case; nobody can
    release themselves. The person then declares a purpose for that case again."""
    lift = await limits.lift(
        work, grant.actor, account_id, case_number=body.case_number, reason=body.reason
    )
    return LimitLiftOut.of(lift)


@router.get("")
async def list_limit_lifts(
    account_id: UUID, grant: AccountRead, work: Work, after: After | None = None, limit: Limit = 100
) -> Page[LimitLiftOut]:
    """List a person's releases, newest first. 404 where there is no such account."""
    await work.accounts.get(account_id)
    found = await work.limit_lifts.of(account_id, after=key_of(after, UUID), limit=limit)
    more = found[-1].lift_id if len(found) == limit else None
    return Page.of([LimitLiftOut.of(lift) for lift in found], last=more)
