"""Purges: what stands in the way of one, and the reasons for which a person may not decide on it (policy 468.5).

The retention service makes the decision. This module derives its refusals from its responses, in words.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from services.console.domain.rights import not_in_role

PROPOSE = "purge:propose"
AUTHORISE = "purge:authorise"
EXECUTE = "purge:execute"

KINDS: Mapping[str, str] = {
    "single": "single run",
    "standing": "standing order",
    "daily": "daily run under the standing order",
}

FACTS: Mapping[str, str] = {
    "schedule_in_force": "a retention schedule in force",
    "resolution": "the resolution of the legislative body",
    "attorney_consent": "the written consent of the agency attorney",
}
"""Facts of the policy without which no record is destroyed (Government Code 34090.6)."""

CHANGED = "the schedule, resolution or consent changed since its proposal: propose the purge again"


@dataclass(frozen=True)
class Step:
    """A step that may follow a run's state; `why_not` says why this person cannot take it, "" if they can."""

    name: str
    why_not: str


def people_of(run: Mapping[str, Any]) -> set[str]:
    """Return the ids of the people who proposed a run or decided on it."""
    return {one["person_id"] for one in (run["proposed_by"], run["decided_by"]) if one}


def missing_facts(schedule: Mapping[str, Any]) -> list[str]:
    """Return in words the facts that the policy lacks."""
    return [FACTS.get(name, name.replace("_", " ")) for name in schedule["missing"]]


def steps_of(
    run: Mapping[str, Any],
    schedule: Mapping[str, Any],
    person_id: str,
    permissions: Collection[str],
) -> list[Step]:
    """Return the steps that may follow a run's state; `schedule` is that of the present policy."""
    if run["state"] == "proposed":
        why_not = _why_not_authorise(run, schedule, person_id, permissions)
        return [Step("authorisation", why_not), Step("refusal", _why_not(AUTHORISE, permissions))]
    if run["state"] not in ("authorised", "executing"):
        return []
    withdrawal = Step("withdrawal", _why_not(AUTHORISE, permissions))
    if run["state"] == "executing" or run["kind"] == "standing":
        return [withdrawal]
    return [Step("execution", _why_not_execute(run, schedule, person_id, permissions)), withdrawal]


def _why_not(permission: str, permissions: Collection[str]) -> str:
    return "" if permission in permissions else not_in_role(permission)


def _why_not_authorise(
    run: Mapping[str, Any],
    schedule: Mapping[str, Any],
    person_id: str,
    permissions: Collection[str],
) -> str:
    if AUTHORISE not in permissions:
        return not_in_role(AUTHORISE)
    if person_id in people_of(run):
        return "you proposed it; another person authorises it"
    if run["kind"] == "standing" and schedule["standing"]:
        return "another standing order is in force; withdraw it first"
    return _why_not_at_all(run, schedule)


def _why_not_execute(
    run: Mapping[str, Any],
    schedule: Mapping[str, Any],
    person_id: str,
    permissions: Collection[str],
) -> str:
    if EXECUTE not in permissions:
        return not_in_role(EXECUTE)
    if person_id in people_of(run):
        return "you proposed or authorised it; a third person carries it out"
    return _why_not_at_all(run, schedule)


def _why_not_at_all(run: Mapping[str, Any], schedule: Mapping[str, Any]) -> str:
    """Say why no person can go on with a run; empty if one can."""
    if missing := missing_facts(schedule):
        return f"the policy lacks {', '.join(missing)}"
    return CHANGED if run["basis"] != schedule["basis"] else ""
