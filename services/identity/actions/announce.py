"""Events about accounts and sessions."""

from dataclasses import replace
from typing import Any, Literal
from uuid import UUID

from prometheus_client import Counter

from services.identity.domain.accounts import TICK, Account
from services.identity.store.unit_of_work import Unit
from shared.core.types import Ori
from shared.events import AccountChanged, Actor, SessionChanged

SESSIONS = Counter(
    "alpr_session_changes",
    "Changes of sessions: opened, refreshed, closed, and refused: failed sign-ins",
    ["change"],
)

NOBODY = Actor(person_id="unknown", name="unknown", title="", agency_ori=Ori(""))
"""The actor of an unknown username or token. Identity does not store the text that was typed: people type
passwords into the wrong field."""


async def account_changed(
    unit: Unit, account: Account, change: str, by: Actor, **details: Any
) -> None:
    """Save a changed account and announce who changed what."""
    account = replace(account, changed_at=max(unit.now, account.changed_at + TICK))
    await unit.accounts.save(account)
    unit.announce(account_event(account, change, by, **details))


def account_event(account: Account, change: str, by: Actor, **details: Any) -> AccountChanged:
    """Return the event that describes an account's current state."""
    whom = {"username": account.username, "name": account.name, "title": account.title}
    return AccountChanged(
        occurred_at=account.changed_at,
        actor=by,
        account_id=account.account_id,
        status=account.status,
        tokens_valid_from=account.tokens_valid_from,
        change=change,
        account_number=account.number,
        details={**whom, **{name: value for name, value in details.items() if value is not None}},
    )


async def session_changed(
    unit: Unit,
    change: Literal["opened", "refreshed", "closed", "refused"],
    by: Actor,
    *,
    account_id: UUID | None = None,
    session_id: UUID | None = None,
    client_address: str = "",
    factor: Literal["code", "security_key"] | None = None,
    reason: str | None = None,
) -> None:
    """Announce a sign-in, a refresh, a sign-out or a refusal."""
    SESSIONS.labels(change).inc()
    await unit.emit(
        SessionChanged(
            occurred_at=unit.now,
            actor=by,
            change=change,
            account_id=account_id,
            session_id=session_id,
            client_address=client_address,
            factor=factor,
            reason=reason,
        )
    )


async def close_sessions(
    unit: Unit, account: Account, by: Actor, reason: str, *, but: UUID | None = None
) -> bool:
    """Close all sessions of a person, but for one if named; False if there was none.

    `tokens_valid_from` revokes their access tokens.
    """
    closed = await unit.sessions.close_all(account.account_id, unit.now, reason, but=but)
    for session_id in closed:
        await session_changed(
            unit,
            "closed",
            by,
            account_id=account.account_id,
            session_id=session_id,
            reason=reason,
        )
    return bool(closed)
