"""The console's connections to services, over real sockets."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from services.console.actions.errors import Refused
from services.console.actions.services import Services

OPEN = 150
"""More alert pages than a pool of connections has by default."""


@asynccontextmanager
async def serving(*, hangs=False):
    """Run a service whose streams stay open, and which answers other requests at once, or never; yields its address."""
    done = asyncio.Event()

    async def answer(reader, writer):
        asked = await reader.readuntil(b"\r\n\r\n")
        if b"/v1/alerts " in asked:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: open\n\n")
        elif not hangs:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        await done.wait()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=2 * OPEN)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        done.set()
        server.close()


@pytest.fixture
async def services():
    """A hotlist whose streams stay open, and an identity that hangs."""
    async with serving() as hotlist, serving(hangs=True) as identity:
        services = Services({"hotlist": hotlist, "identity": identity}, timeout_s=5.0)
        yield services
        await services.close()


async def test_open_alert_pages_take_no_connection_from_other_requests(services):
    async with asyncio.TaskGroup() as group:
        opened = [
            group.create_task(services.request("hotlist", "GET", "/v1/alerts", stream=True))
            for _ in range(OPEN)
        ]
    assert {one.result().status_code for one in opened} == {200}
    assert await services.request_json("hotlist", "GET", "/v1/hits") == {}
    for one in opened:
        await one.result().aclose()


async def test_requests_that_wait_for_one_service_hold_up_no_other(services):
    waiting = [
        asyncio.create_task(services.request("identity", "GET", "/v1/me")) for _ in range(OPEN)
    ]
    await asyncio.sleep(0.5)
    async with asyncio.timeout(3):
        assert await services.request_json("hotlist", "GET", "/v1/hits") == {}
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(one) for one in ended} == {Refused}
