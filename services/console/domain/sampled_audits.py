"""Sampled audits: the next access to review, and the reasons for which a person may not review or sign (468.6(c)).

The audit service makes the decision. This module derives its refusals from its responses, in words.
"""

from collections.abc import Collection, Mapping
from typing import Any

from services.console.domain.rights import not_in_role

WORK = "audit:work"


def next_item(audit: Mapping[str, Any], number: int) -> int | None:
    """Return the next unreviewed item after `number`, wrapping around; None if all are reviewed.

    It does not start from the first: that may be the person's own access, which another person reviews.
    """
    left = [item["number"] for item in audit["items"] if item["outcome"] is None]
    return next((later for later in left if later > number), left[0] if left else None)


def why_not_sign(audit: Mapping[str, Any], person_id: str, permissions: Collection[str]) -> str:
    """Return why a person cannot sign an audit off now; empty if they can."""
    if WORK not in permissions:
        return not_in_role(WORK)
    if left := len(audit["items"]) - audit["reviewed"]:
        return f"{left} of {len(audit['items'])} accesses are not reviewed yet"
    workers = [item["reviewed_by"] for item in audit["items"]] + [audit["drawn_by"]]
    if person_id in {person["person_id"] for person in workers}:
        return "you drew or reviewed it; another person signs it off"
    return ""


def why_not_review(entry: Mapping[str, Any], person_id: str, permissions: Collection[str]) -> str:
    """Return why a person cannot review an access; empty if they can."""
    if WORK not in permissions:
        return not_in_role(WORK)
    if person_id == entry["person_id"]:
        return "this is your own access; another person reviews it"
    return ""
