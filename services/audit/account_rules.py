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


_RULES = {"exclusive_roles_found": _exclusive_roles}
