"""Reads identity's own topics and records each key or account change that identity did not make."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from services.identity.actions.context import Identity
from shared.core.certificates import CertificateRefused
from shared.core.errors import DependencyDown
from shared.core.ids import derive_id
from shared.core.periodic import PeriodicTask
from shared.events import AccountChanged, CertificateRevoked, IssuerMisused, KeyPublished
from shared.events.signed_events import verify_event

log = logging.getLogger(__name__)

WATCHED = (KeyPublished, AccountChanged)
RENEW_BEFORE = timedelta(days=60)


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
        event_id=derive_id("issuer misused", event.event_id),  # one entry, whoever sees it
        occurred_at=event.occurred_at,
        what="key" if is_key else "account",
        subject=event.key,
        fault=fault,
        verified=verified,
    )


def certificate_task(identity: Identity) -> PeriodicTask:
    """Return the task that fails, visible in /readyz, when the issuer certificate ends within 60 days."""

    async def check() -> None:
        ends = identity.issuer.certificate.not_after
        if identity.clock.now() + RENEW_BEFORE >= ends:
            raise DependencyDown(
                f"the issuer certificate ends on {ends:%Y-%m-%d}: certify a new issuer key"
                " (deploy/README.md, the root of signing keys)"
            )

    return PeriodicTask("issuer certificate", check, 3600, at_once=True)


async def announce_revocation(identity: Identity, text: str) -> CertificateRevoked:
    """Announce a revocation by the root. Raises: CertificateRefused unless a trusted root signed it."""
    revoked = identity.people.trust.learn_revocation(text)
    async with identity.begin() as unit:
        event = CertificateRevoked(
            occurred_at=unit.now,
            actor=identity.system,
            usage=revoked.usage,
            serial=revoked.serial,
            revocation=text,
        )
        await unit.emit(event)
    return event
