"""Records each key or account change in identity's name that identity did not make."""

import logging
from collections.abc import Sequence

from services.identity.actions.context import Identity
from shared.core.certificates import CertificateRefused
from shared.core.ids import derive_id
from shared.events import AccountChanged, IssuerMisused, KeyPublished
from shared.events.signed_events import verify_event

log = logging.getLogger(__name__)


async def watch(identity: Identity, events: Sequence[KeyPublished | AccountChanged]) -> None:
    """Record those of `events` that identity did not publish. Raises: Unavailable."""
    misused = [found for event in events if (found := await _misuse(identity, event))]
    if not misused:
        return
    async with identity.begin() as unit:
        await unit.emit(*misused)
    for event in misused:
        log.error("an event in the name of identity is not its own: %s", event.fault)


async def _misuse(identity: Identity, event: KeyPublished | AccountChanged) -> IssuerMisused | None:
    fault = None
    try:
        verify_event(identity.people.trust, event, "tokens", identity.clock.now())
    except CertificateRefused as exc:
        fault = exc.detail
    is_key = isinstance(event, KeyPublished)
    async with identity.begin() as unit:
        if isinstance(event, KeyPublished):
            reached, number = await unit.numbers.reached(kid=event.kid), event.key_number
        else:
            reached = await unit.numbers.reached(account_id=event.account_id)
            number = event.account_number
    verified = fault is None
    if verified and number > reached:
        fault = "identity's database knows no such key or change"
    if fault is None:
        return None
    return IssuerMisused(
        event_id=derive_id(
            "issuer misused", event.event_id
        ),  # one entry, even if several replicas see it
        occurred_at=event.occurred_at,
        what="key" if is_key else "account",
        subject=event.key,
        fault=fault,
        verified=verified,
    )
