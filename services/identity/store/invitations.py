"""Invitations with their inviters and deliverers, and proposals to invite a person anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.identity.store.connected import Connected

Expiry = tuple[datetime, UUID]
"""The place of an invitation or a proposal: its end, and its account."""

LAST = UUID(int=2**128 - 1)
_COLUMNS = "account_id, invited_by, expires_at, delivered_by, delivered_at"


@dataclass(frozen=True)
class Invitation:
    """The right to enrol once. The token is created at delivery; only its hash is stored."""

    account_id: UUID
    invited_by: tuple[str, ...]
    """Who invited since the person last enrolled, and the proposers if it takes two: account ids, or the software's
    id."""

    expires_at: datetime
    delivered_by: str | None
    delivered_at: datetime | None

    @property
    def had_it(self) -> frozenset[str]:
        """The ids of the inviters and the deliverer."""
        return frozenset(filter(None, (*self.invited_by, self.delivered_by)))


@dataclass(frozen=True)
class Reinvitation:
    """A proposal to invite a person anew, for another administrator to approve."""

    account_id: UUID
    proposed_by: UUID
    reason: str
    proposed_at: datetime
    expires_at: datetime


class Invitations(Connected):
    """At most one invitation and one proposal of each account."""

    async def put(self, account_id: UUID, by: Sequence[str], expires_at: datetime) -> None:
        """Store an undelivered invitation; it replaces an earlier one of a person who has not enrolled since.

        Its inviters stay inviters: one of them could else have another renew it, and deliver that.
        """
        await self._run(
            "INSERT INTO invitations (account_id, invited_by, expires_at)"
            " VALUES (:account_id, :by, :expires_at) ON CONFLICT (account_id) DO UPDATE"
            " SET invited_by = array(SELECT DISTINCT one FROM"
            " unnest(invitations.invited_by || excluded.invited_by) AS one ORDER BY one),"
            " expires_at = excluded.expires_at,"
            " token_hash = NULL, delivered_by = NULL, delivered_at = NULL",
            account_id=account_id,
            by=list(by),
            expires_at=expires_at,
        )

    async def deliver(self, account_id: UUID, token_hash: bytes, by: str, at: datetime) -> None:
        """Store the deliverer of an invitation, and the hash of its token."""
        await self._run(
            "UPDATE invitations SET token_hash = :token_hash, delivered_by = :by,"
            " delivered_at = :at WHERE account_id = :account_id",
            account_id=account_id,
            token_hash=token_hash,
            by=by,
            at=at,
        )

    async def of_token(self, token_hash: bytes) -> Invitation | None:
        """Return the invitation with this token, locked, or None."""
        return await self._one("token_hash = :token_hash FOR UPDATE", token_hash=token_hash)

    async def of(self, account_id: UUID, *, lock: bool = False) -> Invitation | None:
        """Return an account's invitation, or None."""
        suffix = " FOR UPDATE" if lock else ""
        return await self._one(f"account_id = :account_id{suffix}", account_id=account_id)

    async def to_deliver(
        self, now: datetime, *, after: Expiry | None, limit: int
    ) -> list[Invitation]:
        """Return undelivered, unexpired invitations, the first to expire first, beginning after `after`."""
        found = await self._run(
            f"SELECT {_COLUMNS} FROM invitations"  # noqa: S608 - constants
            " WHERE delivered_at IS NULL AND (expires_at, account_id) > (:expires_at, :account_id)"
            " ORDER BY expires_at, account_id LIMIT :limit",
            **_begin(now, after),
            limit=limit,
        )
        return [_invitation(row) for row in found]

    async def drop(self, account_id: UUID) -> None:
        """Delete an account's invitation and the proposal to invite anew."""
        for table in ("invitations", "reinvitations"):
            await self._run(
                f"DELETE FROM {table} WHERE account_id = :account_id",  # noqa: S608 - constants
                account_id=account_id,
            )

    async def propose(self, proposal: Reinvitation) -> None:
        """Store a proposal; replaces any earlier one."""
        await self._run(
            "INSERT INTO reinvitations (account_id, proposed_by, reason, proposed_at, expires_at)"
            " VALUES (:account_id, :proposed_by, :reason, :proposed_at, :expires_at)"
            " ON CONFLICT (account_id) DO UPDATE SET proposed_by = excluded.proposed_by,"
            " reason = excluded.reason, proposed_at = excluded.proposed_at,"
            " expires_at = excluded.expires_at",
            **vars(proposal),
        )

    async def proposal(self, account_id: UUID) -> Reinvitation | None:
        """Return the proposal of an account, locked, or None."""
        found = await self._run(
            "SELECT account_id, proposed_by, reason, proposed_at, expires_at FROM reinvitations"
            " WHERE account_id = :account_id FOR UPDATE",
            account_id=account_id,
        )
        row = found.one_or_none()
        return Reinvitation(**row._mapping) if row else None

    async def proposed(
        self, now: datetime, *, after: Expiry | None, limit: int
    ) -> list[Reinvitation]:
        """Return the unexpired proposals, the first to expire first, beginning after `after`."""
        found = await self._run(
            "SELECT account_id, proposed_by, reason, proposed_at, expires_at FROM reinvitations"
            " WHERE (expires_at, account_id) > (:expires_at, :account_id)"
            " ORDER BY expires_at, account_id LIMIT :limit",
            **_begin(now, after),
            limit=limit,
        )
        return [Reinvitation(**row._mapping) for row in found]

    async def end_proposal(self, account_id: UUID) -> None:
        """Delete a proposal."""
        await self._run(
            "DELETE FROM reinvitations WHERE account_id = :account_id", account_id=account_id
        )

    async def _one(self, where: str, **values: Any) -> Invitation | None:
        found = await self._run(
            f"SELECT {_COLUMNS} FROM invitations WHERE {where}",  # noqa: S608 - constants
            **values,
        )
        row = found.one_or_none()
        return _invitation(row) if row else None


def _begin(now: datetime, after: Expiry | None) -> dict[str, Any]:
    """Return the place before the first row that is unexpired and comes after `after`."""
    expires_at, account_id = max(after or (now, LAST), (now, LAST))
    return {"expires_at": expires_at, "account_id": account_id}


def _invitation(row: Any) -> Invitation:
    return Invitation(**{**row._mapping, "invited_by": tuple(row.invited_by)})
