"""Calls services as a signed-in person: with their token and any declared purpose."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
from msgspec.structs import replace

from services.console.actions.errors import PurposeNeeded, Refused, is_unauthorised
from services.console.actions.services import Services, bearer, content
from services.console.actions.sessions import Purpose, Session, Sessions, rights_of
from shared.core.policy import Purposes
from shared.core.problem_codes import Common

RESOLVED_BY_PURPOSE = frozenset(
    one.code
    for one in (
        Common.PURPOSE_MISSING,
        Common.PURPOSE_MISSING_FOR,
        Common.PURPOSE_MISSING_TO_LIST,
    )
)
"""Refusals that a declared purpose resolves."""

MOST_ITEMS = 200
"""The most items in one answer of a service."""


class PersonClient:
    """One person's client of the services, for one request of their browser."""

    def __init__(
        self,
        services: Services,
        sessions: Sessions,
        purposes: Purposes,
        session: Session,
        purpose: Purpose | None,
        *,
        headers: Mapping[str, str],
        page: str,
        store: Callable[[Session], None],
    ) -> None:
        """`page`: where the person continues after declaring a purpose; `store` puts a session into their cookie."""
        self.session = session
        self.purpose = purpose
        self._services = services
        self._sessions = sessions
        self._purposes = purposes
        self._headers = headers
        self._page = page
        self._store = store

    def has_purpose_for(self, permission: str) -> bool:
        """Whether the declared purpose, if any, opens a permission by the policy's table."""
        return self.purpose is not None and self.purpose.kind in self.kinds_for(permission)

    def kinds_for(self, permission: str) -> list[str]:
        """Return the kinds of purpose that open a permission, in order."""
        return sorted(self._purposes.kinds_for(permission))

    @property
    def kinds_of_purpose(self) -> list[str]:
        """The kinds of purpose that open one of this person's permissions, in order."""
        held = set(self.session.permissions)
        kinds = {
            kind for row in self._purposes.opens if row.permissions & held for kind in row.kinds
        }
        return sorted(kinds or self._purposes.allowed)

    async def request(self, service: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request; retries once with a new token if the current one was revoked.

        `with_purpose=False` leaves the declared purpose out, for data that need none; `purpose_for`, a permission,
        leaves it out if it does not open that permission. The service checks a purpose that is sent against the policy.

        Raises: Refused if the service does not answer, SignedOut if the session has ended.
        """
        self._renew(await self._sessions.fresh(self.session))
        sent_with = self.session
        answer = await self._send(service, method, path, **options)
        if is_unauthorised(answer) and "content" not in options:
            # Tokens are revoked by account; the session itself may continue (ADR-0007). A body that was
            # forwarded as it arrived cannot be sent again.
            await answer.aclose()
            self._renew(await self._sessions.fresh(sent_with, refused=True))
            answer = await self._send(service, method, path, **options)
        return answer

    async def request_json(self, service: str, method: str, path: str, **options: Any) -> Any:
        """Send a request that has to succeed; returns its JSON.

        Raises: Refused, SignedOut; PurposeNeeded if only a declared purpose is missing.
        """
        try:
            return content(await self.request(service, method, path, **options))
        except Refused as exc:
            raise self.refused(exc) from None

    async def list_items(
        self, service: str, path: str, *, query: Mapping[str, Any] | None = None, **options: Any
    ) -> list[Any]:
        """Return the items of all pages of a list, by the filters in `query`.

        Raises: Refused, SignedOut, PurposeNeeded.
        """
        query = {**(query or {}), "limit": MOST_ITEMS}
        found: list[Any] = []
        while True:
            page = await self.request_json(service, "GET", path, params=query, **options)
            found += page["items"]
            if (following := page.get("next")) is None:
                return found
            query = {**query, "after": following}

    def refused(self, exc: Refused) -> Refused | PurposeNeeded:
        """Return the refusal, or PurposeNeeded if a purpose, or another one, would resolve it."""
        if exc.code in RESOLVED_BY_PURPOSE or exc.opened:
            return PurposeNeeded(self._page, exc.opened)
        return exc

    def touch(self) -> None:
        """Record an action of the person."""
        self.session = self._sessions.touch(self.session)
        self._store(self.session)

    def know(self, me: Mapping[str, Any]) -> None:
        """Keep the person's permissions and training of now, from identity's account."""
        newest = self._sessions.current(self.session)  # another request may have new tokens since
        self.session = self._sessions.remember(replace(newest, **rights_of(me)))
        self._store(self.session)

    def forget(self) -> None:
        """Drop the ended session."""
        self._sessions.forget(self.session)

    def _renew(self, session: Session) -> None:
        if session.access_token != self.session.access_token:
            self.session = session
            self._store(session)

    async def _send(self, service: str, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {
            **self._headers,
            **bearer(self.session.access_token),
            **options.pop("headers", {}),
        }
        permission = options.pop("purpose_for", None)
        wanted = options.pop("with_purpose", True) and (
            permission is None or self.has_purpose_for(permission)
        )
        if self.purpose is not None and wanted:
            headers["X-ALPR-Purpose"] = self.purpose.token
        return await self._services.request(service, method, path, headers=headers, **options)
