"""The set-up link of a fresh department: one at most."""

from dataclasses import dataclass
from datetime import datetime

from services.identity.store.connected import Connected


@dataclass(frozen=True)
class SetUpLink:
    """The right to invite the first administrator once; only the token's hash is stored."""

    token_hash: bytes
    expires_at: datetime


class SetUpLinks(Connected):
    """The link of the department."""

    async def put(self, link: SetUpLink) -> None:
        """Store the link; replaces any earlier one."""
        await self._run(
            "INSERT INTO set_up_link (token_hash, expires_at) VALUES (:token_hash, :expires_at)"
            " ON CONFLICT (single) DO UPDATE SET token_hash = excluded.token_hash,"
            " expires_at = excluded.expires_at",
            **vars(link),
        )

    async def find(self) -> SetUpLink | None:
        """Return the link, locked, or None."""
        found = await self._run("SELECT token_hash, expires_at FROM set_up_link FOR UPDATE")
        row = found.one_or_none()
        return SetUpLink(**row._mapping) if row else None

    async def drop(self) -> None:
        """Delete the link."""
        await self._run("DELETE FROM set_up_link")
