"""The beginning, the reads and the end of a file of reads."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.retention.actions.read_exports import ReadExport
from services.retention.actions.searches import ReadsPage
from services.retention.api.views.records import ReadOut


class ExportPurposeOut(BaseModel):
    """The declared purpose of an export."""

    purpose_id: UUID | None = None
    kind: str
    offence_type: str | None = None
    case_number: str | None = None
    call_number: str | None = None


class ReadExportOut(BaseModel):
    """The beginning of a file of reads: what it was made for, and the access record that it belongs to."""

    attempt_id: UUID
    """The attempt on record, to which the log's disclosures of these reads belong."""
    request_id: str
    exported_at: datetime
    agency_ori: str
    purpose: ExportPurposeOut
    policy_version: str
    policy_digest: str
    captured_from: datetime
    """The searched window, without the time for which the schedule keeps no records."""
    captured_to: datetime

    @classmethod
    def of(cls, export: ReadExport) -> "ReadExportOut":
        """Return the view of an export that has begun."""
        grant, policy = export.grant, export.search.runtime.policy
        captured_from, captured_to = export.first.criteria.window
        return cls(
            attempt_id=grant.attempt_id,
            request_id=grant.request_id,
            exported_at=grant.now,
            agency_ori=grant.principal.agency_ori,
            purpose=ExportPurposeOut.model_validate(grant.declared.record, from_attributes=True),
            policy_version=policy.version,
            policy_digest=policy.digest,
            captured_from=captured_from.astimezone(UTC),
            captured_to=captured_to.astimezone(UTC),
        )


class ReadExportEndOut(BaseModel):
    """The end of a file of reads."""

    complete: bool = False
    records: int = 0
    next: str | None = None
    """Of an incomplete file: `after` of the request that continues it."""
    problem: dict[str, Any] | None = None
    """Why the file is incomplete: a problem document."""

    def with_piece(self, page: ReadsPage) -> "ReadExportEndOut":
        """Return the end of a file that has one piece more."""
        records = self.records + len(page.reads)
        return ReadExportEndOut(complete=page.next is None, records=records, next=page.next)

    def with_problem(self, problem: dict[str, Any]) -> "ReadExportEndOut":
        """Return the end of a file that a problem cut short."""
        return self.model_copy(update={"complete": False, "problem": problem})


def exported_reads(page: ReadsPage) -> Iterator[dict[str, Any]]:
    """Yield the reads of a piece as plain values of JSON; without links, which belong to answers on a screen."""
    for read in page.reads:
        yield ReadOut.of(read).model_dump(mode="json", exclude={"crop_url"})
