"""Sessions and their refresh tokens, which are stored as hashes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.identity.store.connected import Connected

SharedPlace = Literal["browser", "address"]
"""What two people signed in from: the same browser, or the same address alone."""


@dataclass(frozen=True)
class Session:
    """One sign-in, until it is closed."""

    session_id: UUID
    account_id: UUID
    opened_at: datetime
    used_at: datetime
    closed_at: datetime | None
    by_key: bool
    """Whether a security key opened it, not a code."""


@dataclass(frozen=True)
class SignIn(Session):
    """A session with where it was opened and why it ended, as its own person sees it."""

    client_address: str | None
    closed_reason: str | None


class Sessions(Connected):
    """Sessions and refresh tokens."""

    async def open(
        self,
        session_id: UUID,
        account_id: UUID,
        now: datetime,
        *,
        client_address: str,
        browser_id: UUID,
        by_key: bool,
    ) -> None:
        """Insert a new session with its address and browser, and whether a security key opened it."""
        await self._run(
            "INSERT INTO sessions (session_id, account_id, opened_at, used_at, client_address,"
            " browser_id, by_key) VALUES (:session_id, :account_id, :now, :now, :address,"
            " :browser_id, :by_key)",
            session_id=session_id,
            account_id=account_id,
            now=now,
            address=client_address,
            browser_id=browser_id,
            by_key=by_key,
        )

    async def is_by_key(self, session_id: UUID) -> bool:
        """Return whether a security key opened a session."""
        found = await self._run(
            "SELECT by_key FROM sessions WHERE session_id = :session_id", session_id=session_id
        )
        return bool(found.scalar_one_or_none())

    async def beside(
        self,
        people: Collection[str],
        since: datetime,
        *,
        client_address: str,
        browsers: Collection[UUID],
    ) -> dict[str, SharedPlace]:
        """Return which of `people` used a session after `since` in one of `browsers` or from the address.

        Maps the account id to "browser", or to "address" if only the address is the same.
        """
        found = await self._run(
            "SELECT CAST(account_id AS text) AS person_id,"
            " bool_or(coalesce(browser_id = ANY(CAST(:browsers AS uuid[])), false)) AS same_browser"
            " FROM sessions WHERE CAST(account_id AS text) = ANY(:people) AND used_at > :since"
            " AND (browser_id = ANY(CAST(:browsers AS uuid[]))"
            "      OR (client_address = :address AND client_address <> ''))"
            " GROUP BY account_id",
            people=sorted(people),
            since=since,
            address=client_address,
            browsers=list(browsers),
        )
        return {row.person_id: "browser" if row.same_browser else "address" for row in found}

    async def of(self, account_id: UUID, *, after: UUID | None, limit: int) -> Sequence[SignIn]:
        """Return a person's sessions, open and closed, newest first, beginning after the one named `after`."""
        found = await self._run(
            "SELECT session_id, account_id, opened_at, used_at, closed_at, by_key, client_address,"
            " closed_reason FROM sessions WHERE account_id = :account_id"
            " AND (CAST(:after AS uuid) IS NULL OR (opened_at, session_id) <"
            " (SELECT opened_at, session_id FROM sessions"
            " WHERE session_id = :after AND account_id = :account_id))"
            " ORDER BY opened_at DESC, session_id DESC LIMIT :limit",
            account_id=account_id,
            after=after,
            limit=limit,
        )
        return [SignIn(**row._mapping) for row in found]

    async def owner(self, token_hash: bytes) -> tuple[UUID, UUID] | None:
        """Return the account and session of a refresh token, or None."""
        found = await self._run(
            "SELECT s.account_id, s.session_id FROM refresh_tokens r"
            " JOIN sessions s USING (session_id) WHERE r.token_hash = :token_hash",
            token_hash=token_hash,
        )
        row = found.one_or_none()
        return (row.account_id, row.session_id) if row else None

    async def lock(self, session_id: UUID) -> Session | None:
        """Return a session, locked, or None. Lock its account first."""
        found = await self._run(
            "SELECT session_id, account_id, opened_at, used_at, closed_at, by_key FROM sessions"
            " WHERE session_id = :session_id FOR UPDATE",
            session_id=session_id,
        )
        row = found.one_or_none()
        return Session(**row._mapping) if row else None

    async def use_token(self, token_hash: bytes, now: datetime) -> bool:
        """Use a refresh token up; False if it was used before."""
        found = await self._run(
            "UPDATE refresh_tokens SET used_at = :now"
            " WHERE token_hash = :token_hash AND used_at IS NULL",
            token_hash=token_hash,
            now=now,
        )
        return bool(found.rowcount)

    async def add_token(self, session_id: UUID, token_hash: bytes) -> None:
        """Store a session's next refresh token."""
        await self._run(
            "INSERT INTO refresh_tokens (token_hash, session_id) VALUES (:token_hash, :session_id)",
            session_id=session_id,
            token_hash=token_hash,
        )

    async def touch(self, session_id: UUID, now: datetime) -> None:
        """Record that the session is in use."""
        await self._run(
            "UPDATE sessions SET used_at = :now WHERE session_id = :session_id",
            session_id=session_id,
            now=now,
        )

    async def close(self, session_id: UUID, now: datetime, reason: str) -> bool:
        """Close a session; False if it was closed before."""
        found = await self._run(
            "UPDATE sessions SET closed_at = :now, closed_reason = :reason"
            " WHERE session_id = :session_id AND closed_at IS NULL",
            session_id=session_id,
            now=now,
            reason=reason,
        )
        return bool(found.rowcount)

    async def close_all(
        self, account_id: UUID, now: datetime, reason: str, *, but: UUID | None = None
    ) -> Sequence[UUID]:
        """Close all sessions of a person, but for one if named, and return them."""
        found = await self._run(
            "UPDATE sessions SET closed_at = :now, closed_reason = :reason"
            " WHERE account_id = :account_id AND closed_at IS NULL"
            " AND session_id IS DISTINCT FROM CAST(:but AS uuid) RETURNING session_id",
            account_id=account_id,
            now=now,
            reason=reason,
            but=but,
        )
        return list(found.scalars())

    async def stale(self, used_before: datetime, opened_before: datetime) -> Sequence[Session]:
        """Return open sessions over a limit, locked; skips rows that others have locked."""
        found = await self._run(
            "SELECT session_id, account_id, opened_at, used_at, closed_at, by_key FROM sessions"
            " WHERE closed_at IS NULL AND (used_at <= :used_before OR opened_at <= :opened_before)"
            " FOR UPDATE SKIP LOCKED",
            used_before=used_before,
            opened_before=opened_before,
        )
        return [Session(**row._mapping) for row in found]

    async def drop_tokens(self, closed_before: datetime) -> None:
        """Delete refresh tokens of sessions closed before `closed_before`: their replay needs no detection."""
        await self._run(
            "DELETE FROM refresh_tokens r USING sessions s"
            " WHERE r.session_id = s.session_id AND s.closed_at < :closed_before",
            closed_before=closed_before,
        )
