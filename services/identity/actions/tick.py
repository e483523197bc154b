"""The tick: how far accounts and keys have come, signed, every 2 s, so that nobody misses a change in silence.

It goes past the outbox: it is worth nothing later, and shows that identity and Kafka are there now.
"""

from services.identity.actions.context import Identity
from services.identity.store.numbers import ACCOUNTS, KEYS
from shared.core.periodic import PeriodicTask
from shared.events import IdentityTicked
from shared.events.signed_events import sign_event
from shared.kafka.bus import Bus

EVERY_S = 2.0


def task(identity: Identity, bus: Bus) -> PeriodicTask:
    """Return the task that ticks."""
    return PeriodicTask("identity tick", lambda: tick(identity, bus), EVERY_S, at_once=True)


async def tick(identity: Identity, bus: Bus) -> None:
    """Say how far the numbers have come. Raises: Unavailable."""
    now = identity.clock.now()  # first: what commits from here on is not covered
    async with identity.begin() as unit:
        numbers = await unit.numbers.current()
    event = IdentityTicked(
        occurred_at=now, account_number=numbers[ACCOUNTS], key_number=numbers[KEYS]
    )
    await bus.publish([sign_event(identity.issuer, event)])
