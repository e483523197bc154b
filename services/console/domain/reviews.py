"""Lists in advance the decisions on a release request that a reviewer may not make (policy 468.7(b)).

The release service makes the decision. This module derives its refusals from its responses, in words.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from services.console.domain.rights import not_in_role

OPEN = frozenset({"submitted", "first_approved"})
"""Statuses in which a request awaits a decision."""

REVIEW = "release:review"


@dataclass(frozen=True)
class Review:
    """One person's options for an open request. A reason is empty if the option is open."""

    approvals_needed: int
    approvals: int
    why_not: str
    """Why this person may not decide."""

    why_not_approve: str
    """Why the request cannot be approved, by anyone or by this person; it can still be denied."""


def review_of(
    asked: Mapping[str, Any],
    agency: Mapping[str, Any],
    person_id: str,
    permissions: Collection[str],
) -> Review:
    """Return a person's options for an open request; `agency` is the agency's current registration."""
    approved_by = [
        decision["decided_by"]["person_id"]
        for decision in asked["decisions"]
        if decision["decision"] == "approve"
    ]
    restricted = asked["restricted"] or agency["treatment"] == "restricted"
    why_not = ""
    if REVIEW not in permissions:
        why_not = not_in_role(REVIEW)
    elif person_id == asked["filed_by"]["person_id"]:
        why_not = "you filed this request; another person must review it"
    elif person_id in asked["review"]["not_by"]:
        why_not = (
            "you created, invited or changed the requester's account, or registered or changed the"
            " agency; another person decides"
        )
    return Review(
        approvals_needed=max(asked["review"]["approvals_needed"], 2 if approved_by else 1),
        approvals=asked["review"]["approvals"],
        why_not=why_not,
        why_not_approve=_why_not_approve(asked, agency, restricted, person_id in approved_by),
    )


def _why_not_approve(
    asked: Mapping[str, Any], agency: Mapping[str, Any], restricted: bool, is_first: bool
) -> str:
    if not agency["active"]:
        return "the agency is not active"
    if agency["treatment"] == "records_release":
        return "requests of such an agency go to records release (Civil Code 1798.90.55)"
    if restricted and asked["legal_authority"] is None:
        return "no document of legal authority is on record, and this agency's requests need one"
    if is_first:
        return "you gave the first approval; another person must give the second"
    return ""
