"""Who created, re-invited or changed which account."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True)
class Provisioned:
    """By whom an account was provisioned, as its events say it."""

    by: list[str]
    """Ids of people."""

    known: bool
    """Whether all provisioners are on record."""


class Provisioners:
    """People are only ever added: who had an account in hand once decides on none of its requests."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, account_id: UUID, person_id: str, since: datetime) -> bool:
        """Note a provisioner of an account that is there; False if noted before."""
        added = await self._run(
            "INSERT INTO provisioners (account_id, person_id, since)"
            " SELECT account_id, :person_id, :since FROM accounts WHERE account_id = :account_id"
            " ON CONFLICT DO NOTHING",
            account_id=account_id,
            person_id=person_id,
            since=since,
        )
        return bool(added.rowcount)

    async def now_known(self, account_id: UUID) -> bool:
        """Note that all provisioners of an account are on record; False if they were before."""
        changed = await self._run(
            "UPDATE accounts SET provisioners_known = true"
            " WHERE account_id = :account_id AND NOT provisioners_known",
            account_id=account_id,
        )
        return bool(changed.rowcount)

    async def of(self, account_id: UUID) -> Provisioned:
        """Return what events of an account say of its provisioners (shared/accounts/known_accounts.py)."""
        found = await self._run(
            "SELECT a.provisioners_known AS known, array(SELECT p.person_id FROM provisioners p"
            " WHERE p.account_id = a.account_id ORDER BY p.person_id) AS people"
            " FROM accounts a WHERE a.account_id = :account_id",
            account_id=account_id,
        )
        row = found.one()
        return Provisioned(list(row.people), row.known)

    async def _run(self, statement: str, **values: Any) -> Any:
        return await self._connection.execute(text(statement), values)
