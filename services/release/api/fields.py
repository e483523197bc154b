"""Request models."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from services.release.actions.agencies import AgencyChanges
from services.release.actions.filing import NamedAuthority, WrittenRequest
from services.release.actions.reviews import ReviewDecision
from services.release.domain.requests import Agency
from shared.core.errors import ValueRefused
from shared.core.fields import Moment
from shared.core.problem_codes import Common
from shared.core.purpose_kinds import normalise_kind
from shared.core.types import AgencyKind, Ori
from shared.events import ReleaseCriteria, Source
from shared.http.models import OriText, PlatePatternText, Reason, RequestBody, ShortText

StateText = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}$")]


class AgencyIn(RequestBody):
    """An agency that may request data."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ori": "CA0500000",
                    "name": "Tehama County Sheriff",
                    "kind": "law_enforcement",
                    "state": "US-CA",
                    "contact": "records@tehama.example",
                }
            ]
        }
    )

    ori: OriText
    name: ShortText
    kind: AgencyKind
    state: StateText = Field(description="ISO 3166-2, e.g. US-CA")
    contact: ShortText

    def agency(self) -> Agency:
        """Return the agency, active."""
        return Agency(
            Ori(self.ori), name=self.name, kind=self.kind, state=self.state, contact=self.contact
        )


class AgencyChangesIn(RequestBody):
    """Changes to an agency; fields left out stay unchanged."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"active": False}]})

    name: ShortText | None = None
    kind: AgencyKind | None = None
    state: StateText | None = None
    contact: ShortText | None = None
    active: bool | None = None

    def changes(self) -> AgencyChanges:
        """Return the changes."""
        return AgencyChanges(**self.model_dump())


class CriteriaIn(RequestBody):
    """The criteria of a request; the package holds exactly the records that match."""

    captured_from: Moment
    captured_to: Moment
    plate: PlatePatternText | None = Field(
        default=None, description="A plate, with * and ? for unknown characters"
    )
    device_ids: list[UUID] = Field(default=[], max_length=200)
    include_images: bool = True

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.captured_from >= self.captured_to:
            raise ValueRefused(Common.WINDOW_BACKWARDS, start="captured_from", end="captured_to")
        return self

    def criteria(self) -> ReleaseCriteria:
        """Return the criteria in the form that events carry."""
        return ReleaseCriteria(**self.model_dump())


class AuthorityIn(RequestBody):
    """Legal authority for a release that the law otherwise forbids."""

    reference: ShortText = Field(description="E.g. court and number of an order")
    document_id: UUID = Field(description="Of POST /v1/documents, uploaded by the same agency")

    def named(self) -> NamedAuthority:
        """Return the authority."""
        return NamedAuthority(reference=self.reference, document_id=self.document_id)


class RequestIn(RequestBody):
    """A written request (policy 468.7(a)). The agency is that of the access token."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "requester_name": "Dana Ruiz",
                    "requester_title": "Detective",
                    "purpose": "Locate the vehicle that left the scene of a robbery",
                    "purpose_kind": "criminal_investigation",
                    "case_number": "TCS-26-0417",
                    "offence_type": "robbery",
                    "criteria": {
                        "captured_from": "2026-05-01T00:00:00Z",
                        "captured_to": "2026-05-02T00:00:00Z",
                        "plate": "7ABC123",
                    },
                }
            ]
        }
    )

    requester_name: ShortText | None = Field(default=None, description="Default: the token's name")
    requester_title: ShortText | None = Field(
        default=None, description="Default: the token's title"
    )
    purpose: Reason
    purpose_kind: Annotated[str, Field(max_length=60)] = Field(
        description="One of the policy's purposes; kinds that the law forbids are refused by name"
    )
    case_number: ShortText
    offence_type: ShortText
    criteria: CriteriaIn
    legal_authority: AuthorityIn | None = None

    def written(self) -> WrittenRequest:
        """Return the request."""
        authority = self.legal_authority
        return WrittenRequest(
            requester_name=self.requester_name,
            requester_title=self.requester_title,
            purpose=self.purpose,
            purpose_kind=normalise_kind(self.purpose_kind),
            case_number=self.case_number,
            offence_type=self.offence_type,
            criteria=self.criteria.criteria(),
            legal_authority=authority.named() if authority is not None else None,
        )


class DecisionIn(RequestBody):
    """A reviewer's decision, with its reason."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"decision": "approve", "reason": "Robbery case, scoped to one plate"}]
        }
    )

    decision: Literal["approve", "deny"]
    reason: Reason
    originals: list[UUID] = Field(
        default=[],
        max_length=200,
        description="Captures whose frames are released whole, as captured; of all others the package"
        " contains only the part around the plate. If two people approve, the captures that both name",
    )
    list_sources: list[Source] = Field(
        default=[],
        max_length=3,
        description="The package contains only hits of lists of these sources, with the list's entry as"
        " it was shown. If two people approve, the sources that both name",
    )

    def verdict(self) -> ReviewDecision:
        """Return the decision."""
        return ReviewDecision(
            decision=self.decision,
            reason=self.reason,
            originals=self.originals,
            list_sources=self.list_sources,
        )


class WithdrawalIn(RequestBody):
    """The reason to withdraw a request."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "The vehicle was found"}]})

    reason: Reason
