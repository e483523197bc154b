"""Checks a password and a code together, and counts failures.

Failures lock sign-in but not the open sessions (CJIS Security Policy 5.9.5, AC-7; ADR-0033).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.identity.actions import totp
from services.identity.actions.announce import account_changed
from services.identity.actions.context import Identity
from services.identity.actions.enrolment import totp_place
from services.identity.domain.accounts import Account
from services.identity.store.credentials import Credential
from services.identity.store.unit_of_work import Unit


@dataclass(frozen=True)
class Proof:
    """The result of checking a password and a code."""

    step: int | None
    """The step of the code if password and code are both right, else None."""

    repeated: bool
    """Both are right, but the code is the last one used: sent twice, not guessed."""


async def prove(
    identity: Identity, unit: Unit, account: Account, code: str, proven: Credential | None
) -> Proof:
    """Check a code together with `proven`, the credential whose password was right, or None.

    Lock the account first: of one code sent twice, exactly one then succeeds.
    """
    credential = await unit.credentials.find(account.account_id)
    if credential is None:
        return Proof(None, repeated=False)
    secret = identity.vault.open(credential.totp_sealed, totp_place(account.account_id)).decode()
    step = totp.matching_step(secret, code, unit.now, credential.totp_last_step)
    used = totp.is_of_step(secret, code, unit.now, credential.totp_last_step)
    same = proven is not None and proven.password_hash == credential.password_hash
    return Proof(step if same else None, repeated=same and used)


async def count_failure(
    identity: Identity,
    unit: Unit,
    account: Account,
    *,
    counted_for: UUID | None,
    client_address: str,
) -> bool:
    """Record a failure of a known browser, a session, or neither; return whether its own count is full.

    Every failure also counts for the account: a full window locks sign-in until an administrator releases it.
    """
    rules = unit.policy.accounts
    since = unit.now - timedelta(minutes=rules.lock_window_minutes)
    failures = await unit.credentials.add_failure(
        account.account_id, unit.now, since, counted_for=counted_for
    )
    if failures.of_account >= rules.lock_after_failures and account.sign_in_locked_at is None:
        locked = replace(account, sign_in_locked_at=unit.now)
        reason = f"{failures.of_account} failed sign-ins in {rules.lock_window_minutes} minutes"
        await account_changed(
            unit,
            locked,
            "sign_in_locked",
            identity.system,
            reason=reason,
            client_address=client_address,
        )
    return failures.of_one >= rules.lock_after_failures


def known_since(unit: Unit) -> datetime:
    """Return the moment since which a browser must have signed in to count as known."""
    return unit.now - timedelta(days=unit.policy.accounts.known_browser_days)
