"""Feeds: credentials of machines, each of which may deliver extracts to one list of the state or of NCIC (ADR-0123)."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.hotlist.domain.problem_codes import Code
from shared.core.errors import Conflict, InvalidInput, NotAuthenticated
from shared.core.machine_secrets import digest
from shared.core.types import Ori
from shared.events import Actor, Source

LONGEST = timedelta(days=366)
MAX_FEEDS = 5
"""The most feeds of a list that have not ended: one is replaced by another without a gap."""

MAX_HEADER_CHARACTERS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One feed, without its secret."""

    feed_id: UUID
    list_id: UUID
    agency_ori: Ori
    source: Source
    name: str
    issued_at: datetime
    issued_by: str
    issued_by_id: str
    expires_at: datetime
    revoked_at: datetime | None
    last_delivered_at: datetime | None

    @property
    def actor(self) -> Actor:
        """The feed as events name it: software, with its own id."""
        return Actor(
            person_id=f"system:feed/{self.feed_id}",
            name=f"feed {self.name}",
            title="feed",
            agency_ori=self.agency_ori,
        )

    def is_live(self, now: datetime) -> bool:
        """Whether its credential is accepted."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Presented:
    """A credential as a request presents it."""

    feed_id: UUID
    secret_sha256: bytes

    def check(self, feed: Feed | None, secret_sha256: bytes, now: datetime) -> Feed:
        """Return `feed`, stored with this digest, if this is its credential. Raises: NotAuthenticated."""
        same = hmac.compare_digest(self.secret_sha256, secret_sha256)
        if feed is None or not same or not feed.is_live(now):
            raise NotAuthenticated(Code.FEED_CREDENTIAL_REFUSED)
        return feed


def presented(authorization: str | None) -> Presented:
    """Parse an Authorization header. Raises: NotAuthenticated, which never quotes it."""
    scheme, _, rest = (authorization or "")[: MAX_HEADER_CHARACTERS + 1].partition(" ")
    feed_id, _, secret = rest.strip().partition(".")
    if scheme.lower() != "bearer" or len(rest) > MAX_HEADER_CHARACTERS or not secret:
        raise NotAuthenticated(Code.FEED_CREDENTIAL_MISSING)
    try:
        return Presented(UUID(feed_id), digest(secret))
    except ValueError:
        raise NotAuthenticated(Code.FEED_CREDENTIAL_MISSING) from None


def check_new_feed(source: Source, expires_at: datetime, live: int, now: datetime) -> None:
    """Check that a list of `source` with `live` feeds may have another. Raises: Conflict, InvalidInput."""
    if source == "department":
        raise Conflict(Code.FEED_OF_DEPARTMENT)
    if not now < expires_at <= now + LONGEST:
        raise InvalidInput(Code.FEED_TOO_LONG, field="expires_at", max_days=LONGEST.days)
    if live >= MAX_FEEDS:
        raise Conflict(Code.FEEDS_TOO_MANY, max_feeds=MAX_FEEDS)


def check_live(feed: Feed, now: datetime) -> None:
    """Check that a feed has not ended while its file arrived. Raises: NotAuthenticated."""
    if not feed.is_live(now):
        raise NotAuthenticated(Code.FEED_CREDENTIAL_REFUSED)
