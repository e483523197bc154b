"""The key that this service signs with: from the settings, or made once and kept."""

import logging

from services.retention.domain.signing import Signer
from services.retention.settings import Settings
from services.retention.store import keys
from shared.runtime import Runtime

log = logging.getLogger(__name__)


async def open_signer(runtime: Runtime, settings: Settings) -> Signer:
    """Return the signer, and publish its public key. Raises: KeyFault for a key that is none."""
    async with runtime.db.begin() as connection:
        given = settings.retention_signing_key
        if given is not None:
            signer = Signer.load(given.get_secret_value().encode())
            private_pem = None
        else:
            kept = await keys.private_pem(connection)
            signer = Signer.load(kept.encode()) if kept else Signer.new()
            private_pem = signer.private_pem
            log.warning("no RETENTION_SIGNING_KEY: signing with a key that the database keeps")
        await keys.add(
            connection,
            key_id=signer.key_id,
            public_pem=signer.public_pem,
            private_pem=private_pem,
            at=runtime.clock.now(),
        )
    return signer
