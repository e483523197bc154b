"""Findings about accounts, from what identity announces of them (policy 468.3, 468.6)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from services.audit.store.findings import a_finding
from shared.events import FindingRaised


def of_accounts(told: Iterable[tuple[Mapping[str, Any], datetime]]) -> list[FindingRaised]:
    """Return the findings in bodies of `account.changed`, each with when it was appended."""
    return [
        finding
        for said, at in told
        if (make := _RULES.get(said["change"])) is not None
        for finding in make(said, at)
    ]


def _exclusive_roles(said: Mapping[str, Any], at: datetime) -> Iterable[FindingRaised]:
    """An account from before the policy said so holds roles that exclude each other."""
    details = said["details"]
    pairs = sorted([" and ".join(pair) for pair in details["pairs"]])
    yield a_finding("exclusive_roles", said["account_id"], at, *pairs, pairs=pairs)


def _enrolled_beside(said: Mapping[str, Any], at: datetime) -> Iterable[FindingRaised]:
    """Somebody enrolled where a person who had the invitation in hand was signed in within the hour.

    About that person, who so cannot work the finding.
    """
    for person_id, what in sorted(said.get("details", {}).get("beside", {}).items()):
        number = said["account_number"]
        about = {"account_id": said["account_id"], "why": f"the same {what}"}
        yield a_finding("enrolled_beside", person_id, at, about["account_id"], number, **about)


def _from_the_host(said: Mapping[str, Any], at: datetime) -> Iterable[FindingRaised]:
    """Somebody was let back in by whoever runs the machine; about that person, who so cannot work it."""
    if said["actor"]["person_id"].startswith("system:"):
        number = said["account_number"]
        yield a_finding("released_on_host", said["account_id"], at, number, why=said["change"])


_RULES = {
    "exclusive_roles_found": _exclusive_roles,
    "enrolled": _enrolled_beside,
    "unlocked": _from_the_host,
    "reinvited": _from_the_host,
}
