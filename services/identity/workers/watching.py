"""Reads identity's own topics and records each key or account change that identity did not make."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from services.identity.actions.context import Identity
from shared.core.certificates import CertificateRefused
from shared.core.errors import DependencyDown
from shared.core.ids import derive_id
from shared.core.periodic import PeriodicTask
from shared.events import AccountChanged, IssuerMisused, KeyPublished
from shared.events.signed_events import verify_event
from shared.kafka.follower import TopicFollower
from shared.service.api_runtime import ApiRuntime
from shared.service.runtime import UNHURRIED

log = logging.getLogger(__name__)

WATCHED = (KeyPublished, AccountChanged)
CHECKED_EVERY_S = 3600.0
RENEW_BEFORE = timedelta(days=60)


def follower(identity: Identity, runtime: ApiRuntime) -> TopicFollower:
    """Return the follower that passes new key and account events to `watch`."""
    return runtime.follower(
        "identity watch",
        WATCHED,
        from_start=False,
        learn=partial(watch, identity),
        pauses=UNHURRIED,
    )


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


def certificate_task(identity: Identity) -> PeriodicTask:
    """Return the task that runs `check_certificate`; /readyz shows its failure."""
    check = partial(check_certificate, identity)
    return PeriodicTask("issuer certificate", check, CHECKED_EVERY_S, at_once=True)


async def check_certificate(identity: Identity) -> None:
    """Check the issuer certificate. Raises: DependencyDown if it ends within 60 days."""
    ends = identity.issuer.certificate.not_after
    if identity.clock.now() + RENEW_BEFORE >= ends:
        raise DependencyDown(
            f"the issuer certificate ends on {ends:%Y-%m-%d}: certify a new issuer key"
            " (deploy/README.md, the root of signing keys)"
        )
