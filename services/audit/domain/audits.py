"""Audits of accesses: a sample, its reviews and its sign-off, and the people who may do each (policy 468.6(c))."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from services.audit.domain.problem_codes import Code
from shared.core.errors import Conflict, InvalidInput, NotAuthorised, NotFound
from shared.events import Actor

ItemOutcome = Literal["proper", "improper", "unclear"]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One access of the sample, numbered from 1 in the order of the draw."""

    number: int
    seq: int
    outcome: ItemOutcome | None = None
    note: str | None = None
    reviewed_by: Actor | None = None
    reviewed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A draw, before any review."""

    audit_id: UUID
    period_seq: int | None
    """The entry that fixed the period; None for an audit that is older than the plan's periods."""
    occurred_from: datetime
    occurred_to: datetime
    log_size: int
    """The size of the checkpoint that gives the seed."""
    root_hash: bytes
    seed: bytes
    population: int
    drawn_by: Actor
    drawn_at: datetime


@dataclass(frozen=True, kw_only=True)
class Audit(Drawn):
    """An audit with its current reviews and sign-off."""

    old_log: bool
    """Whether the sample is from the log before this one, whose entries have their own numbers."""
    signed_off_by: Actor | None
    signed_off_at: datetime | None
    statement: str | None
    items: list[Item]

    @property
    def reviewed(self) -> int:
        """The number of reviewed items."""
        return sum(item.outcome is not None for item in self.items)

    @property
    def doubted(self) -> list[int]:
        """The entries of the accesses that were not found proper."""
        return [item.seq for item in self.items if item.outcome in ("improper", "unclear")]


def check_open(audit: Audit) -> None:
    """Raise Conflict for an audit that is signed off."""
    if audit.signed_off_at is not None:
        raise Conflict(Code.AUDIT_SIGNED_OFF)


def item_to_review(audit: Audit, number: int) -> Item:
    """Return the unreviewed item `number`. Raises: NotFound; Conflict for a reviewed item."""
    item = next((i for i in audit.items if i.number == number), None)
    if item is None:
        raise NotFound(Code.ITEM_UNKNOWN)
    if item.outcome is not None:
        raise Conflict(Code.ITEM_REVIEWED)
    return item


def check_reviewer(accessed_by: str | None, reviewer_id: str) -> None:
    """Raise NotAuthorised for a reviewer whose own access it is."""
    if accessed_by == reviewer_id:
        raise NotAuthorised(Code.AUDIT_OF_OWN_ACCESS)


def check_note(outcome: ItemOutcome, note: str | None) -> None:
    """Raise InvalidInput for a review without a note whose outcome is not `proper`."""
    if note is None and outcome != "proper":
        raise InvalidInput(Code.ITEM_NOTE_MISSING, field="note", outcome=outcome)


def check_sign_off(audit: Audit, signer_id: str) -> None:
    """Check that a person may sign off an audit.

    Raises: Conflict while items are unreviewed; NotAuthorised for a person who drew it or reviewed an item.
    """
    if left := sum(item.outcome is None for item in audit.items):
        raise Conflict(Code.AUDIT_UNREVIEWED, items=left)
    people = {i.reviewed_by.person_id for i in audit.items if i.reviewed_by is not None}
    if signer_id in people | {audit.drawn_by.person_id}:
        raise NotAuthorised(Code.AUDIT_SIGNED_BY_SUBJECT)


def check_not_doubted(accessed_by: Collection[str | None], signer_id: str) -> None:
    """Raise NotAuthorised for a signer who made one of the accesses that the audit did not find proper."""
    if signer_id in accessed_by:
        raise NotAuthorised(Code.AUDIT_DOUBTS_SIGNER)
