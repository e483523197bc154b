"""Identity's periodic work: inactive accounts, idle sessions, key rotation."""

import logging
from datetime import timedelta
from functools import partial

from services.identity.actions.announce import session_changed
from services.identity.actions.context import Identity
from services.identity.actions.keys import rotate_when_due
from services.identity.actions.proof import known_since
from services.identity.actions.sessions import over_limit
from services.identity.actions.sign_in import disable_inactive
from shared.core.periodic import PeriodicTask

log = logging.getLogger(__name__)

EVERY_S = 60.0
"""Inactive accounts are due within a week (CJIS Security Policy 5.9.5); the age of the token key is shown so often."""

TOKEN_RETENTION = timedelta(days=1)


def task(identity: Identity) -> PeriodicTask:
    """Return the housekeeping task."""
    return PeriodicTask("housekeeping", partial(once, identity), EVERY_S, at_once=True)


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
        await unit.sessions.drop_tokens(unit.now - TOKEN_RETENTION)
    return closed
