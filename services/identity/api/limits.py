"""Releases from the limit of records shown to a person in a day, by ALPR administrators (ADR-0040)."""

from uuid import UUID

from fastapi import APIRouter

from services.identity.actions import limits
from services.identity.api.accounts import AccountManage, AccountRead
from services.identity.api.fields import LimitLiftIn
from services.identity.api.views import LimitLiftOut
from services.identity.service import Work
from shared.http.models import After, Limit, Page, key_of

router = APIRouter(prefix="/v1/accounts/{account_id}/limit-lifts", tags=["accounts"])


@router.post("", status_code=201)
async def lift_limit(
    account_id: UUID, body: LimitLiftIn, grant: AccountManage, work: Work
) -> LimitLiftOut:
    """Let a person see more records in a day than the policy allows, for one case.

    A person cannot lift their own limit. After the lift they declare a purpose for that case again.
    """
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
