"""Request models."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from services.audit.actions.audits import Review
from services.audit.actions.breach import Suspicion
from services.audit.domain.audits import ItemOutcome
from services.audit.domain.exports import WantedExport
from services.audit.domain.findings import FindingOutcome
from services.audit.domain.policies import Role
from services.audit.store.search import Query
from shared.core.fields import MAX_INT, Moment
from shared.http.models import After, PlatePatternText, Reason, RequestBody, ShortText, key_of

EntryNumber = Annotated[int, Field(ge=0, lt=1 << 62)]


class AuditIn(RequestBody):
    """The period to audit."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"period_seq": 120_034}]})

    period_seq: Annotated[int, Field(ge=0, le=MAX_INT)] = Field(
        description="Number of the entry that fixed the period: `seq` in /v1/audits/periods"
    )


class ReviewIn(RequestBody):
    """The reviewer's judgement of one access."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"outcome": "proper", "note": "Case file agrees"}]},
    )

    outcome: ItemOutcome
    note: Reason | None = Field(
        default=None, description="The evidence for the review; required unless `outcome` is proper"
    )

    def review(self) -> Review:
        """Return the judgement."""
        return Review(outcome=self.outcome, note=self.note)


class SignOffIn(RequestBody):
    """The statement to sign."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"statement": "Reviewed in full; no misuse was found"}]},
    )

    statement: Reason


class AssignmentIn(RequestBody):
    """The person who shall investigate the finding."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "assigned_to": "7b0e6a52-9c5d-4c0b-8d6e-0f6f3c1c9a11",
                    "note": "Please ask the officer what the searches were for",
                }
            ]
        },
    )

    assigned_to: UUID
    note: Reason


class CommentIn(RequestBody):
    """A comment on the finding."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "Case file asked for"}]})

    note: Reason


class ClosureIn(RequestBody):
    """The outcome of the finding."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"outcome": "explained", "note": "One case, merged from three numbers"}]
        },
    )

    outcome: FindingOutcome
    note: Reason


class AcknowledgementIn(RequestBody):
    """The role in which the caller acknowledges the policy."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "auditor"}]})

    role: Role


class BreachQuery(RequestBody):
    """The account, and the period in which another person may have used it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "person_id": "7b0e6a52-9c5d-4c0b-8d6e-0f6f3c1c9a11",
                    "occurred_from": "2026-05-01T00:00:00Z",
                    "occurred_to": "2026-05-08T00:00:00Z",
                }
            ]
        },
    )

    person_id: ShortText
    occurred_from: Moment
    occurred_to: Moment = Field(description="Not included")
    limit: Annotated[int, Field(ge=1, le=100_000)] = 10_000

    def suspicion(self) -> Suspicion:
        """Return the account and the period."""
        return Suspicion(
            person_id=self.person_id,
            occurred_from=self.occurred_from,
            occurred_to=self.occurred_to,
        )


class EntryQuery(RequestBody):
    """The conditions of a search. An entry must meet all that are given."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"plate": "7ABC123", "occurred_from": "2026-05-01T00:00:00Z", "outcome": "allowed"}
            ]
        },
    )

    person_id: ShortText | None = None
    person_name: ShortText | None = None
    plate: PlatePatternText | None = Field(
        default=None,
        description="A plate in a search or a disclosure; a pattern with * or ? only as the person typed it",
    )
    purpose_kind: ShortText | None = None
    case_number: ShortText | None = Field(
        default=None, description="Case or call-for-service number"
    )
    occurred_from: Moment | None = None
    occurred_to: Moment | None = Field(default=None, description="Not included")
    kind: ShortText | None = Field(
        default=None, description="E.g. access.attempted, records.disclosed"
    )
    outcome: Literal["allowed", "refused"] | None = None
    service: ShortText | None = None
    permission: ShortText | None = None
    request_id: ShortText | None = Field(
        default=None,
        description="The `X-Request-ID` of an answer; the id that a caller sent does not match",
    )
    after: After | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    old_log: bool = Field(
        default=False,
        description="Search the log before this one, which is closed and read-only",
    )
    exact: bool = Field(
        default=False,
        description="Include each entry's exact hashed text and the disclosures of its groups",
    )

    def query(self) -> Query:
        """Return the conditions. Raises: InvalidInput for an unknown `after`."""
        given = self.model_dump(exclude={"outcome", "exact", "after"})
        allowed = None if self.outcome is None else self.outcome == "allowed"
        return Query(**given, allowed=allowed, before=key_of(self.after, int))


class ExportIn(RequestBody):
    """The entries to export."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"first": 0}]})

    first: EntryNumber = 0
    end: EntryNumber | None = Field(
        default=None, description="Not included; default: the end of the log"
    )
    with_values: bool = Field(
        default=False,
        description="Include the remaining sealed values: plates, cameras and times of sightings."
        " The log records such an export in an entry `values.exported`; it goes to the log's end",
    )
    old_log: bool = Field(
        default=False,
        description="Export the whole log before this one. Its entries have values in plaintext that this"
        " log seals, so `with_values` is required",
    )

    def wanted(self) -> WantedExport:
        """Return the export."""
        return WantedExport(**self.model_dump())
