"""One client of the alert stream: the hits it may see, the validity of its token, and its buffered alerts."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from services.hotlist.domain.hits import Hit
from services.hotlist.domain.problem_codes import Code
from shared.access.grant import Grant
from shared.accounts.known_accounts import People
from shared.accounts.tokens import verify
from shared.core.errors import (
    AlprError,
    CredentialEnded,
    NotAuthenticated,
    NotAuthorised,
    Unavailable,
)
from shared.core.problem_codes import Common
from shared.service.coverage import Coverage


class StreamAuthorisation:
    """Checks again whether a stream's token is valid; the stream outlives the check of its request."""

    def __init__(
        self,
        people: People,
        grant: Grant,
        coverage: Coverage | None = None,
        *,
        unchecked_for: timedelta,
    ) -> None:
        """`unchecked_for` bounds how long the stream goes on while accounts are not current (ADR-0031).

        Raises: NotAuthenticated if the grant belongs to the software itself, which has no token.
        """
        if grant.principal.token is None:
            raise NotAuthenticated(Common.TOKEN_MISSING)
        self._token = grant.principal.token
        self._coverage = coverage
        self._people = people
        self._expires_at = datetime.fromtimestamp(float(self._token.claims["exp"]), UTC)
        self._trained_until = grant.principal.trained_until
        self._distrusted: AlprError | None = None
        self._unchecked_for = unchecked_for

    def unchecked(self, now: datetime) -> tuple[datetime, datetime] | None:
        """Return the times when account checks were lost and when the stream ends for it; None if checks work."""
        lost = self._people.lost_for(now)
        return None if lost is None else (now - lost, now - lost + self._unchecked_for)

    def fault(self, now: datetime) -> AlprError | None:
        """Return the refusal that must end the stream, or None."""
        if now >= self._expires_at:
            return CredentialEnded(Common.TOKEN_EXPIRED)
        if self._trained_until is None or now >= self._trained_until:
            return _untrained(self._trained_until)
        if self._coverage is not None and self._coverage.refuses:
            return Unavailable(Common.AUDIT_LOG_BEHIND, retry_after_s=60)
        if self._distrusted is not None:
            return self._distrusted
        try:
            self._people.check(self._token.claims)
        except NotAuthenticated as exc:
            return exc
        if (unchecked := self.unchecked(now)) is not None and now >= unchecked[1]:
            unchecked_s = self._unchecked_for.total_seconds()
            return Unavailable(Code.ALERT_STREAM_UNCHECKED, unchecked_s=unchecked_s)
        return None

    def verify_again(self, now: datetime) -> None:
        """Check the signature and its key again too; `fault` returns a failure from then on."""
        try:
            verify(self._token.text, self._people.keys, "access", now)
        except NotAuthenticated as exc:
            self._distrusted = exc


def _untrained(until: datetime | None) -> NotAuthorised:
    if until is None:
        return NotAuthorised(Common.TRAINING_MISSING)
    return NotAuthorised(Common.TRAINING_LAPSED, lapsed_on=until.date())


class Viewer:
    """An open stream's client. `cursor` is the position of the last alert or change sent to it or withheld from it."""

    def __init__(
        self, grant: Grant, authorisation: StreamAuthorisation, cursor: int, buffer: int
    ) -> None:
        self.grant = grant
        self.authorisation = authorisation
        self.cursor = cursor
        self.unchecked = False
        """Whether the stream has sent the notice that the account cannot be checked."""

        self.ended: AlprError | None = None
        """The refusal that ends the stream although its token is valid; None to continue."""

        self.behind = True
        """Whether the stream reads from Postgres by itself, until it has caught up with the broadcaster."""

        self._buffer = buffer
        self._waiting: list[bytes] = []
        self._wake = asyncio.Event()

    @property
    def account_id(self) -> str:
        """The account that opened the stream."""
        return self.grant.principal.account_id

    def end(self, why: AlprError) -> None:
        """End the stream at once with `why` as the reason."""
        self.ended = why
        self.wake()

    def sees(self, hit: Hit) -> bool:
        """Return whether the viewer may see a hit: of their agency, from a source they are entitled to (468.4(e))."""
        return hit.agency_ori in self.grant.agencies and hit.source in self.grant.principal.sources

    def room(self, count: int) -> bool:
        """Return whether the buffer has room for `count` more alerts."""
        return len(self._waiting) + count <= self._buffer

    def give(self, alerts: Sequence[bytes], cursor: int) -> None:
        """Buffer `alerts` to be sent and move the viewer's cursor to `cursor`."""
        self._waiting.extend(alerts)
        self.cursor = max(self.cursor, cursor)
        self.wake()

    def fall_behind(self) -> None:
        """Leave the broadcast: the stream sends its buffer, then reads later hits from Postgres."""
        self.behind = True
        self.wake()

    def wake(self) -> None:
        """Wake the stream to check for alerts or its end."""
        self._wake.set()

    async def next_batch(self, within_s: float) -> bytes:
        """Empty the buffer and return it; wait up to `within_s` for alerts unless the viewer is behind."""
        if not self._waiting and not self.behind:
            self._wake.clear()
            try:
                async with asyncio.timeout(within_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
        waiting, self._waiting = b"".join(self._waiting), []
        return waiting
