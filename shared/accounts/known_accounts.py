"""A service's copy of keys and accounts, with which it checks tokens offline and revokes them within seconds.

Each event is signed under a certificate of a root (ADR-0018). Account and key events are numbered, and identity's
tick carries the latest numbers, so a service detects a missing event (ADR-0031).
"""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.accounts.tokens import LEEWAY_S, KeyRing, longest_tokens, thumbprint
from shared.core.certificates import CertificateRefused, Trust
from shared.core.clock import Clock
from shared.core.errors import AlprError, CredentialEnded, DependencyDown, Unavailable
from shared.core.policy import Policy
from shared.core.problem_codes import Common
from shared.events import AccountChanged, CertificateRevoked, Event, IdentityTicked, KeyPublished
from shared.events.signed_events import verify_event

log = logging.getLogger(__name__)

FOLLOWED = (KeyPublished, AccountChanged, CertificateRevoked)
"""Events that a service replays from the start; it follows ticks from the end of their topic."""

CURRENT_FOR = timedelta(seconds=5)
RECENT_TICKS = 10
FOR_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class _Known:
    """The newest event of one account or key."""

    number: int
    serial: int
    """Serial of the certificate that signed it; 0 for events that identity made from its own tables."""


@dataclass(frozen=True)
class _Bar:
    """Why an account may not act, and the number of the change that barred it."""

    status: str
    number: int


@dataclass(frozen=True)
class Provisioned:
    """People who created, re-invited or changed an account and may not decide on its requests (ADR-0025)."""

    by: frozenset[str] = frozenset()
    """Account ids."""

    known: bool = False
    """Whether the list is complete; False for accounts older than the record of provisioners."""

    @classmethod
    def from_event(cls, event: AccountChanged) -> "Provisioned":
        """Return the provisioners that an account's event lists. The topic is compacted, so each event lists all."""
        provisioned = event.details.get("provisioned")
        if not isinstance(provisioned, dict) or not isinstance(provisioned.get("by"), list):
            return cls()
        return cls(frozenset(map(str, provisioned["by"])), provisioned.get("known") is True)


