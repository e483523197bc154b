"""The console's client of the services."""

import asyncio

import pytest

from services.console.actions.services import Services


async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_sees_no_request(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = "http://{}:{}".format(*server.sockets[0].getsockname())
    services = Services({"identity": address}, timeout_s=5)
    try:
        assert await services.request_json("identity", "GET", "/v1/me") == {}
    finally:
        await services.close()
        server.close()
