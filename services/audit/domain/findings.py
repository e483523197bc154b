"""Findings: their steps, the ids by which each is raised once, and the people who may work on them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from services.audit.domain.entries import Entry
from services.audit.domain.problem_codes import Code
from shared.core.errors import Conflict, NotAuthorised
from shared.core.ids import derive_id
from shared.events import Actor, FindingChanged, FindingRaised

CONTRADICTING_READ = "contradicting_read"

MOST_SUBJECT_CHARACTERS = 500
MOST_DETAILS_BYTES = 100_000
LONG_DETAIL_BYTES = 1000

FindingStatus = Literal["open", "assigned", "closed"]
FindingChange = Literal["assigned", "commented", "closed"]
FindingOutcome = Literal["misuse", "explained", "fault_repaired", "false_alarm"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the work on a finding."""

    change: FindingChange
    by: Actor
    at: datetime
    note: str
    assigned_to: str | None = None
    outcome: str | None = None


@dataclass(frozen=True)
class Finding:
    """A finding with its current status and its steps."""

    finding_id: UUID
    kind: str
    subject: str
    details: dict[str, Any]
    """The details that no purge has erased."""

    captured_on: date
    raised_at: datetime
    status: FindingStatus
    assigned_to: str | None
    outcome: str | None
    steps: list[Step]


def a_finding(
    kind: str, subject: str, at: datetime, *within: object, **details: Any
) -> FindingRaised:
    """Return a finding whose id derives from kind, subject and `within`, so that a repetition raises it once.

    `within` narrows the finding further: a plate, an hour, a day.
    """
    return FindingRaised(
        occurred_at=at,
        finding_id=derive_id("finding", kind, subject, *within),
        kind=kind,
        subject=subject,
        details=details,
    )


def bounded(event: FindingRaised) -> FindingRaised:
    """Return a finding that can be published: without its long details if they are too large, as an odd event's are."""
    subject, details = event.subject[:MOST_SUBJECT_CHARACTERS], event.details
    if len(msgspec.json.encode(details)) > MOST_DETAILS_BYTES:
        details = {
            name: value
            for name, value in details.items()
            if len(msgspec.json.encode(value)) <= LONG_DETAIL_BYTES
        }
    return msgspec.structs.replace(event, subject=subject, details=details)


def hour_of(at: datetime) -> str:
    """Return the text of an hour that narrows a finding to one an hour."""
    return at.isoformat(timespec="hours")[:13]


def contradiction(wrong: Entry, logged: bytes, at: datetime) -> FindingRaised:
    """Return the finding that an event was redelivered with other content than the logged entry."""
    found = wrong.found
    return a_finding(
        "contradicting_event",
        found.service,
        at,
        found.event_id,
        wrong.leaf.hex(),
        event_id=str(found.event_id),
        event_kind=found.kind,
        leaf_hash_kept=logged.hex(),
        leaf_hash_refused=wrong.leaf.hex(),
    )


def is_repeated(finding: Finding, step: Step) -> bool:
    """Return True if a step is the finding's last one, sent again by the same person in the same words."""
    if not finding.steps or finding.steps[-1].by.person_id != step.by.person_id:
        return False
    return msgspec.structs.replace(finding.steps[-1], by=step.by, at=step.at) == step


def check_work(finding: Finding, step: Step) -> None:
    """Check that a person may add a step to a finding.

    Raises: NotAuthorised if its subject does the step or would be assigned; Conflict for a closed finding.
    """
    if finding.subject in (step.by.person_id, step.assigned_to):
        raise NotAuthorised(Code.FINDING_WORKED_BY_SUBJECT)
    if finding.status == "closed":
        raise Conflict(Code.FINDING_CLOSED)


def worked(finding_id: UUID, step: Step) -> FindingChanged:
    """Return the event of a step of the work on a finding."""
    details = {"note": step.note, "assigned_to": step.assigned_to, "outcome": step.outcome}
    return FindingChanged(
        occurred_at=step.at,
        actor=step.by,
        finding_id=finding_id,
        change=step.change,
        details={name: value for name, value in details.items() if value is not None},
    )
