"""Signing keys: the public half of every key that ever signed, for the verification of old packages."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_ADD = text(
    "INSERT INTO signing_keys (key_id, public_pem, private_pem, first_used_at)"
    " VALUES (:key_id, :public_pem, :private_pem, :at) ON CONFLICT DO NOTHING"
)
_PUBLIC = text("SELECT key_id, public_pem, first_used_at FROM signing_keys ORDER BY first_used_at")
_PRIVATE = text("SELECT private_pem FROM signing_keys WHERE private_pem IS NOT NULL LIMIT 1")


_CHANGES = text(
    "SELECT old_key_id, new_key_id, changed_at, statement FROM key_changes ORDER BY number"
)
_ADD_CHANGE = text(
    "INSERT INTO key_changes (old_key_id, new_key_id, changed_at, statement)"
    " VALUES (:old, :new, :at, CAST(:statement AS jsonb))"
)


@dataclass(frozen=True)
class KeyChange:
    """One key followed another; `statement` is signed with the old one."""

    old_key_id: str
    new_key_id: str
    changed_at: datetime
    statement: dict[str, Any]


@dataclass(frozen=True)
class PublicKey:
    """A public key that verifies signatures of this service."""

    key_id: str
    public_pem: str
    first_used_at: datetime


class Keys:
    """The only code that touches signing keys and their changes."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(
        self,
        *,
        key_id: str,
        public_pem: str,
        private_pem: str | None,
        at: datetime,
    ) -> None:
        """Store a key; with its private half only if the settings name no key."""
        await self._connection.execute(
            _ADD,
            {"key_id": key_id, "public_pem": public_pem, "private_pem": private_pem, "at": at},
        )

    async def public(self) -> list[PublicKey]:
        """Return every public key, oldest first."""
        return [PublicKey(*row) for row in await self._connection.execute(_PUBLIC)]

    async def private_pem(self) -> str | None:
        """Return the private key that this service generated, if any, as PEM."""
        return (await self._connection.execute(_PRIVATE)).scalar_one_or_none()

    async def changes(self) -> list[KeyChange]:
        """Return every key change, oldest first."""
        return [KeyChange(*row) for row in await self._connection.execute(_CHANGES)]

    async def add_change(self, change: KeyChange) -> None:
        """Record a key change."""
        values = {"old": change.old_key_id, "new": change.new_key_id, "at": change.changed_at}
        await self._connection.execute(
            _ADD_CHANGE, {**values, "statement": json.dumps(change.statement)}
        )

    async def lock(self) -> None:
        """Lock the signing key against other changes until the transaction ends."""
        await self._connection.execute(
            text(
                "SELECT pg_advisory_xact_lock(hashtext('signing-key'), hashtext(current_schema()))"
            )
        )
