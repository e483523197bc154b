"""Enforcement on a hit that nothing in the log shows to have been verified as read right before (ADR-0116)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.audit.domain.findings import a_finding
from shared.events import FindingRaised

BESIDE = timedelta(minutes=1)
"""How much later a verification may say it was than an action that hotlist took for verified: two requests that wait
for each other keep the times at which they came, and replicas have clocks of their own."""


@dataclass(frozen=True)
class Enforced:
    """An enforcement action after a hit, from the entry of its disposition."""

    seq: int
    hit_id: UUID
    person_id: str
    at: datetime
    has_reason: bool
    """Whether the person stated why they acted on a hit that was not verified as a correct read."""


@dataclass(frozen=True)
class Verified:
    """A verification of a hit."""

    seq: int | None
    """The number of its entry; None in the log before this one."""

    outcome: str
    at: datetime


def unverified_enforcement(
    action: Enforced, verifications: Sequence[Verified]
) -> FindingRaised | None:
    """Return the finding of an action before which no verification said that the plate was read right; else None.

    `verifications` are those of the hit, by time. Each action has its own finding, whose subject is the person who
    recorded it and cannot work on it.
    """
    until = action.at if action.has_reason else action.at + BESIDE
    before = [one for one in verifications if one.at <= until]
    if any(one.outcome == "correct_read" for one in before):
        return None
    said = before[-1] if before else next(iter(verifications), None)
    details: dict[str, Any] = {"seq": action.seq, "why": _why(action, said, bool(before))}
    if said is not None and said.seq is not None:
        details["verified_seq"] = said.seq
    return a_finding(
        "unverified_enforcement",
        action.person_id,
        action.at,
        action.hit_id,
        action.at.isoformat(),
        **details,
    )


def _why(action: Enforced, said: Verified | None, is_before: bool) -> str:
    """Say what the log has of the hit's verification, and whether the person stated a reason."""
    if said is None:
        what = "the hit was not verified"
    elif is_before:
        what = f"the hit was verified as {said.outcome.replace('_', ' ')}"
    else:
        what = "the hit was verified only afterwards"
    if action.has_reason:
        return f"{what}; the disposition states a reason"
    return f"{what}; the disposition states no reason, which hotlist refuses: it may be taken over"
