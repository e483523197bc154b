"""Sessions: the tokens of people who are signed in, refreshed one at a time.

The cookie carries a session whole, so a restart signs nobody out. This process also remembers the
newest tokens of each session: a browser sends several requests with one cookie, and identity closes a
session whose refresh token comes twice (RFC 9700, 4.14.2), so the second must get the first one's.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

import msgspec

from services.console.actions.errors import Refused, SignedOut
from services.console.actions.services import Services
from shared.core.clock import Clock
from shared.core.policy import Accounts

MAX_KNOWN = 12
"""People of one browser: what their tokens take stays under what a cookie may have."""


class Session(msgspec.Struct, kw_only=True, frozen=True):
    """A person's session at identity. The cookie that holds it is sealed."""

    session_id: str
    person_id: str = ""
    """Whose account it is, so that pages can say what the services would refuse this very person.
    Empty in a cookie from before this was kept: then nothing is told in advance."""

    name: str
    title: str
    permissions: frozenset[str]
    """What the pages offer; whether it is allowed is the services' to say."""

    access_token: str
    refresh_token: str
    expires_at: datetime
    """When the access token ends."""

    active_at: datetime
    """When the person last did something; a page that reloads itself is nobody."""

    def __repr__(self) -> str:
        return f"Session({self.session_id})"  # without its tokens, wherever it is shown


class Purpose(msgspec.Struct, kw_only=True, frozen=True):
    """A declared purpose, for as long as its token holds; another cookie, sealed."""

    session_id: str
    token: str
    kind: str
    offence_type: str
    number: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Purpose({self.kind})"


class KnownBrowser(msgspec.Struct, kw_only=True, frozen=True):
    """What shows identity that an account was signed in to from this browser; a lasting cookie, sealed."""

    tokens: dict[str, str]
    """By username, the last that signed in last; they open nothing by themselves."""

    def and_also(self, username: str, token: str) -> "KnownBrowser":
        """Return it with another token, and without those of who signed in longest ago."""
        others = {name: kept for name, kept in self.tokens.items() if name != username}
        newest = dict(list(others.items())[1 - MAX_KNOWN :])
        return KnownBrowser(tokens={**newest, username: token})

    def __repr__(self) -> str:
        return f"KnownBrowser({len(self.tokens)})"


@dataclass
class _Held:
    session: Session
    refreshing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sessions:
    """The newest state of each session that was seen here."""

    def __init__(self, services: Services, clock: Clock, rules: Accounts) -> None:
        self._services = services
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._ended: dict[str, datetime] = {}
        """When sessions ended here whose cookies are not idle yet: who kept one sees no page with it."""

        self.idle = timedelta(minutes=rules.idle_minutes)
        self._refreshed_when_left = timedelta(minutes=rules.access_token_minutes) / 2
        """Identity counts idleness from the last refresh, so people who work refresh early."""

    def current(self, cookie: Session) -> Session:
        """Return the newest known state of the session in `cookie`."""
        held = self._held.get(cookie.session_id)
        known = held.session if held else cookie
        newer = max(known, cookie, key=lambda session: session.expires_at)
        active_at = max(known.active_at, cookie.active_at)
        return msgspec.structs.replace(newer, active_at=active_at)

    def is_idle(self, session: Session) -> bool:
        """Return whether nobody has used the session for as long as ends it (468.6)."""
        return self._clock.now() - session.active_at >= self.idle

    def keep(self, session: Session) -> Session:
        """Remember a session's newest state; forget those that have ended by themselves."""
        for session_id in [key for key, held in self._held.items() if self.is_idle(held.session)]:
            del self._held[session_id]
        self._held.setdefault(session.session_id, _Held(session)).session = session
        return session

    def touch(self, session: Session) -> Session:
        """Note that the person did something."""
        return self.keep(msgspec.structs.replace(session, active_at=self._clock.now()))

    def forget(self, session: Session) -> None:
        """Drop a session that has ended. Its cookie is taken for none until it is idle by itself."""
        self._held.pop(session.session_id, None)
        now = self._clock.now()
        for session_id in [key for key, at in self._ended.items() if now - at >= self.idle]:
            del self._ended[session_id]
        self._ended[session.session_id] = now

    def has_ended(self, session: Session) -> bool:
        """Return whether a session ended here, whatever a cookie says that somebody kept."""
        return session.session_id in self._ended

    async def fresh(self, session: Session, *, refused: bool = False) -> Session:
        """Return the session with an access token that holds for a while.

        `refused`: a service did not take the present one. Raises: SignedOut; Refused when identity
        does not answer and the present token has ended.
        """
        held = self._held.setdefault(session.session_id, _Held(session))
        async with held.refreshing:
            newest = self.current(session)
            left = newest.expires_at - self._clock.now()
            is_other = newest.access_token != session.access_token
            if left > self._refreshed_when_left and (is_other or not refused):
                return newest
            try:
                return await self._refresh(newest)
            except Refused as exc:
                later = exc.temporary or exc.status == HTTPStatus.TOO_MANY_REQUESTS
                if later and not refused and left > timedelta(0):
                    # Identity is down, or others at this address flood it (ADR-0015): work goes on
                    # until the token ends (ADR-0007).
                    return newest
                if exc.status == HTTPStatus.UNAUTHORIZED:
                    self.forget(session)
                    raise SignedOut("The session has ended; sign in again.") from exc
                raise

    async def _refresh(self, session: Session) -> Session:
        body = {"refresh_token": session.refresh_token}
        opened = await self._services.must("identity", "POST", "/v1/sessions/refresh", json=body)
        return self.keep(
            msgspec.structs.replace(
                session,
                access_token=opened["access_token"],
                refresh_token=opened["refresh_token"],
                expires_at=datetime.fromisoformat(opened["expires_at"]),
            )
        )
