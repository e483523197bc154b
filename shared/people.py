"""Follows identity's keys and accounts, so that tokens are checked offline and revoked within seconds."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from shared.errors import AlprError, CredentialEnded
from shared.events import AccountChanged, Event, KeyPublished
from shared.tokens import KeyRing

log = logging.getLogger(__name__)

FOLLOWED = (KeyPublished, AccountChanged)


class People:
    """What a service knows of keys and accounts: enough to check a token, nothing more."""

    def __init__(self, issuer: str) -> None:
        self.keys = KeyRing(issuer)
        self._changed_at: dict[str, datetime] = {}
        self._valid_from: dict[str, datetime] = {}
        self._barred: dict[str, str] = {}

    def learn(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, KeyPublished):
            self.keys.add(event.kid, event.jwk, event.not_after)
        elif isinstance(event, AccountChanged):
            account = str(event.account_id)
            if event.occurred_at < self._changed_at.get(account, event.occurred_at):
                return  # identity knows its own changes before Kafka brings the earlier ones
            self._changed_at[account] = event.occurred_at
            self._valid_from[account] = event.tokens_valid_from
            self._barred.pop(account, None)
            if event.status != "active":
                self._barred[account] = event.status

    async def learn_all(self, events: Sequence[Event]) -> None:
        """Take in events as a follower hands them over; one bad event must not lock everybody out."""
        for event in events:
            try:
                self.learn(event)
            except (AlprError, ValueError) as exc:
                log.error("an event of %s is not taken: %s", event.TOPIC, exc)

    def check(self, claims: dict[str, Any]) -> None:
        """Raise CredentialEnded if the account of `claims` may not act, or its token was revoked."""
        account = str(claims["sub"])
        if (status := self._barred.get(account)) is not None:
            raise CredentialEnded(f"this account is {status}")
        issued = datetime.fromtimestamp(float(claims["iat"]), UTC)
        valid_from = self._valid_from.get(account)
        if valid_from is not None and issued < valid_from:
            raise CredentialEnded("this token was revoked")
