"""Accounts and their yearly reviews."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.accounts import ADMINISTRATOR, Account
from services.identity.domain.problem_codes import Code
from services.identity.store.connected import Connected
from shared.core.errors import Conflict, NotFound
from shared.core.types import Ori

_SELECT = """
SELECT a.account_id, a.username, a.name, a.title, a.agency_ori, a.status, a.roles, a.sources,
       a.tokens_valid_from, a.last_active_at, a.reviewed_at, a.created_at, a.changed_at, a.number,
       a.sign_in_locked_at, a.held_roles, a.keys_only,
       (SELECT max(t.valid_until) FROM trainings t
         WHERE t.account_id = a.account_id AND t.course = :course) AS trained_until
  FROM accounts a
"""


class Accounts(Connected):
    """The accounts table. `course` is the training that the policy requires."""

    def __init__(self, connection: AsyncConnection, course: str) -> None:
        super().__init__(connection)
        self._course = course

    async def find(self, account_id: UUID, *, lock: bool = False) -> Account | None:
        """Return an account, locked against change if asked for, or None."""
        return await self._one("WHERE a.account_id = :account_id", lock, account_id=account_id)

    async def get(self, account_id: UUID, *, lock: bool = False) -> Account:
        """Return an account. Raises: NotFound."""
        if (account := await self.find(account_id, lock=lock)) is None:
            raise NotFound(Code.ACCOUNT_UNKNOWN)
        return account

    async def find_username(self, username: str, *, lock: bool = False) -> Account | None:
        """Return the account of a username in lower case, or None."""
        return await self._one("WHERE a.username = :username", lock, username=username)

    async def page(
        self,
        *,
        status: str | None,
        role: str | None,
        after: str,
        limit: int,
        sign_in_locked: bool | None = None,
    ) -> Sequence[Account]:
        """Return accounts by username, beginning after one."""
        return await self._many(
            "WHERE a.username > :after"
            " AND (CAST(:status AS text) IS NULL OR a.status = :status)"
            " AND (CAST(:role AS text) IS NULL OR :role = ANY(a.roles))"
            " AND (CAST(:locked AS boolean) IS NULL"
            "      OR (a.sign_in_locked_at IS NOT NULL) = :locked)"
            " ORDER BY a.username LIMIT :limit",
            status=status,
            role=role,
            locked=sign_in_locked,
            after=after,
            limit=limit,
        )

    async def trained_before(
        self,
        moment: datetime,
        *,
        except_titles: Collection[str],
        after: tuple[datetime | None, str] | None,
        limit: int,
    ) -> Sequence[Account]:
        """Return people whose training is missing or ends by `moment`, soonest first, without those of some titles.

        Begins after the end and the username in `after`; people without training come first.
        """
        ended, username = after or (None, "")
        statement = (
            f"SELECT * FROM ({_SELECT} WHERE a.status IN ('active', 'locked', 'disabled')"  # noqa: S608
            " AND a.title <> ALL (CAST(:except_titles AS text[]))) found"
            " WHERE (trained_until IS NULL OR trained_until <= :moment)"
            " AND (coalesce(trained_until, '-infinity'), username) >"
            " (coalesce(CAST(:ended AS timestamptz), '-infinity'), :username)"
            " ORDER BY trained_until NULLS FIRST, username LIMIT :limit"
        )
        return await self._listed(
            statement,
            moment=moment,
            except_titles=sorted(except_titles),
            ended=ended,
            username=username,
            limit=limit,
        )

    async def reviewed_before(
        self, moment: datetime, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[Account]:
        """Return people whose rights were last reviewed before `moment`, oldest first.

        Begins after the review and the account in `after`.
        """
        reviewed_at, account_id = after or (None, None)
        return await self._many(
            "WHERE a.status <> 'separated' AND a.reviewed_at <= :moment"
            " AND (CAST(:reviewed_at AS timestamptz) IS NULL"
            "      OR (a.reviewed_at, a.account_id) > (:reviewed_at, CAST(:after_id AS uuid)))"
            " ORDER BY a.reviewed_at, a.account_id LIMIT :limit",
            moment=moment,
            reviewed_at=reviewed_at,
            after_id=account_id,
            limit=limit,
        )

    async def inactive_since(self, moment: datetime) -> Sequence[Account]:
        """Return active accounts unused since `moment`, locked; skips rows that others have locked."""
        return await self._many(
            "WHERE a.status = 'active' AND a.last_active_at <= :moment FOR UPDATE OF a SKIP LOCKED",
            moment=moment,
        )

    async def changed_since(self, moment: datetime) -> Sequence[Account]:
        """Return accounts whose state changed after `moment`."""
        return await self._many("WHERE a.changed_at >= :moment", moment=moment)

    async def not_announced_under(self, serial: int, limit: int) -> Sequence[Account]:
        """Return accounts last announced under another certificate, locked in the order of their ids."""
        return await self._many(
            "WHERE a.announced_under <> :serial ORDER BY a.account_id LIMIT :limit FOR UPDATE OF a",
            serial=serial,
            limit=limit,
        )

    async def all(self) -> Sequence[Account]:
        """Return all accounts."""
        return await self._many("")

    async def administrators(self) -> Sequence[Account]:
        """Return the active and the invited ALPR administrators."""
        return await self._many(
            "WHERE a.status IN ('active', 'invited') AND :role = ANY(a.roles)", role=ADMINISTRATOR
        )

    async def lock_bootstrap(self) -> None:
        """Exclude other bootstraps until the transaction ends."""
        await self._run(
            "SELECT pg_advisory_xact_lock(hashtext('bootstrap'), hashtext(current_schema()))"
        )

    async def add(self, account: Account) -> None:
        """Insert a new account. Raises: Conflict if the username is taken."""
        try:
            async with self._connection.begin_nested():
                await self._connection.execute(_INSERT, _row(account))
        except IntegrityError:
            raise Conflict(Code.USERNAME_TAKEN, field="username") from None

    async def save(self, account: Account) -> None:
        """Update a changed account."""
        await self._connection.execute(_UPDATE, _row(account))

    async def touch(self, account_id: UUID, now: datetime) -> None:
        """Record that the person is active."""
        await self._run(
            "UPDATE accounts SET last_active_at = greatest(last_active_at, :now)"
            " WHERE account_id = :account_id",
            account_id=account_id,
            now=now,
        )

    async def add_review(self, account: Account, reviewer: UUID, now: datetime, note: str) -> None:
        """Record a review of an account's roles and sources."""
        await self._run(
            "INSERT INTO reviews (review_id, account_id, reviewed_by, reviewed_at, roles,"
            " sources, note) VALUES (:review_id, :account_id, :reviewed_by, :reviewed_at,"
            " :roles, :sources, :note)",
            review_id=uuid4(),
            account_id=account.account_id,
            reviewed_by=reviewer,
            reviewed_at=now,
            roles=list(account.roles),
            sources=list(account.sources),
            note=note,
        )

    async def _one(self, where: str, lock: bool, **values: Any) -> Account | None:
        found = await self._many(where + (" FOR UPDATE OF a" if lock else ""), **values)
        return found[0] if found else None

    async def _many(self, where: str, **values: Any) -> list[Account]:
        return await self._listed(f"{_SELECT} {where}", **values)

    async def _listed(self, statement: str, **values: Any) -> list[Account]:
        found = await self._run(statement, course=self._course, **values)
        return [_account(row) for row in found]


