"""Stands before the guard: a flood of requests of nobody known is answered without work (ADR-0015).

Only refusals are limited. Whoever holds a credential is never slowed, whatever others at the same
address do; it costs them one more look at it while the address is over its allowance.
"""

from collections.abc import Awaitable, Callable, Collection
from http import HTTPStatus

from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.core.errors import AlprError, CredentialEnded, NotAuthenticated, TooManyRequests
from shared.limits.refusal_log import RefusalLog
from shared.limits.refusals import GUARD, Door, place_of

_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})

Identify = Callable[[Request], Awaitable[object]]
"""Raises NotAuthenticated unless a request carries a credential that holds, and leaves no trace."""

Vouch = Callable[[Request, str], Awaitable[str | None]]
"""Returns who is known, without being signed in yet, at an open route; they have an allowance of their own."""


def note_known(request: Request) -> None:
    """Say that it is known who asks: a refusal from here on is theirs, and on record as such."""
    request.state.known = True


def note_uncounted(request: Request) -> None:
    """Say that a refusal of this request leaves no entry of its own, so that it is to be counted."""
    request.state.uncounted = True


class Turnstile:
    """Lets a request pass, or answers 429 for it and counts it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        refusals: RefusalLog,
        identify: Identify,
        vouch: Vouch | None = None,
        exempt: Collection[str],
        doors: Collection[str],
        answer: Callable[[Request, AlprError], Awaitable[Response]],
    ) -> None:
        """Paths that are `exempt` always pass; `doors` are open routes that refuse by themselves."""
        self._app = app
        self._refusals = refusals
        self._identify = identify
        self._vouch = vouch
        self._exempt = frozenset(exempt)
        self._doors = frozenset(doors)
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
        door = Door(place_of(client[0] if client else ""), path if path in self._doors else GUARD)
        reserved = self._refusals.reserve(door)
        if not reserved and (own := await self._own_door(Request(scope), door)) is not None:
            reserved, door = True, own
        if reserved or (fault := await self._fault(Request(scope), door)) is None:
            await self._watched(scope, receive, send, door, reserved=reserved)
            return
        if isinstance(fault, TooManyRequests | NotAuthenticated):
            self._refusals.count(door)
        answer = await self._answer(Request(scope), fault)
        await answer(scope, receive, send)

    async def _own_door(self, request: Request, door: Door) -> Door | None:
        """Return the door of somebody known, one refusal reserved; None for others, or over it too."""
        if self._vouch is None or door.name == GUARD:
            return None
        try:
            who = await self._vouch(request, door.name)
        except AlprError:
            return None
        own = None if who is None else Door(who, door.name)
        return own if own is not None and self._refusals.reserve(own) else None

    async def _fault(self, request: Request, door: Door) -> AlprError | None:
        """Return why a request over the allowance is refused; None for somebody known."""
        wait_s = self._refusals.allowance.wait_s(door)
        over = TooManyRequests(
            "too many refused requests came from this address; send a credential that holds, or wait",
            retry_after_s=wait_s,
        )
        if door.name != GUARD:
            return over
        try:
            await self._identify(request)
        except CredentialEnded as exc:
            return exc  # whose it is must hear that it ended, to fetch another
        except NotAuthenticated:
            return over
        except AlprError as exc:
            return exc
        return None

    async def _watched(
        self, scope: Scope, receive: Receive, send: Send, door: Door, *, reserved: bool
    ) -> None:
        """Run the app; keep what was reserved if it refuses, else give it back as it answers."""
        state = scope.setdefault("state", {})

        async def answer(message: Message) -> None:
            nonlocal reserved
            if message["type"] == "http.response.start":
                status = message["status"]
                # At a sign-in: too many came at once, and nothing was looked at. It leaves no entry either.
                turned_away = status == HTTPStatus.TOO_MANY_REQUESTS and door.name != GUARD
                if (turned_away or status in _REFUSED) and not state.get("known"):
                    reserved = False
                    if turned_away or state.get("uncounted"):
                        self._refusals.count(door)
                elif reserved:
                    reserved = False
                    self._refusals.allowance.give_back(door)
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            if reserved:
                self._refusals.allowance.give_back(door)
