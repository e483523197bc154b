"""A client of the services' public HTTP APIs."""

import logging
from collections.abc import AsyncIterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

import httpx

from services.console.actions.errors import Refused, refusal

HEARTBEATS_WITHIN_S = 60.0
"""An alert stream that is silent for longer is dead; hotlist sends heartbeats more often."""

MOST_CONNECTIONS = 100
"""To one service, without those of open streams."""

IDLE_EXPIRY_S = 3.0
"""How long an idle connection is used again; servers close theirs after 5 s or more."""

UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Errors before a service got any of a request."""


class Services:
    """Sends requests; raises `Refused` also for a service that does not answer."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        *,
        timeout_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._addresses = addresses
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs URLs, which contain ids
        client = partial(
            httpx.AsyncClient,
            timeout=timeout_s,
            transport=transport,
            trust_env=False,  # a proxy named in the environment must not see the requests
        )
        # A service that hangs uses up its own connections alone.
        bounded = httpx.Limits(max_connections=MOST_CONNECTIONS, keepalive_expiry=IDLE_EXPIRY_S)
        self._http = {name: client(limits=bounded) for name in addresses}
        # Open alerts and files keep a connection each; hotlist bounds the alerts, of which it may have hundreds.
        self._streams = client(limits=httpx.Limits(keepalive_expiry=IDLE_EXPIRY_S))

    async def close(self) -> None:
        """Close the connections."""
        for client in (*self._http.values(), self._streams):
            await client.aclose()

    async def request(
        self,
        service: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        content: AsyncIterator[bytes] | None = None,
        within_s: float | None = None,
        stream: bool = False,
    ) -> httpx.Response:
        """Send a request and return the response of any status. The caller closes a `stream`.

        `content` is a body to forward as it arrives. The response may take `within_s` seconds, without it as
        long as the console's settings say.

        Raises: Refused (503) if the service cannot be reached.
        """
        client = self._streams if stream else self._http[service]
        request = client.build_request(
            method,
            f"{self._addresses[service]}{path}",
            headers=dict(headers or {}),
            json=json,
            params=params,
            content=content,
        )
        if within_s is not None:
            limits = request.extensions["timeout"]
            limits.update(read=within_s, connect=min(within_s, limits["connect"]))
        if stream:
            request.extensions["timeout"]["read"] = HEARTBEATS_WITHIN_S
        try:
            return await client.send(request, stream=stream)
        except httpx.RequestError as exc:
            is_read = method == "GET" or path.endswith("/search")
            raise _unanswered(service, exc, is_read=is_read) from exc

    async def request_json(self, service: str, method: str, path: str, **options: Any) -> Any:
        """Send a request that has to succeed; returns its JSON, None without a body.

        Raises: Refused in the service's own words.
        """
        return content(await self.request(service, method, path, **options))


def _unanswered(service: str, exc: httpx.RequestError, *, is_read: bool) -> Refused:
    """Return the refusal of a request without an answer. Where the service may have acted on it, it says so."""
    if isinstance(exc, UNSENT):
        detail = f"the service {service} does not answer, and got nothing; load this page again to send it once more"
    elif is_read:
        detail = f"the service {service} gave no answer that can be read; load this page again"
    else:
        detail = (
            f"the service {service} got what you sent and gave no answer that can be read, so it may have recorded it:"
            " look before you send it again"
        )
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Temporarily unavailable", detail)


def bearer(access_token: str) -> dict[str, str]:
    """Return the header with a person's access token."""
    return {"Authorization": f"Bearer {access_token}"}


def successful(answer: httpx.Response) -> httpx.Response:
    """Return a response that succeeded. Raises: Refused."""
    if not answer.is_success:
        raise refusal(answer)
    return answer


def content(answer: httpx.Response) -> Any:
    """Return a response's JSON, None without a body. Raises: Refused."""
    if successful(answer).status_code == HTTPStatus.NO_CONTENT:
        return None
    try:
        return answer.json()
    except ValueError:
        raise refusal(answer) from None
