"""People's security keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError

from services.identity.domain.problem_codes import Code
from services.identity.store.connected import Connected
from shared.core.errors import Conflict

_COLUMNS = "key_id, account_id, credential_id, credential, name, sign_count, added_at, used_at"


@dataclass(frozen=True)
class SecurityKey:
    """A person's security key or passkey. None of it is secret: the private key never leaves the authenticator."""

    key_id: UUID
    account_id: UUID
    credential_id: bytes
    """The authenticator's own name for the key, at most 1,023 bytes."""

    credential: bytes
    """Attested credential data (WebAuthn, 6.5.2): model, credential id and public key."""

    name: str
    """As its person calls it."""

    sign_count: int
    """The authenticator's counter at the last answer; 0 for ever if it has none."""

    added_at: datetime
    used_at: datetime | None = None
    """When the last challenge that it answered was issued; it answers only later ones."""


class SecurityKeys(Connected):
    """Security keys, several a person; they end with the person's credential."""

    async def of(self, account_id: UUID) -> Sequence[SecurityKey]:
        """Return a person's keys, oldest first."""
        found = await self._run(
            f"SELECT {_COLUMNS} FROM security_keys WHERE account_id = :account_id"  # noqa: S608
            " ORDER BY added_at, key_id",
            account_id=account_id,
        )
        return [_key(row) for row in found]

    async def page(
        self, account_id: UUID, *, after: UUID | None, limit: int
    ) -> Sequence[SecurityKey]:
        """Return a person's keys, oldest first, beginning after one of theirs."""
        found = await self._run(
            f"SELECT {_COLUMNS} FROM security_keys WHERE account_id = :account_id"  # noqa: S608
            " AND (CAST(:after AS uuid) IS NULL OR (added_at, key_id) > (SELECT added_at, key_id"
            " FROM security_keys WHERE key_id = :after AND account_id = :account_id))"
            " ORDER BY added_at, key_id LIMIT :limit",
            account_id=account_id,
            after=after,
            limit=limit,
        )
        return [_key(row) for row in found]

    async def find(self, account_id: UUID, credential_id: bytes) -> SecurityKey | None:
        """Return a person's key by the authenticator's name for it, or None."""
        found = await self._run(
            f"SELECT {_COLUMNS} FROM security_keys"  # noqa: S608
            " WHERE account_id = :account_id AND credential_id = :credential_id",
            account_id=account_id,
            credential_id=credential_id,
        )
        row = found.one_or_none()
        return _key(row) if row else None

    async def add(self, key: SecurityKey) -> None:
        """Store a new key. Raises: Conflict if it is stored already, whatever person has it."""
        try:
            async with self._connection.begin_nested():
                await self._run(
                    f"INSERT INTO security_keys ({_COLUMNS}) VALUES (:key_id, :account_id,"  # noqa: S608
                    " :credential_id, :credential, :name, :sign_count, :added_at, :used_at)",
                    **vars(key),
                )
        except IntegrityError:
            raise Conflict(Code.SECURITY_KEY_KNOWN) from None

    async def use(self, key_id: UUID, issued_at: datetime, sign_count: int) -> None:
        """Store when the answered challenge was issued, which uses up that one and all before it, and the counter."""
        await self._run(
            "UPDATE security_keys SET used_at = :issued_at, sign_count = :sign_count"
            " WHERE key_id = :key_id",
            key_id=key_id,
            issued_at=issued_at,
            sign_count=sign_count,
        )

    async def remove(self, key_id: UUID) -> None:
        """Delete a key."""
        await self._run("DELETE FROM security_keys WHERE key_id = :key_id", key_id=key_id)


def _key(row: Row[Any]) -> SecurityKey:
    return SecurityKey(**row._mapping)
