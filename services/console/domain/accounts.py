"""What an administrator may do to an account in its state, and in words why not; identity decides (468.3)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.console.domain.roles import needs_training

OWN = "this is your own account, so another administrator does it"
ENDED = "this account has ended: a person who returns is invited to a new one"
NOT_ENROLLED = "an account has no sign-in before its person has enrolled"


def why_not_change(account: Mapping[str, Any], own_id: str) -> str:
    """Say why the reader cannot change an account; empty if they can."""
    if account["account_id"] == own_id:
        return OWN
    return ENDED if account["status"] == "separated" else ""


def lock_act(account: Mapping[str, Any]) -> str:
    """Return what may follow an account's state: `lock`, `unlock` or `reinstatement`; "" for none of them."""
    if account["status"] == "locked" or account["sign_in_locked_at"] is not None:
        return "unlock"
    return {"active": "lock", "disabled": "reinstatement"}.get(account["status"], "")


def why_not_lock(account: Mapping[str, Any], own_id: str, now: datetime) -> str:
    """Say why the reader cannot lock, unlock or bring back an account; empty if they can."""
    if why := why_not_change(account, own_id):
        return why
    act = lock_act(account)
    if act == "reinstatement" and needs_training(account) and not _is_trained(account, now):
        return "their training is not current, and a Training Sergeant has to record it first (468.4(d))"
    return "" if act else NOT_ENROLLED


def _is_trained(account: Mapping[str, Any], now: datetime) -> bool:
    until = account["trained_until"]
    return until is not None and datetime.fromisoformat(until) > now
