"""Clients of the public HTTP API: people and devices, each with their own credential."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import httpx
import pyotp

from local.demo.story import StepFailed

REFRESH_BEFORE_S = 120.0
TOTP_STEP_S = 30


class Api:
    """The services of one stack, by name."""

    def __init__(
        self, urls: Mapping[str, str], transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._urls = urls
        self.http = httpx.AsyncClient(timeout=30.0, transport=transport)

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    def url(self, service: str, path: str) -> str:
        """Return the address of a route, e.g. ("hotlist", "/v1/hits")."""
        return f"{self._urls[service]}{path}"

    async def ask(self, service: str, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request and return the response of any status. `request` holds httpx's arguments."""
        return await self.http.request(method, self.url(service, path), **request)

    async def must(self, service: str, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request that has to succeed. Raises: StepFailed with its problem."""
        answer = await self.ask(service, method, path, **request)
        if not answer.is_success:
            raise StepFailed(f"{method} {service}{path}: {problem(answer)}")
        return answer


@dataclass
class Person:
    """A signed-in person."""

    api: Api
    username: str
    name: str
    title: str
    account_id: str
    password: str = field(repr=False)
    totp_secret: str = field(repr=False)
    last_totp_step: int = 0
    """The step of the newest one-time code that this person used (RFC 6238)."""
    _access: str = field(default="", repr=False)
    _refresh: str = field(default="", repr=False)
    _good_until: float = 0.0

    @property
    def known_as(self) -> str:
        """Name and title."""
        return f"{self.name}, {self.title}"

    async def sign_in(self) -> None:
        """Open a session with password and second factor."""
        # Enrolment used up its code; the next one is accepted too (RFC 6238, 5.2).
        self.last_totp_step = int(time.time()) // TOTP_STEP_S + 1
        body = {
            "username": self.username,
            "password": self.password,
            "totp": pyotp.TOTP(self.totp_secret).generate_otp(self.last_totp_step),
        }
        self._store((await self.api.must("identity", "POST", "/v1/sessions", json=body)).json())

    async def refresh(self) -> None:
        """Get new tokens, which include changes to this person, such as training."""
        body = {"refresh_token": self._refresh}
        answer = await self.api.must("identity", "POST", "/v1/sessions/renewal", json=body)
        self._store(answer.json())

    async def headers(self, purpose: str | None = None) -> dict[str, str]:
        """Return the headers of this person's requests; `purpose` is a purpose token."""
        if time.monotonic() > self._good_until:
            await self.refresh()
        carried = {"Authorization": f"Bearer {self._access}"}
        return {**carried, "X-ALPR-Purpose": purpose} if purpose else carried

    async def ask(
        self, service: str, method: str, path: str, *, purpose: str | None = None, **request: Any
    ) -> httpx.Response:
        """Send a request as this person and return the response of any status."""
        headers = {**await self.headers(purpose), **request.pop("headers", {})}
        return await self.api.ask(service, method, path, headers=headers, **request)

    async def must(
        self, service: str, method: str, path: str, *, purpose: str | None = None, **request: Any
    ) -> Any:
        """Send a request that has to succeed; returns its JSON, None without a body."""
        answer = await self.ask(service, method, path, purpose=purpose, **request)
        if not answer.is_success:
            raise StepFailed(f"{self.username}, {method} {service}{path}: {problem(answer)}")
        return None if answer.status_code == HTTPStatus.NO_CONTENT else answer.json()

    async def declare(self, **purpose: Any) -> str:
        """Declare a purpose; returns its token."""
        accepted = await self.must("identity", "POST", "/v1/purposes", json=purpose)
        return str(accepted["purpose_token"])

    def _store(self, session: Mapping[str, Any]) -> None:
        self._access, self._refresh = session["access_token"], session["refresh_token"]
        left = datetime.fromisoformat(session["expires_at"]) - datetime.now(UTC)
        self._good_until = time.monotonic() + left.total_seconds() - REFRESH_BEFORE_S


def problem(answer: httpx.Response) -> str:
    """Describe a problem document (RFC 9457) by status and detail, and any other response as it is."""
    try:
        said = answer.json()
        return f"{answer.status_code} {said.get('detail') or said.get('title')}"
    except (ValueError, AttributeError):
        return f"{answer.status_code} {answer.text[:300]}"
