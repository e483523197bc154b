"""Counters of account and key events, in the order of their commits."""

from uuid import UUID

from services.identity.store.connected import Connected

ACCOUNTS, KEYS = "accounts", "keys"


class Numbers(Connected):
    """The counters. An advance locks its counter until the commit, so committed numbers have no gap and stay in
    order."""

    async def advance(self, name: str, count: int) -> int:
        """Advance a counter by `count`; return the new value."""
        found = await self._run(
            "UPDATE numbers SET number = number + :count WHERE name = :name RETURNING number",
            name=name,
            count=count,
        )
        return int(found.scalar_one())

    async def current(self) -> dict[str, int]:
        """Return the last committed number of each counter."""
        found = await self._run("SELECT name, number FROM numbers")
        return {row.name: int(row.number) for row in found}

    async def of_account(self, account_id: UUID, issuer_serial: int) -> int:
        """Return the next number of one account's events, announced under a certificate."""
        found = await self._run(
            "UPDATE accounts SET number = number + 1, announced_under = :serial"
            " WHERE account_id = :account_id RETURNING number",
            account_id=account_id,
            serial=issuer_serial,
        )
        return int(found.scalar_one())

    async def of_key(self, kid: str) -> int:
        """Return the next number of one key's events."""
        found = await self._run(
            "UPDATE signing_keys SET number = number + 1 WHERE kid = :kid RETURNING number", kid=kid
        )
        return int(found.scalar_one())

    async def reached(self, *, account_id: UUID | None = None, kid: str | None = None) -> int:
        """Return the last number of an account's or a key's events; 0 for one that is unknown."""
        found = await self._run(
            "SELECT number FROM accounts WHERE account_id = :account_id"
            " UNION ALL SELECT number FROM signing_keys WHERE kid = :kid",
            account_id=account_id,
            kid=kid,
        )
        return int(found.scalar_one_or_none() or 0)