_INSERT = text(
    "INSERT INTO accounts (account_id, username, name, title, agency_ori, status, roles, sources,"
    " tokens_valid_from, last_active_at, reviewed_at, created_at, changed_at, sign_in_locked_at,"
    " held_roles)"
    " VALUES (:account_id, :username, :name, :title, :agency_ori, :status, :roles, :sources,"
    " :tokens_valid_from, :last_active_at, :reviewed_at, :created_at, :changed_at,"
    " :sign_in_locked_at, :roles)"
)
_UPDATE = text(
    "UPDATE accounts SET name = :name, title = :title, status = :status, roles = :roles,"
    " sources = :sources, tokens_valid_from = :tokens_valid_from, last_active_at = :last_active_at,"
    " reviewed_at = :reviewed_at, changed_at = :changed_at,"
    " sign_in_locked_at = :sign_in_locked_at, keys_only = :keys_only, held_roles = array(SELECT DISTINCT role"
    " FROM unnest(held_roles || roles || CAST(:roles AS text[])) AS role ORDER BY role)"
    " WHERE account_id = :account_id"
)


def _account(row: Row[Any]) -> Account:
    values = dict(row._mapping)
    for name in ("roles", "sources", "held_roles"):
        values[name] = tuple(values[name])
    values["agency_ori"] = Ori(values["agency_ori"])
    return Account(**values)


def _row(account: Account) -> dict[str, Any]:
    return {
        "account_id": account.account_id,
        "username": account.username,
        "name": account.name,
        "title": account.title,
        "agency_ori": account.agency_ori,
        "status": account.status,
        "roles": list(account.roles),
        "sources": list(account.sources),
        "tokens_valid_from": account.tokens_valid_from,
        "last_active_at": account.last_active_at,
        "reviewed_at": account.reviewed_at,
        "created_at": account.created_at,
        "changed_at": account.changed_at,
        "sign_in_locked_at": account.sign_in_locked_at,
        "keys_only": account.keys_only,
    }
