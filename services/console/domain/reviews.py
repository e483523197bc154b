"""What a page tells of a release request before somebody decides on it (policy 468.7(b)).

The release service decides who may. This says in words, from what it showed, what would be refused.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

OPEN = frozenset({"submitted", "first_approved"})
"""A request in one of these awaits a decision."""

REVIEW = "release:review"


@dataclass(frozen=True)
class Review:
    """How an open request stands for one person. The reasons are empty where nothing is in the way."""

    approvals_needed: int
    approvals: int
    why_not: str
    """Why this person can decide nothing."""

    why_not_approve: str
    """Why nobody, or not this person, can approve it; it can still be denied."""


def review_of(
    asked: Mapping[str, Any],
    agency: Mapping[str, Any],
    person_id: str,
    permissions: Collection[str],
) -> Review:
    """Return how an open request stands for a person; `agency` is what is registered of it today."""
    approved_by = [
        decision["decided_by"]["person_id"]
        for decision in asked["decisions"]
        if decision["decision"] == "approve"
    ]
    restricted = asked["restricted"] or agency["treatment"] == "restricted"
    why_not = ""
    if REVIEW not in permissions:
        why_not = f"deciding needs the permission {REVIEW}, which is not among yours"
    elif person_id == asked["filed_by"]["person_id"]:
        why_not = "you filed this request; nobody reviews a request of their own"
    elif person_id in asked["review"]["not_by"]:
        why_not = (
            "you created, invited or changed the requester's account, or registered or changed the"
            " agency; another person decides"
        )
    return Review(
        approvals_needed=max(asked["review"]["approvals_needed"], 2 if approved_by else 1),
        approvals=len(approved_by),
        why_not=why_not,
        why_not_approve=_why_not_approve(asked, agency, restricted, person_id in approved_by),
    )


def _why_not_approve(
    asked: Mapping[str, Any], agency: Mapping[str, Any], restricted: bool, is_first: bool
) -> str:
    if not agency["active"]:
        return "the agency may not receive data at present"
    if agency["treatment"] == "records_release":
        return "requests of such an agency go to records release (Civil Code 1798.90.55)"
    if restricted and asked["legal_authority"] is None:
        return "no document of legal authority is on record, and this agency's requests need one"
    if is_first:
        return "you gave the first approval; the second is another person's"
    return ""
