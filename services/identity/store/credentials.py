"""Password hashes, sealed second-factor secrets, and failed sign-ins."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.identity.store.connected import Connected


@dataclass(frozen=True)
class Credential:
    """A person's password hash and sealed second factor."""

    account_id: UUID
    password_hash: str
    totp_sealed: bytes
    totp_last_step: int


@dataclass(frozen=True)
class Failures:
    """How many sign-ins failed within the window."""

    of_account: int
    of_one: int
    """Failures of the same known browser or session, or those of neither."""


class Credentials(Connected):
    """Credentials, one row a person, and failed sign-ins."""

    async def find(self, account_id: UUID) -> Credential | None:
        """Return a person's credential, or None before they enrolled."""
        found = await self._run(
            "SELECT account_id, password_hash, totp_sealed, totp_last_step FROM credentials"
            " WHERE account_id = :account_id",
            account_id=account_id,
        )
        row = found.one_or_none()
        return Credential(**row._mapping) if row else None

    async def put(
        self, account_id: UUID, password_hash: str, totp_sealed: bytes, now: datetime
    ) -> None:
        """Store a person's credential; replaces any earlier one."""
        await self._run(
            "INSERT INTO credentials (account_id, password_hash, password_changed_at,"
            " totp_sealed) VALUES (:account_id, :password_hash, :now, :totp_sealed)"
            " ON CONFLICT (account_id) DO UPDATE SET password_hash = excluded.password_hash,"
            " password_changed_at = excluded.password_changed_at,"
            " totp_sealed = excluded.totp_sealed, totp_last_step = 0",
            account_id=account_id,
            password_hash=password_hash,
            totp_sealed=totp_sealed,
            now=now,
        )

    async def set_password(self, account_id: UUID, password_hash: str, now: datetime) -> None:
        """Store a new password hash."""
        await self._run(
            "UPDATE credentials SET password_hash = :password_hash, password_changed_at = :now"
            " WHERE account_id = :account_id",
            account_id=account_id,
            password_hash=password_hash,
            now=now,
        )

    async def set_second_factor(self, account_id: UUID, totp_sealed: bytes, step: int) -> None:
        """Store a new sealed second factor, with the step of its first code, which is used up."""
        await self._run(
            "UPDATE credentials SET totp_sealed = :totp_sealed, totp_last_step = :step"
            " WHERE account_id = :account_id",
            account_id=account_id,
            totp_sealed=totp_sealed,
            step=step,
        )

    async def use_step(self, account_id: UUID, step: int) -> None:
        """Store the step of the last accepted code, which uses up that step and all before it."""
        await self._run(
            "UPDATE credentials SET totp_last_step = :step WHERE account_id = :account_id",
            account_id=account_id,
            step=step,
        )

    async def drop(self, account_id: UUID) -> None:
        """Delete a person's credential, and with it their security keys."""
        await self._run(
            "DELETE FROM credentials WHERE account_id = :account_id", account_id=account_id
        )

    async def add_failure(
        self, account_id: UUID, now: datetime, since: datetime, *, counted_for: UUID | None
    ) -> Failures:
        """Record a failed sign-in, delete those before `since`, and return the counts."""
        values = {"account_id": account_id, "now": now, "since": since, "one": counted_for}
        await self._run(
            "DELETE FROM failed_sign_ins WHERE account_id = :account_id AND failed_at < :since",
            **values,
        )
        await self._run(
            "INSERT INTO failed_sign_ins (account_id, failed_at, counted_for)"
            " VALUES (:account_id, :now, :one)",
            **values,
        )
        found = await self._run(
            "SELECT count(*) AS of_account, count(*) FILTER (WHERE counted_for"
            " IS NOT DISTINCT FROM CAST(:one AS uuid)) AS of_one"
            " FROM failed_sign_ins WHERE account_id = :account_id",
            **values,
        )
        return Failures(**found.one()._mapping)

    async def clear_failures_of(self, account_id: UUID, counted_for: UUID | None) -> None:
        """Delete the failures of one browser or session, after it signed in; those of others stay."""
        await self._run(
            "DELETE FROM failed_sign_ins WHERE account_id = :account_id"
            " AND counted_for IS NOT DISTINCT FROM CAST(:one AS uuid)",
            account_id=account_id,
            one=counted_for,
        )

    async def clear_failures(self, account_id: UUID) -> None:
        """Delete all failed sign-ins of an account, when an administrator releases it or invites the person anew."""
        await self._run(
            "DELETE FROM failed_sign_ins WHERE account_id = :account_id", account_id=account_id
        )
