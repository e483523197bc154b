"""Identity's periodic work: inactive accounts, idle sessions, key rotation."""

import logging
from datetime import timedelta

from services.identity.actions.announce import account_changed, account_event, session_changed
from services.identity.actions.context import Identity
from services.identity.actions.keys import longest_token, rotate_when_due
from services.identity.actions.proof import known_since
from services.identity.actions.sessions import over_limit
from services.identity.actions.sign_in import disable_inactive
from shared.core.periodic import PeriodicTask

log = logging.getLogger(__name__)

EXCLUSIVE_ROLES = "exclusive_roles_found"

EVERY_S = 600.0
"""Inactive accounts are due within a week (CJIS Security Policy 5.9.5); ten minutes costs nothing."""

TOKENS_KEPT = timedelta(days=1)
ANNOUNCED_AT_ONCE = 200


def task(identity: Identity) -> PeriodicTask:
    """Return the housekeeping task."""
    return PeriodicTask("housekeeping", lambda: once(identity), EVERY_S, at_once=True)


async def once(identity: Identity) -> None:
    """Disable inactive accounts, close idle sessions, delete unused browsers, rotate the key when it is due."""
    await disable_all_inactive(identity)
    await close_stale_sessions(identity)
    async with identity.begin() as unit:
        await unit.browsers.forget_unused(known_since(unit))
    if (kid := await rotate_when_due(identity)) is not None:
        log.info("signing key rotated; %s signs next", kid)


async def disable_all_inactive(identity: Identity) -> int:
    """Disable accounts unused for 90 days (468.6); return how many."""
    async with identity.begin() as unit:
        since = unit.now - timedelta(days=unit.policy.accounts.inactive_days)
        found = await unit.accounts.inactive_since(since)
        for account in found:
            await disable_inactive(identity, unit, account)
    return len(found)


async def close_stale_sessions(identity: Identity) -> int:
    """Close sessions over the idle or the total limit; return how many. Their tokens have already expired."""
    async with identity.begin() as unit:
        idle = timedelta(minutes=unit.policy.accounts.idle_minutes)
        longest = timedelta(hours=identity.settings.identity_session_hours)
        found = await unit.sessions.stale(unit.now - idle, unit.now - longest)
        closed = 0
        for session in found:
            if (over := over_limit(identity, unit, session)) is None:
                continue
            await unit.sessions.close(session.session_id, unit.now, over)
            await session_changed(
                unit,
                "closed",
                identity.system,
                account_id=session.account_id,
                session_id=session.session_id,
                reason=over,
            )
            closed += 1
        await unit.sessions.drop_tokens(unit.now - TOKENS_KEPT)
    return closed


async def recall_people(identity: Identity) -> None:
    """At start, learn every account, and announce again those that changed within the longest token's lifetime.

    This way a change that a broker lost before writing it to disk still reaches every service. Under a new issuer
    certificate, or after the upgrade to signed accounts, this announces all accounts.
    """
    async with identity.begin() as unit:
        for account in await unit.accounts.changed_since(unit.now - longest_token(unit.policy)):
            unit.announce(account_event(account, "announced_again", identity.system))
    serial = identity.issuer.certificate.serial
    announced = 1
    while announced:
        async with identity.begin() as unit:
            others = await unit.accounts.not_announced_under(serial, ANNOUNCED_AT_ONCE)
            for account in others:
                unit.announce(account_event(account, "announced_again", identity.system))
            announced = len(others)
    async with identity.begin() as unit:
        for account in await unit.accounts.everybody():
            identity.people.know(account_event(account, "known", identity.system))


async def announce_exclusive_roles(identity: Identity) -> int:
    """At start, announce the accounts whose roles exclude each other under the policy; return how many.

    They keep their rights, since a department may have no one else. Audit records a finding for each.
    """
    told = 0
    async with identity.begin() as unit:
        for account in await unit.accounts.everybody():
            pairs = unit.policy.exclusive_roles.pairs_in(account.roles)
            if account.status == "separated" or not pairs:
                continue
            locked = await unit.accounts.get(account.account_id, lock=True)
            await account_changed(
                unit, locked, EXCLUSIVE_ROLES, identity.system, roles=locked.roles, pairs=pairs
            )
            told += 1
    return told
