"""Signing keys: public halves in the clear, private halves sealed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.identity.store.connected import Connected

_COLUMNS = "kid, jwk, sealed, created_at, signs_from, not_after"


@dataclass(frozen=True)
class StoredKey:
    """A key pair. It signs from `signs_from` until a younger one does, and verifies until `not_after`."""

    kid: str
    jwk: dict[str, str]
    sealed: bytes
    created_at: datetime
    signs_from: datetime
    not_after: datetime


class Keys(Connected):
    """The key set."""

    async def lock(self) -> None:
        """Exclude other replicas from changing the key set until the transaction ends."""
        await self._run(
            "SELECT pg_advisory_xact_lock(hashtext('signing-keys'), hashtext(current_schema()))"
        )

    async def add(self, key: StoredKey) -> None:
        """Insert a new key."""
        await self._run(
            f"INSERT INTO signing_keys ({_COLUMNS}) VALUES (:kid, CAST(:jwk AS jsonb), :sealed,"  # noqa: S608
            " :created_at, :signs_from, :not_after)",
            **(vars(key) | {"jwk": json.dumps(key.jwk)}),
        )

    async def end(self, kid: str, not_after: datetime) -> None:
        """Set the time at which a key stops verifying."""
        await self._run(
            "UPDATE signing_keys SET not_after = :not_after WHERE kid = :kid",
            kid=kid,
            not_after=not_after,
        )

    async def valid(self, now: datetime) -> Sequence[StoredKey]:
        """Return the keys that verify at `now`, youngest first."""
        found = await self._run(
            f"SELECT {_COLUMNS} FROM signing_keys WHERE not_after > :now"  # noqa: S608
            " ORDER BY signs_from DESC, created_at DESC",
            now=now,
        )
        return [StoredKey(**row._mapping) for row in found]
