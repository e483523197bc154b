"""Browsers, and clients of the API, that have signed in to an account before."""

from datetime import datetime
from uuid import UUID

from services.identity.store.connected import Connected


class Browsers(Connected):
    """Known browsers, each of one account. A browser's token has its id and a signature."""

    async def is_known(
        self, browser_id: UUID, since: datetime, account_id: UUID | None = None
    ) -> bool:
        """Return whether a browser signed in after `since`, to this account if one is named."""
        found = await self._run(
            "SELECT 1 FROM known_browsers WHERE browser_id = :browser_id AND used_at > :since"
            " AND (CAST(:account_id AS uuid) IS NULL OR account_id = :account_id)",
            browser_id=browser_id,
            since=since,
            account_id=account_id,
        )
        return found.one_or_none() is not None

    async def note(self, browser_id: UUID, account_id: UUID, now: datetime) -> None:
        """Record that a browser signed in."""
        await self._run(
            "INSERT INTO known_browsers (browser_id, account_id, known_since, used_at)"
            " VALUES (:browser_id, :account_id, :now, :now)"
            " ON CONFLICT (browser_id) DO UPDATE SET used_at = :now",
            browser_id=browser_id,
            account_id=account_id,
            now=now,
        )

    async def forget_older(self, account_id: UUID, most: int) -> None:
        """Delete all but the `most` browsers of an account that signed in last."""
        await self._run(
            "DELETE FROM known_browsers WHERE browser_id IN (SELECT browser_id FROM known_browsers"
            " WHERE account_id = :account_id ORDER BY used_at DESC, known_since DESC OFFSET :most)",
            account_id=account_id,
            most=most,
        )

    async def forget(self, browser_id: UUID) -> None:
        """Delete one browser."""
        await self._run(
            "DELETE FROM known_browsers WHERE browser_id = :browser_id", browser_id=browser_id
        )

    async def forget_all(self, account_id: UUID) -> None:
        """Delete all browsers of an account."""
        await self._run(
            "DELETE FROM known_browsers WHERE account_id = :account_id", account_id=account_id
        )

    async def forget_unused(self, since: datetime) -> None:
        """Delete browsers that have not signed in after `since`."""
        await self._run("DELETE FROM known_browsers WHERE used_at <= :since", since=since)
