"""Routes to declare and list purposes (468.4(a), 468.6(b))."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.identity.actions import purposes
from services.identity.api.fields import Justification, Number, OptionalLine
from services.identity.domain.purposes import Declaration
from services.identity.service import Running, Work
from services.identity.store.records import DeclaredPurpose
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import ValueRefused
from shared.core.fields import Moment
from shared.core.permissions import Permission
from shared.core.problem_codes import Common
from shared.http.models import After, Limit, Page, RequestBody, WholePlate, key_of

router = APIRouter(prefix="/v1/purposes", tags=["purposes"])

PurposeDeclare = Annotated[Grant, access(Permission.PURPOSE_DECLARE)]


class Scope(RequestBody):
    """The limits of a purpose: searches with its token must stay within them."""

    plate: WholePlate | None = None
    device_ids: Annotated[list[UUID], Field(min_length=1, max_length=50)] | None = None
    captured_from: Moment | None = None
    captured_to: Moment | None = None

    @model_validator(mode="after")
    def _window_runs_forward(self) -> "Scope":
        if self.captured_from and self.captured_to and self.captured_from >= self.captured_to:
            raise ValueRefused(Common.WINDOW_BACKWARDS, start="captured_from", end="captured_to")
        return self


class DeclarePurpose(RequestBody):
    """The purpose of an access; a case number or a call-for-service number is required."""

    model_config = ConfigDict(
        json_schema_extra={
            # The schema lists these as required, but the domain checks them, not validation: it refuses and
            # records a prohibited kind even if other fields are missing.
            "required": ["kind", "offence_type", "justification"],
            "examples": [
                {
                    "kind": "stolen_or_wanted_vehicle",
                    "offence_type": "vehicle theft",
                    "case_number": "26-001234",
                    "justification": "Owner reports a stolen sedan last seen near Solano Street",
                    "scope": {"plate": "7ABC123"},
                }
            ],
        }
    )

    kind: OptionalLine
    offence_type: OptionalLine = ""
    case_number: Number = None
    call_number: Number = None
    justification: Justification = ""
    scope: Scope | None = None


class AcceptedPurpose(BaseModel):
    """A purpose and its token, for the header X-ALPR-Purpose."""

    purpose_id: UUID
    purpose_token: Annotated[str, Field(examples=["eyJhbGciOiJFUzI1NiIsImtpZCI6Ii4uLiJ9..."])]
    expires_at: datetime


class PurposeOut(BaseModel):
    """A purpose that was declared."""

    purpose_id: UUID
    kind: str
    offence_type: str
    case_number: str | None
    call_number: str | None
    justification: str
    scope: dict[str, Any]
    declared_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, purpose: DeclaredPurpose) -> "PurposeOut":
        """Return the response model of a purpose."""
        return cls(**{name: getattr(purpose, name) for name in cls.model_fields})


@router.post("", status_code=201)
async def declare_purpose(
    body: DeclarePurpose, grant: PurposeDeclare, identity: Running
) -> AcceptedPurpose:
    """Say why data are needed and get the token that searches carry. Prohibited kinds are recorded."""
    scope = body.scope.model_dump(mode="json", exclude_none=True) if body.scope else {}
    said = Declaration(**{**body.model_dump(), "scope": scope})
    accepted = await purposes.declare(identity, grant.actor, said)
    return AcceptedPurpose(
        purpose_id=accepted.purpose.purpose_id,
        purpose_token=accepted.purpose_token,
        expires_at=accepted.purpose.expires_at,
    )


@router.get("")
async def list_purposes(
    grant: PurposeDeclare, work: Work, after: After | None = None, limit: Limit = 100
) -> Page[PurposeOut]:
    """List one's own purposes, newest first; their tokens are not shown again."""
    found = await work.purposes.of(grant, after=key_of(after, UUID), limit=limit)
    more = found[-1].purpose_id if len(found) == limit else None
    return Page.of([PurposeOut.of(purpose) for purpose in found], last=more)
