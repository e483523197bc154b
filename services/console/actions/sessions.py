"""Sessions: the tokens of signed-in people, refreshed one at a time.

The cookie contains the whole session, so a restart signs no one out. This process also caches the newest tokens of
each session: a browser sends several requests with one cookie, and identity closes a session whose refresh token is
used twice (RFC 9700, 4.14.2), so the second request must get the first one's tokens.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import msgspec

from services.console.actions.errors import Refused, SignedOut
from services.console.actions.services import Services
from shared.core.clock import Clock
from shared.core.policy import Accounts

MAX_KNOWN = 12
"""Accounts of one browser; their tokens together stay below the limit of a cookie."""


class Session(msgspec.Struct, kw_only=True, frozen=True):
    """A person's session at identity, stored in a sealed cookie."""

    session_id: str
    person_id: str = ""
    """The person's account id, so that pages can name refusals of this very person in advance. Empty in cookies
    from before it was stored."""

    name: str
    title: str
    permissions: frozenset[str]
    """Permissions for choosing what pages offer, as of the access token; the services decide what is allowed."""

    withheld_roles: frozenset[str] = frozenset()
    """Roles of the person whose rights need a sign-in by security key, as a code opened this session."""

    trained_until: datetime | None = None
    """When the person's training ends, as of the access token or the last look at the start page; None without any."""

    access_token: str
    refresh_token: str
    expires_at: datetime
    """Expiry of the access token."""

    active_at: datetime
    """Time of the person's last action; automatic reloads do not count."""

    def __repr__(self) -> str:
        return f"Session({self.session_id})"  # without its tokens


def rights_of(me: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a session that say what the person may use, from identity's account or new tokens."""
    until = me["trained_until"]
    return {
        "permissions": frozenset(me["permissions"]),
        "withheld_roles": frozenset(me.get("withheld_roles", ())),
        "trained_until": None if until is None else datetime.fromisoformat(until),
    }


class Purpose(msgspec.Struct, kw_only=True, frozen=True):
    """A declared purpose, until its token expires; in a sealed cookie of its own."""

    session_id: str
    token: str
    kind: str
    offence_type: str
    number: str
    expires_at: datetime
    unknown_numbers: tuple[str, ...] = ()
    """Its numbers that the department's own systems did not have yet, when it was declared."""
    known_by: datetime | None = None

    def __repr__(self) -> str:
        return f"Purpose({self.kind})"


class KnownBrowser(msgspec.Struct, kw_only=True, frozen=True):
    """Shows identity that an account signed in from this browser before; in a lasting, sealed cookie."""

    tokens: dict[str, str]
    """By username, the most recent sign-in last; they grant nothing by themselves."""

    def and_also(self, username: str, token: str) -> "KnownBrowser":
        """Return a copy with another token, without those of the oldest sign-ins."""
        others = {name: other for name, other in self.tokens.items() if name != username}
        newest = dict(list(others.items())[1 - MAX_KNOWN :])
        return KnownBrowser(tokens={**newest, username: token})

    def __repr__(self) -> str:
        return f"KnownBrowser({len(self.tokens)})"


RETRIED_AFTER = timedelta(seconds=15)
"""How long a token that is still valid is used after a failed refresh: of an identity that hangs, each takes long."""


@dataclass
class _Held:
    session: Session
    refreshing: asyncio.Lock = field(default_factory=asyncio.Lock)
    retried_from: datetime | None = None
    """When the next refresh is tried after a failed one."""


class Sessions:
    """The newest state of each session that this process has seen."""

    def __init__(self, services: Services, clock: Clock, rules: Accounts) -> None:
        self._services = services
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._ended: dict[str, datetime] = {}
        """End times of sessions whose cookies are not idle yet, so that a copied cookie shows no page."""

        self.idle = timedelta(minutes=rules.idle_minutes)
        self._refreshed_when_left = timedelta(minutes=rules.access_token_minutes) / 2
        """Remaining life at which a token is refreshed, early, since identity counts idleness from the last refresh."""

    def current(self, cookie: Session) -> Session:
        """Return the newest known state of the session in `cookie`."""
        held = self._held.get(cookie.session_id)
        known = held.session if held else cookie
        newer = max(known, cookie, key=lambda session: session.expires_at)
        active_at = max(known.active_at, cookie.active_at)
        return msgspec.structs.replace(newer, active_at=active_at)

    def is_idle(self, session: Session) -> bool:
        """Whether the session has been unused for as long as ends it (468.6)."""
        return self._clock.now() - session.active_at >= self.idle

    def remember(self, session: Session) -> Session:
        """Store a session's newest state; drops idle sessions."""
        for session_id in [key for key, held in self._held.items() if self.is_idle(held.session)]:
            del self._held[session_id]
        self._held.setdefault(session.session_id, _Held(session)).session = session
        return session

    def touch(self, session: Session) -> Session:
        """Record an action of the person."""
        return self.remember(msgspec.structs.replace(session, active_at=self._clock.now()))

    def forget(self, session: Session) -> None:
        """Drop an ended session. Its cookie is refused until it is idle by itself."""
        self._held.pop(session.session_id, None)
        now = self._clock.now()
        for session_id in [key for key, at in self._ended.items() if now - at >= self.idle]:
            del self._ended[session_id]
        self._ended[session.session_id] = now

    def has_ended(self, session: Session) -> bool:
        """Whether a session ended here, even if its cookie is presented again."""
        return session.session_id in self._ended

    async def fresh(self, session: Session, *, refused: bool = False) -> Session:
        """Return the session with an access token that stays valid for a while.

        `refused`: a service refused the current token. Raises: SignedOut; Refused if identity does not answer and
        the current token has expired.
        """
        held = self._held.setdefault(session.session_id, _Held(session))
        async with held.refreshing:
            newest = self.current(session)
            left = newest.expires_at - self._clock.now()
            is_other = newest.access_token != session.access_token
            if left > self._refreshed_when_left and (is_other or not refused):
                return newest
            waits = held.retried_from is not None and self._clock.now() < held.retried_from
            if waits and not refused and left > timedelta(0):
                return newest
            try:
                return await self._refresh(newest)
            except Refused as exc:
                later = exc.temporary or exc.status == HTTPStatus.TOO_MANY_REQUESTS
                if later and not refused and left > timedelta(0):
                    # Identity is down, or others at this address flood it (ADR-0015): the session continues
                    # until the token expires (ADR-0007).
                    held.retried_from = self._clock.now() + RETRIED_AFTER
                    return newest
                if exc.status == HTTPStatus.UNAUTHORIZED:
                    self.forget(session)
                    raise SignedOut("The session has ended; sign in again.") from exc
                raise

    async def _refresh(self, session: Session) -> Session:
        body = {"refresh_token": session.refresh_token}
        opened = await self._services.request_json(
            "identity", "POST", "/v1/sessions/renewal", json=body
        )
        return self.remember(
            msgspec.structs.replace(
                session,
                access_token=opened["access_token"],
                refresh_token=opened["refresh_token"],
                expires_at=datetime.fromisoformat(opened["expires_at"]),
                **(rights_of(opened) if "permissions" in opened else {}),
            )
        )
