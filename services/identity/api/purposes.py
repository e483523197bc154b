"""Routes to declare and list purposes (468.4(a), 468.6(b))."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from services.identity.actions import purposes
from services.identity.api.fields import PurposeIn
from services.identity.api.views import AcceptedPurposeOut, PurposeOut
from services.identity.domain.purposes import Declaration
from services.identity.service import Checked, Running, Work
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.http.models import After, Limit, Page, key_of

router = APIRouter(prefix="/v1/purposes", tags=["purposes"])

PurposeDeclare = Annotated[Grant, access(Permission.PURPOSE_DECLARE)]


@router.post("", status_code=201)
async def declare_purpose(
    body: PurposeIn, grant: PurposeDeclare, identity: Running, _: Checked
) -> AcceptedPurposeOut:
    """Say why data are needed and get the token that searches carry. Prohibited kinds are recorded."""
    scope = body.scope.model_dump(mode="json", exclude_none=True) if body.scope else {}
    said = Declaration(**{**body.model_dump(), "scope": scope})
    accepted = await purposes.declare(identity, grant.actor, said)
    return AcceptedPurposeOut(
        purpose_id=accepted.purpose.purpose_id,
        purpose_token=accepted.purpose_token,
        expires_at=accepted.purpose.expires_at,
        unknown_numbers=list(accepted.unknown_numbers),
        known_by=accepted.known_by,
    )


@router.get("")
async def list_purposes(
    grant: PurposeDeclare, work: Work, after: After | None = None, limit: Limit = 100
) -> Page[PurposeOut]:
    """List one's own purposes, newest first; their tokens are not shown again."""
    found = await work.purposes.of(grant, after=key_of(after, UUID), limit=limit)
    more = found[-1].purpose_id if len(found) == limit else None
    return Page.of([PurposeOut.of(purpose) for purpose in found], last=more)
