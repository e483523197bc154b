"""The way from this machine to the services: through the ingress at a node's port, by TLS with the site's name."""

import ssl
from dataclasses import dataclass

import httpx

from services.registry import SPECS
from tests.cluster.department import HOSTS


@dataclass
class Site(httpx.AsyncBaseTransport):
    """Sends requests for the site to an address, as a name server would."""

    address: str
    port: int
    authority: str
    """The signer of the site's certificate (PEM)."""

    def __post_init__(self) -> None:
        trusted = ssl.create_default_context(cadata=self.authority)
        self._inner = httpx.AsyncHTTPTransport(verify=trusted)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its Host header and the TLS name stay the site's."""
        request.extensions = {**request.extensions, "sni_hostname": request.url.host}
        request.url = request.url.copy_with(host=self.address, port=self.port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()


def urls() -> dict[str, str]:
    """Return the services' addresses at the site."""
    return {name: f"https://{HOSTS[0]}/{name}" for name in SPECS}