class People:
    """The keys and accounts that token checks need, and whether they are current."""

    def __init__(self, issuer: str, trust: Trust, policy: Policy, clock: Clock) -> None:
        self.keys = KeyRing(issuer, longest_tokens(policy))
        self.trust = trust
        self._clock = clock
        self._accounts: dict[str, _Known] = {}
        self._key_events: dict[str, _Known] = {}
        self._account_sum = 0
        self._key_sum = 0
        self._newest_change: datetime | None = None
        self._valid_from: dict[str, datetime] = {}
        self._barred: dict[str, _Bar] = {}
        self._provisioned: dict[str, Provisioned] = {}
        self._ticks: deque[tuple[IdentityTicked, datetime]] = deque(maxlen=RECENT_TICKS)
        self._highest: IdentityTicked | None = None
        self._current_until: datetime | None = None
        self._lost_at: datetime | None = None
        self._was_current = False

    async def learn_all(self, events: Sequence[Event]) -> None:
        """Learn events from a follower. Logs and skips a bad event, so that it locks no account out."""
        for event in events:
            try:
                self.learn(event)
            except (AlprError, ValueError, KeyError, TypeError) as exc:
                log.error("an event of %s is ignored: %s", event.TOPIC, exc)

    def learn(self, event: Event) -> None:
        """Verify and learn one event from Kafka. Raises: CertificateRefused, ValueError, KeyError."""
        if isinstance(event, CertificateRevoked):
            self._revoke(event.revocation)
            return
        now = self._clock.now()
        serial = verify_event(self.trust, event, "tokens", now).serial
        if isinstance(event, IdentityTicked):
            self._tick(event, now)
        else:
            self.know(event, serial)

    def know(self, event: Event, serial: int = 0) -> None:
        """Learn a key or an account from an event already verified as identity's."""
        if isinstance(event, KeyPublished):
            self._key(event, serial)
        elif isinstance(event, AccountChanged):
            self._account(event, serial)
        self._settle()

    def check(self, claims: dict[str, Any]) -> None:
        """Raise CredentialEnded if the account of `claims` may not act, or its token was revoked.

        identity issues tokens to active accounts only, and a token states the number of the account's newest change
        then. A bar with a lower number is out of date: its end has not come through Kafka yet (ADR-0080).
        """
        account = str(claims["sub"])
        bar = self._barred.get(account)
        if bar is not None and int(claims.get("account_number", 0)) <= bar.number:
            raise CredentialEnded(Common.ACCOUNT_ENDED, status=bar.status)
        issued = datetime.fromtimestamp(float(claims["iat"]), UTC)
        valid_from = self._valid_from.get(account)
        if valid_from is not None and issued < valid_from:
            raise CredentialEnded(Common.TOKEN_REVOKED)

    def has_ended(self, account_id: str) -> bool:
        """Return whether the newest event of an account says that it may not act: it is separated, locked, disabled or
        invited anew."""
        return account_id in self._barred

    def has_left(self, account_id: str) -> bool:
        """Return whether the newest event of an account says that its person was separated."""
        bar = self._barred.get(account_id)
        return bar is not None and bar.status == "separated"

    def provisioned(self, account_id: str) -> Provisioned:
        """Return the provisioners of an account, as its newest event lists them."""
        return self._provisioned.get(account_id, Provisioned())

    def check_current(self, now: datetime) -> None:
        """Raise Unavailable unless this process knows every account and key change up to 5 s ago."""
        if self.lost_for(now) is not None:
            raise Unavailable(Common.ACCOUNTS_UNCHECKED)

    def lost_for(self, now: datetime) -> timedelta | None:
        """Return how long this process's accounts have been out of date; None while they are current."""
        if self._current_until is not None and now <= self._current_until:
            self._lost_at = None
            return None
        if self._lost_at is None:
            self._lost_at = self._current_until or now
        return now - self._lost_at

    def assume_current(self, until: datetime = FOR_EVER) -> None:
        """Count as current until `until` without a tick; for tests, which run without identity."""
        self._current_until = until

    @property
    def was_current(self) -> bool:
        """Whether this process's accounts have been current at any time since its start."""
        return self._was_current

    async def ping(self) -> None:
        """Return while accounts are current. Raises: Unavailable."""
        if self.lost_for(self._clock.now()) is not None:
            raise DependencyDown("no tick of identity arrives, or an event before one is missing")

    def _account(self, event: AccountChanged, serial: int) -> None:
        account = str(event.account_id)
        known = self._accounts.get(account, _Known(0, 0))
        if event.account_number < known.number or (event.account_number == known.number and serial):
            return  # a redelivery of an older state
        if event.account_number < 1:
            raise ValueError("an account's event has no number")
        self._account_sum += event.account_number - known.number
        self._accounts[account] = _Known(event.account_number, serial)
        self._newest_change = max(self._newest_change or event.occurred_at, event.occurred_at)
        self._valid_from[account] = event.tokens_valid_from
        if serial or "provisioned" in event.details:  # else identity made the event from its tables
            self._provisioned[account] = Provisioned.from_event(event)
        self._barred.pop(account, None)
        if event.status != "active":
            self._barred[account] = _Bar(event.status, event.account_number)

    def _key(self, event: KeyPublished, serial: int) -> None:
        if event.kid != thumbprint(event.jwk) or event.issuer != self.keys.issuer:
            raise ValueError("the key does not match its id, or is another issuer's")
        if event.key_number < 1:
            raise ValueError("a key's event has no number")
        known = self._key_events.get(event.kid, _Known(0, 0))
        self.keys.add(event.kid, event.jwk, event.not_after)
        if event.key_number > known.number:
            self._key_sum += event.key_number - known.number
            self._key_events[event.kid] = _Known(event.key_number, serial)
            self._newest_change = max(self._newest_change or event.occurred_at, event.occurred_at)

    def _revoke(self, text: str) -> None:
        """Drop the keys and numbers that a revoked issuer certificate signed.

        Accounts that it barred stay barred until an event under a new certificate changes them.
        """
        revoked = self.trust.learn_revocation(text)
        if revoked.usage != "tokens":
            return
        for kid in [k for k, known in self._key_events.items() if known.serial == revoked.serial]:
            self._key_sum -= self._key_events.pop(kid).number
            self.keys.drop(kid)
        for known in self._accounts.values():
            if known.serial == revoked.serial:
                self._account_sum -= known.number
                known.number = 0
        self._ticks.clear()
        self._current_until = None

    def _tick(self, tick: IdentityTicked, now: datetime) -> None:
        leeway = timedelta(seconds=LEEWAY_S)
        if tick.occurred_at > now + leeway:
            raise CertificateRefused("a tick comes from the future: check the clocks")
        if self._went_back(tick, leeway):
            raise CertificateRefused("identity's numbers went back: its database was replaced")
        highest = self._highest
        if highest is None or tick.account_number >= highest.account_number:
            self._highest = tick
        self._ticks.append((tick, now))
        self._settle()

    def _went_back(self, tick: IdentityTicked, leeway: timedelta) -> bool:
        """Whether the tick has lower numbers than an earlier tick, or than the events known well before it."""

        def fewer(accounts: int, keys: int, at: datetime | None) -> bool:
            later = at is not None and tick.occurred_at > at + leeway
            return later and (tick.account_number < accounts or tick.key_number < keys)

        last = self._highest
        return fewer(self._account_sum, self._key_sum, self._newest_change) or (
            last is not None and fewer(last.account_number, last.key_number, last.occurred_at)
        )

    def _settle(self) -> None:
        """Become current by each tick whose numbers this process has reached.

        Each event adds one to its account's number and one to the total, so the newest numbers of all accounts add
        up to the tick's total only if no event is missing, in a compacted topic too.
        """
        for tick, came_at in list(self._ticks):
            if self._account_sum >= tick.account_number and self._key_sum >= tick.key_number:
                until = min(tick.occurred_at, came_at) + CURRENT_FOR
                self._current_until = max(self._current_until or until, until)
                self._was_current = True
                self._ticks.remove((tick, came_at))
