"""Signing keys in answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from services.retention.domain.signing import ALGORITHM
from services.retention.store.keys import KeyChange, PublicKey


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

    @classmethod
    def of(
        cls, key_id: str, known: Sequence[PublicKey], changes: Sequence[KeyChange]
    ) -> "SigningKeyOut":
        """Return the view of the key in force, `key_id`, with the others of `known`."""
        ends = {change.old_key_id: change.changed_at for change in changes}
        plain = {
            key.key_id: {
                "key_id": key.key_id,
                "public_pem": key.public_pem,
                "first_used_at": key.first_used_at,
                "last_used_at": ends.get(key.key_id),
            }
            for key in known
        }
        current = plain.pop(key_id)
        return cls(
            **current,
            earlier=[PublicKeyOut(**one) for one in plain.values()],
            changes=[change.statement for change in changes],
        )
