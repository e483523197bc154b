"""The route of the public keys that verify packages and certificates."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from services.retention.domain.signing import ALGORITHM
from services.retention.service import Running
from services.retention.store.keys import Keys, PublicKey
from shared.http.app import Work

router = APIRouter(prefix="/v1/signing-key", tags=["signing keys"])


class PublicKeyOut(BaseModel):
    """A public key; `key_id` is the first half of the SHA-256 of its SubjectPublicKeyInfo."""

    key_id: str
    algorithm: str = ALGORITHM
    public_pem: str
    first_used_at: datetime
    last_used_at: datetime | None = None


class SigningKeyOut(PublicKeyOut):
    """The current signing key and the earlier ones.

    `changes` are statements, oldest first, in which each key names the next; the earlier key signs each of them.
    """

    earlier: list[PublicKeyOut] = []
    changes: list[dict[str, Any]] = []


@router.get("", summary="Public signing keys")
async def get_signing_key(work: Work, retention: Running) -> SigningKeyOut:
    """The signing keys, for recipients of packages and readers of certificates. Requires no credential."""
    key_id = (await retention.keys.in_force()).key_id
    known = await Keys(work.connection).public()
    changes = await Keys(work.connection).changes()
    ends = {change.old_key_id: change.changed_at for change in changes}
    out = {key.key_id: {**_plain(key), "last_used_at": ends.get(key.key_id)} for key in known}
    earlier = [PublicKeyOut(**plain) for name, plain in out.items() if name != key_id]
    return SigningKeyOut(
        **out[key_id], earlier=earlier, changes=[change.statement for change in changes]
    )


def _plain(key: PublicKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "public_pem": key.public_pem,
        "first_used_at": key.first_used_at,
    }
