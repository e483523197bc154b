"""The route of the public keys that verify packages and certificates."""

from fastapi import APIRouter

from services.retention.api.views.keys import SigningKeyOut
from services.retention.service import Running
from services.retention.store.keys import Keys
from shared.http.app import Work

router = APIRouter(prefix="/v1/signing-key", tags=["keys"])


@router.get("")
async def get_signing_key(work: Work, retention: Running) -> SigningKeyOut:
    """Return the signing keys, for recipients of packages and readers of certificates. Requires no credential."""
    keys, signer = Keys(work.connection), await retention.keys.in_force(work.connection)
    return SigningKeyOut.of(signer.key_id, await keys.public(), await keys.changes())
