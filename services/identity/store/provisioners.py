"""The provisioners of accounts: people who created, re-invited or changed one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.identity.store.connected import Connected


@dataclass(frozen=True)
class Provisioned:
    """The provisioners of an account, as its events list them."""

    by: list[str]
    """Ids of people."""

    known: bool
    """Whether all provisioners are on record."""


class Provisioners(Connected):
    """Adds provisioners and never removes them: they may never decide on the account's requests."""

    async def add(self, account_id: UUID, person_id: str, since: datetime) -> bool:
        """Add a provisioner of an existing account; return False if already there."""
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
        """Mark the provisioners of an account as complete; return False if already marked."""
        changed = await self._run(
            "UPDATE accounts SET provisioners_known = true"
            " WHERE account_id = :account_id AND NOT provisioners_known",
            account_id=account_id,
        )
        return bool(changed.rowcount)

    async def of(self, account_id: UUID) -> Provisioned:
        """Return the provisioners of an account, for its events (shared/accounts/known_accounts.py)."""
        found = await self._run(
            "SELECT a.provisioners_known AS known, array(SELECT p.person_id FROM provisioners p"
            " WHERE p.account_id = a.account_id ORDER BY p.person_id) AS people"
            " FROM accounts a WHERE a.account_id = :account_id",
            account_id=account_id,
        )
        row = found.one()
        return Provisioned(list(row.people), row.known)
