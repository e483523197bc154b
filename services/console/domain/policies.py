"""Who acknowledges a policy, who has not yet, and why a person may not (ADR-0024).

The audit service makes the decision. This module derives its refusals from its responses, in words.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from services.console.domain.roles import roles_with
from shared.core.permissions import Permission
from shared.core.policy import Policy


@dataclass(frozen=True)
class Word:
    """The acknowledgement of a policy in one role: given, or awaited."""

    role: str
    given: Mapping[str, Any] | None
    why_not: str
    """Why this person does not give it, "" if they can; of no meaning once it is given."""


def words_of(
    found: Mapping[str, Any], policy: Policy, person_id: str, permissions: Collection[str]
) -> list[Word]:
    """Return the acknowledgements of a policy, by role; `policy` is the console's own, which has the roles."""
    given = {one["role"]: one for one in found["acknowledgements"]}
    is_theirs = person_id in {one["by"]["person_id"] for one in given.values()}
    return [
        Word(role, given.get(role), _why_not(policy, role, permissions, is_theirs=is_theirs))
        for role in roles_with(policy, Permission.POLICY_ACKNOWLEDGE)
    ]


def _why_not(policy: Policy, role: str, permissions: Collection[str], *, is_theirs: bool) -> str:
    if is_theirs:
        return "you acknowledged it in the other role; another person gives this word"
    if not policy.roles[role] <= set(permissions):
        return f"a person with the role {role.replace('_', ' ')} gives this word"
    return ""
