"""What a fresh department still lacks, for the start page of the person who can add it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.console.domain.roles import roles_with
from shared.core.permissions import Permission
from shared.core.policy import Policy


@dataclass(frozen=True)
class Lack:
    """One thing that a department lacks, and the page on which the person adds it, if they can."""

    text: str
    path: str = ""
    name: str = ""


def lacks_of_people(
    policy: Policy, active: Sequence[Mapping[str, Any]], own_id: str, now: datetime
) -> list[Lack]:
    """Return the lacks that all active accounts of a department show; `own_id` is the reader's account."""
    trained = [one for one in active if _is_trained(one, now)]
    deliverers = roles_with(policy, Permission.ACCOUNT_DELIVER)
    trainers = roles_with(policy, Permission.TRAINING_RECORD)
    found = []
    if not _any_with(active, trainers):
        found.append(
            Lack(
                f"Nobody records training: invite a person as {_words(trainers)}. Until their training is on"
                " record, nobody uses ALPR functions, you included (468.4(d)).",
                "/people/new",
                "Invite a person",
            )
        )
    elif own_id not in {one["account_id"] for one in trained}:
        text = (
            "Your own training is not on record, or has lapsed: the Training Sergeant records it."
        )
        found.append(Lack(text))
    if not _any_with(active, deliverers):
        found.append(
            Lack(
                f"Nobody hands invitations over: invite a person as {_words(deliverers)}. The operator of this"
                " system shows the first invitation (plateward deliver-invitation)."
            )
        )
    receivers = roles_with(policy, Permission.ALERT_RECEIVE)
    if not _any_with(trained, receivers):
        found.append(
            Lack(
                f"No trained person receives alerts: invite people as {_words(receivers)}, and have their"
                " training recorded.",
                "/people/new",
                "Invite a person",
            )
        )
    return found


def lacks_of_data(
    cameras: Collection[Any] | None, lists: Sequence[Mapping[str, Any]] | None
) -> list[Lack]:
    """Return the lacks of cameras and hot lists; None of either is not known, and no lack."""
    found = []
    if cameras is not None and not cameras:
        found.append(Lack("No camera is registered.", "/cameras/new", "Register a camera"))
    if lists is not None and not lists:
        found.append(Lack("There is no hot list.", "/hotlists/new", "Make a list"))
    elif lists is not None and all(one["active_version"] is None for one in lists):
        found.append(Lack("No hot list is in force.", "/hotlists", "Upload or activate one"))
    return found


def _any_with(active: Sequence[Mapping[str, Any]], roles: Sequence[str]) -> bool:
    return any(set(one["roles"]) & set(roles) for one in active)


def _is_trained(account: Mapping[str, Any], now: datetime) -> bool:
    until = account["trained_until"]
    return until is not None and datetime.fromisoformat(until) > now


def _words(roles: Sequence[str]) -> str:
    return " or ".join(role.replace("_", " ") for role in roles)
