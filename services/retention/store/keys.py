"""Signing keys: the public half of every key that ever signed, so that old packages can be verified."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_ADD = text(
    "INSERT INTO signing_keys (key_id, public_pem, private_pem, first_used_at)"
    " VALUES (:key_id, :public_pem, :private_pem, :at) ON CONFLICT DO NOTHING"
)
_PUBLIC = text("SELECT key_id, public_pem, first_used_at FROM signing_keys ORDER BY first_used_at")
_PRIVATE = text("SELECT private_pem FROM signing_keys WHERE private_pem IS NOT NULL LIMIT 1")


@dataclass(frozen=True)
class PublicKey:
    """What others verify signatures with."""

    key_id: str
    public_pem: str
    first_used_at: datetime


async def add(
    connection: AsyncConnection,
    *,
    key_id: str,
    public_pem: str,
    private_pem: str | None,
    at: datetime,
) -> None:
    """Keep a key; its private half only where the settings gave none."""
    await connection.execute(
        _ADD,
        {"key_id": key_id, "public_pem": public_pem, "private_pem": private_pem, "at": at},
    )


async def public(connection: AsyncConnection) -> list[PublicKey]:
    """Return every public key, oldest first."""
    return [PublicKey(*row) for row in await connection.execute(_PUBLIC)]


async def private_pem(connection: AsyncConnection) -> str | None:
    """Return the private key that was made here, if one was."""
    return (await connection.execute(_PRIVATE)).scalar_one_or_none()
