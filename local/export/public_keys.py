"""The keys that an export names: public ones to check what the department has signed, and secrets in the database."""

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.store.keys import KeyChanges

_PACKAGES = text(
    "SELECT key_id, public_pem, first_used_at FROM retention.signing_keys ORDER BY first_used_at"
)
_PRIVATE = text("SELECT private_pem FROM retention.signing_keys WHERE private_pem IS NOT NULL")
_TOKENS = text(
    "SELECT kid, jwk, signs_from, not_after FROM identity.signing_keys ORDER BY signs_from"
)


async def public_keys(connection: AsyncConnection, log_key: str) -> bytes:
    """Return the file of public keys. `connection` reads the schema of audit; `log_key` signs the log now."""
    changes = await KeyChanges(connection).all()
    keys = {
        "audit_log": [*(change.old.vkey for change in changes), log_key],
        "packages_and_certificates": await _rows(connection, _PACKAGES),
        "access_tokens": await _rows(connection, _TOKENS),
    }
    return msgspec.json.format(msgspec.json.encode(keys), indent=1)


async def stored_secrets(connection: AsyncConnection) -> dict[str, str]:
    """Return secret keys that the database has in plaintext, by the settings that may give them instead."""
    found = (await connection.execute(_PRIVATE)).scalars().first()
    return {} if found is None else {"RETENTION_SIGNING_KEY": found}


async def _rows(connection: AsyncConnection, statement: object) -> list[dict[str, object]]:
    return [dict(row._mapping) for row in await connection.execute(statement)]  # type: ignore[call-overload]
