"""The public keys that packages and certificates are verified with."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel

from services.retention.domain.signing import ALGORITHM, Signer
from services.retention.store import keys
from services.retention.store.keys import PublicKey
from shared.http import Work

router = APIRouter(prefix="/v1/signing-key", tags=["signing keys"])


class PublicKeyOut(BaseModel):
    """A public key; `key_id` is the first half of the SHA-256 of its SubjectPublicKeyInfo."""

    key_id: str
    algorithm: str = ALGORITHM
    public_pem: str
    first_used_at: datetime


class SigningKeyOut(PublicKeyOut):
    """The key that signs now, and those that signed before it."""

    earlier: list[PublicKeyOut] = []


@router.get("", summary="Public signing keys")
async def get_signing_key(work: Work, request: Request) -> SigningKeyOut:
    """For recipients of packages and readers of certificates; open to all."""
    signer: Signer = request.app.state.signer
    known = await keys.public(work.connection)
    [current] = [key for key in known if key.key_id == signer.key_id]
    earlier = [PublicKeyOut(**_plain(key)) for key in known if key.key_id != signer.key_id]
    return SigningKeyOut(**_plain(current), earlier=earlier)


def _plain(key: PublicKey) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "public_pem": key.public_pem,
        "first_used_at": key.first_used_at,
    }
