"""Password hashes, sealed second-factor secrets, and failed sign-ins."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True)
class Credential:
    """What a person proves who they are with, as far as it is kept."""

    account_id: UUID
    password_hash: str
    totp_sealed: bytes
    totp_last_step: int


@dataclass(frozen=True)
class Failures:
    """How many sign-ins failed within the window."""

    of_account: int
    of_one: int
    """Those of the same known browser or session; or those of neither."""


class Credentials:
    """One row a person, read by enrolment and sign-in alone."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, account_id: UUID) -> Credential | None:
        """Return a person's credential, or None before they enrolled."""
        found = await self._connection.execute(
            text(
                "SELECT account_id, password_hash, totp_sealed, totp_last_step FROM credentials"
                " WHERE account_id = :account_id"
            ),
            {"account_id": account_id},
        )
        row = found.one_or_none()
        return Credential(**row._mapping) if row else None

    async def put(
        self, account_id: UUID, password_hash: str, totp_sealed: bytes, now: datetime
    ) -> None:
        """Keep a person's credential in place of any earlier one."""
        await self._connection.execute(
            text(
                "INSERT INTO credentials (account_id, password_hash, password_changed_at,"
                " totp_sealed) VALUES (:account_id, :password_hash, :now, :totp_sealed)"
                " ON CONFLICT (account_id) DO UPDATE SET password_hash = excluded.password_hash,"
                " password_changed_at = excluded.password_changed_at,"
                " totp_sealed = excluded.totp_sealed, totp_last_step = 0"
            ),
            {
                "account_id": account_id,
                "password_hash": password_hash,
                "totp_sealed": totp_sealed,
                "now": now,
            },
        )

    async def set_password(self, account_id: UUID, password_hash: str, now: datetime) -> None:
        """Keep another password hash."""
        await self._connection.execute(
            text(
                "UPDATE credentials SET password_hash = :password_hash, password_changed_at = :now"
                " WHERE account_id = :account_id"
            ),
            {"account_id": account_id, "password_hash": password_hash, "now": now},
        )

    async def use_step(self, account_id: UUID, step: int) -> None:
        """Note the step of the last code taken: it and those before are used up."""
        await self._connection.execute(
            text("UPDATE credentials SET totp_last_step = :step WHERE account_id = :account_id"),
            {"account_id": account_id, "step": step},
        )

    async def drop(self, account_id: UUID) -> None:
        """Forget a person's credential."""
        await self._connection.execute(
            text("DELETE FROM credentials WHERE account_id = :account_id"),
            {"account_id": account_id},
        )

    async def add_failure(
        self, account_id: UUID, now: datetime, since: datetime, *, counted_for: UUID | None
    ) -> Failures:
        """Note a failed sign-in and return how many there were since `since`; older ones go."""
        values = {"account_id": account_id, "now": now, "since": since, "one": counted_for}
        await self._connection.execute(
            text(
                "DELETE FROM failed_sign_ins WHERE account_id = :account_id AND failed_at < :since"
            ),
            values,
        )
        await self._connection.execute(
            text(
                "INSERT INTO failed_sign_ins (account_id, failed_at, counted_for)"
                " VALUES (:account_id, :now, :one)"
            ),
            values,
        )
        found = await self._connection.execute(
            text(
                "SELECT count(*) AS of_account, count(*) FILTER (WHERE counted_for"
                " IS NOT DISTINCT FROM CAST(:one AS uuid)) AS of_one"
                " FROM failed_sign_ins WHERE account_id = :account_id"
            ),
            values,
        )
        return Failures(**found.one()._mapping)

    async def clear_failures_of(self, account_id: UUID, counted_for: UUID | None) -> None:
        """Forget the failures of a browser or session that proved who it is; those of others stay."""
        await self._connection.execute(
            text(
                "DELETE FROM failed_sign_ins WHERE account_id = :account_id"
                " AND counted_for IS NOT DISTINCT FROM CAST(:one AS uuid)"
            ),
            {"account_id": account_id, "one": counted_for},
        )

    async def clear_failures(self, account_id: UUID) -> None:
        """Forget all failed sign-ins: an administrator let the person in."""
        await self._connection.execute(
            text("DELETE FROM failed_sign_ins WHERE account_id = :account_id"),
            {"account_id": account_id},
        )
