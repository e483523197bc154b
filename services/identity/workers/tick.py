"""The tick: the latest account and key numbers, signed, every 2 s, so that a service detects a missed change.

Identity publishes it without the outbox: a late tick is worthless, and a prompt one shows that identity and Kafka
are up.
"""

from functools import partial

from services.identity.actions.context import Identity
from services.identity.store.numbers import ACCOUNTS, KEYS
from shared.core.periodic import PeriodicTask
from shared.events import IdentityTicked
from shared.events.signed_events import sign_event
from shared.kafka.bus import Bus

EVERY_S = 2.0


def task(identity: Identity, bus: Bus) -> PeriodicTask:
    """Return the task that publishes ticks."""
    return PeriodicTask("identity tick", partial(tick, identity, bus), EVERY_S, at_once=True)


async def tick(identity: Identity, bus: Bus) -> None:
    """Publish the latest account and key numbers. Raises: Unavailable."""
    now = identity.clock.now()  # before the query: the tick does not cover later commits
    async with identity.begin() as unit:
        numbers = await unit.numbers.current()
    event = IdentityTicked(
        occurred_at=now, account_number=numbers[ACCOUNTS], key_number=numbers[KEYS]
    )
    await bus.publish([sign_event(identity.issuer, event)])
