"""Watches the end of the issuer certificate."""

from datetime import timedelta
from functools import partial

from services.identity.actions.context import Identity
from services.identity.store.unit_of_work import SERVICE
from shared.core.errors import DependencyDown
from shared.core.periodic import PeriodicTask
from shared.service.expiry import show_end

CHECKED_EVERY_S = 3600.0
RENEW_BEFORE = timedelta(days=60)


def task(identity: Identity) -> PeriodicTask:
    """Return the task that runs `check_certificate`; /readyz shows its failure."""
    check = partial(check_certificate, identity)
    return PeriodicTask("issuer certificate", check, CHECKED_EVERY_S, at_once=True)


async def check_certificate(identity: Identity) -> None:
    """Check the issuer certificate. Raises: DependencyDown if it ends within 60 days."""
    ends = identity.issuer.certificate.not_after
    show_end(SERVICE, "issuer", ends)
    if identity.clock.now() + RENEW_BEFORE >= ends:
        raise DependencyDown(
            f"the issuer certificate ends on {ends:%Y-%m-%d}: certify a new issuer key"
            " (docs/operations/keys-and-certificates.md)"
        )
