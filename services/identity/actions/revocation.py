"""Announces revocations of certificates, which the offline root signs."""

from services.identity.actions.context import Identity
from shared.events import CertificateRevoked


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
