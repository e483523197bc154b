"""How many account and key events there have been, counted in the order of their commits."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

ACCOUNTS, KEYS = "accounts", "keys"


class Numbers:
    """The counters. Whoever advances one holds it until the commit, so no number is left out or overtaken."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def advance(self, name: str, count: int) -> int:
        """Take `count` numbers; return the last of them."""
        found = await self._connection.execute(
            text("UPDATE numbers SET number = number + :count WHERE name = :name RETURNING number"),
            {"name": name, "count": count},
        )
        return int(found.scalar_one())

    async def current(self) -> dict[str, int]:
        """Return the last number of each counter that was committed."""
        found = await self._connection.execute(text("SELECT name, number FROM numbers"))
        return {row.name: int(row.number) for row in found}

    async def of_account(self, account_id: UUID, issuer_serial: int) -> int:
        """Return the next number of one account's events, announced under a certificate."""
        found = await self._connection.execute(
            text(
                "UPDATE accounts SET number = number + 1, announced_under = :serial"
                " WHERE account_id = :account_id RETURNING number"
            ),
            {"account_id": account_id, "serial": issuer_serial},
        )
        return int(found.scalar_one())

    async def of_key(self, kid: str) -> int:
        """Return the next number of one key's events."""
        found = await self._connection.execute(
            text("UPDATE signing_keys SET number = number + 1 WHERE kid = :kid RETURNING number"),
            {"kid": kid},
        )
        return int(found.scalar_one())

    async def reached(self, *, account_id: UUID | None = None, kid: str | None = None) -> int:
        """Return the last number of an account's or a key's events; 0 for one that is unknown."""
        found = await self._connection.execute(
            text(
                "SELECT number FROM accounts WHERE account_id = :account_id"
                " UNION ALL SELECT number FROM signing_keys WHERE kid = :kid"
            ),
            {"account_id": account_id, "kid": kid},
        )
        return int(found.scalar_one_or_none() or 0)
