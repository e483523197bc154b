"""Middleware that answers floods of unauthenticated requests with 429, before the guard (ADR-0015).

It limits refusals only. A client with a valid credential is never slowed by others at its address; while the
address is over its allowance, the service verifies the credential once more.
"""

from collections.abc import Awaitable, Callable, Collection
from http import HTTPStatus

from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.core.errors import AlprError, CredentialEnded, NotAuthenticated, TooManyRequests
from shared.core.problem_codes import Common
from shared.limits.refusal_log import RefusalLog
from shared.limits.refusals import GUARD, LimitKey, network_of

_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})

Identify = Callable[[Request], Awaitable[object]]
"""Raises NotAuthenticated unless a request carries a valid credential; records no access."""

Vouch = Callable[[Request, str], Awaitable[str | None]]
"""Returns the name of a known but not yet signed-in client of an open route, with its own allowance; else None."""


def mark_authenticated(request: Request) -> None:
    """Mark a request as authenticated: later refusals of it are recorded under its person, and not counted."""
    request.state.known = True


def mark_uncounted(request: Request) -> None:
    """Mark a request whose refusal writes no audit entry, so that the limiter counts it."""
    request.state.uncounted = True


class RefusalLimiter:
    """Lets a request pass, or answers 429 for it and counts it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        refusals: RefusalLog,
        identify: Identify,
        vouch: Vouch | None = None,
        exempt: Collection[str],
        sign_in_routes: Collection[str],
        answer: Callable[[Request, AlprError], Awaitable[Response]],
    ) -> None:
        """`exempt` paths always pass; `sign_in_routes` are the open routes that refuse requests themselves."""
        self._app = app
        self._refusals = refusals
        self._identify = identify
        self._vouch = vouch
        self._exempt = frozenset(exempt)
        self._sign_in_routes = frozenset(sign_in_routes)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path in self._exempt:
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        key = LimitKey(
            network_of(client[0] if client else ""), path if path in self._sign_in_routes else GUARD
        )
        reserved = self._refusals.reserve(key)
        if not reserved and (own := await self._own_key(Request(scope), key)) is not None:
            reserved, key = True, own
        if reserved or (fault := await self._fault(Request(scope), key)) is None:
            await self._watched(scope, receive, send, key, reserved=reserved)
            return
        if isinstance(fault, TooManyRequests | NotAuthenticated):
            self._refusals.count(key)
        answer = await self._answer(Request(scope), fault)
        await answer(scope, receive, send)

    async def _own_key(self, request: Request, key: LimitKey) -> LimitKey | None:
        """Reserve a refusal under a known client's own key; return the key, None if unknown or over its allowance."""
        if self._vouch is None or key.name == GUARD:
            return None
        try:
            who = await self._vouch(request, key.name)
        except AlprError:
            return None
        own = None if who is None else LimitKey(who, key.name)
        return own if own is not None and self._refusals.reserve(own) else None

    async def _fault(self, request: Request, key: LimitKey) -> AlprError | None:
        """Return the refusal of a request over the allowance; None for an authenticated one."""
        wait_s = self._refusals.allowance.wait_s(key)
        over = TooManyRequests(Common.TOO_MANY_REFUSED, retry_after_s=wait_s)
        if key.name != GUARD:
            return over
        try:
            await self._identify(request)
        except CredentialEnded as exc:
            return exc  # the client must learn that its credential ended, to fetch a new one
        except NotAuthenticated:
            return over
        except AlprError as exc:
            return exc
        return None

    async def _watched(
        self, scope: Scope, receive: Receive, send: Send, key: LimitKey, *, reserved: bool
    ) -> None:
        """Run the app; use the reservation if the app refuses the request, else release it with the answer."""
        state = scope.setdefault("state", {})

        async def answer(message: Message) -> None:
            nonlocal reserved
            if message["type"] == "http.response.start":
                status = message["status"]
                # The service refused a sign-in unchecked, because too many came at once: it has no audit entry.
                turned_away = status == HTTPStatus.TOO_MANY_REQUESTS and key.name != GUARD
                if (turned_away or status in _REFUSED) and not state.get("known"):
                    reserved = False
                    if turned_away or state.get("uncounted"):
                        self._refusals.count(key)
                elif reserved:
                    reserved = False
                    self._refusals.allowance.give_back(key)
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            if reserved:
                self._refusals.allowance.give_back(key)
