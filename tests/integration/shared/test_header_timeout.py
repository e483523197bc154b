"""Half a request does not hold a connection for ever; one that is being answered is left alone."""

import asyncio
import contextlib
import logging
import socket

import pytest
import uvicorn
from fastapi import FastAPI, Request

from shared.service import header_timeout
from shared.service.header_timeout import HEADER_TIMEOUT_S, MOST_HEADER_BYTES
from shared.service.serve import options
from shared.testing import eventually

pytestmark = pytest.mark.enable_socket

TIMEOUT_S = 0.4


def an_app():
    app = FastAPI()

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(3 * TIMEOUT_S)
        return "done"

    @app.get("/fast")
    async def fast() -> str:
        return "done"

    @app.post("/body")
    async def body(request: Request) -> int:
        return len(await request.body())

    @app.post("/client")
    async def client(request: Request) -> str:
        return request.client.host

    return app


@pytest.fixture
async def port(settings, monkeypatch):
    """A server on a real socket, with the settings of services."""
    monkeypatch.setattr(header_timeout, "HEADER_TIMEOUT_S", TIMEOUT_S)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        told = options(settings) | {"lifespan": "off", "timeout_graceful_shutdown": 2}
        server = uvicorn.Server(uvicorn.Config(an_app(), **told))
        running = asyncio.create_task(server._serve([listening]))
        await eventually(lambda: server.started)
        yield listening.getsockname()[1]
        server.should_exit = True
        await running


@contextlib.asynccontextmanager
async def connected(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ends(reader):
    """Whether the server closes the connection, of itself and without a word."""
    async with asyncio.timeout(3 * TIMEOUT_S):
        return await reader.read() == b""


async def get(reader, writer, path="/slow", *, in_pieces=False):
    """Request a path; return the head of the answer."""
    writer.write(f"GET {path} HTTP/1.1\r\n".encode())
    if in_pieces:
        await asyncio.sleep(TIMEOUT_S / 4)
    writer.write(b"Host: a\r\n\r\n")
    async with asyncio.timeout(10 * TIMEOUT_S):
        head = await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(len(b'"done"')) == b'"done"'
    return head


async def test_a_server_does_not_name_itself(port):
    async with connected(port) as (reader, writer):
        assert b"server:" not in (await get(reader, writer, "/fast")).lower()


def test_addresses_of_requests_are_not_logged_and_the_rest_in_our_format(settings):
    """Queries may have plates. uvicorn logs an address if the log of accesses has a handler."""
    uvicorn.Config(an_app(), **options(settings))
    assert not logging.getLogger("uvicorn.access").hasHandlers()
    for name in ("uvicorn", "uvicorn.error"):
        assert (logging.getLogger(name).handlers, logging.getLogger(name).propagate) == ([], True)


@pytest.mark.clause("wall/header-timeout")
async def test_headers_in_pieces_leave_no_timeout_behind(port):
    async with connected(port) as (reader, writer):
        await get(reader, writer, "/fast", in_pieces=True)
        await asyncio.sleep(2 * TIMEOUT_S)
        assert (await get(reader, writer, "/fast")).startswith(b"HTTP/1.1 200")


def test_a_client_has_seconds_for_its_headers():
    assert 5 <= HEADER_TIMEOUT_S <= 15


@pytest.mark.clause("wall/header-timeout")
@pytest.mark.parametrize("sent", [b"", b"GET /slow HTTP/1.1\r\nHost: a\r\nX-Ha", b"\r\n"])
async def test_a_connection_whose_headers_do_not_end_is_closed(port, sent):
    async with connected(port) as (reader, writer):
        writer.write(sent)
        assert await ends(reader)


@pytest.mark.clause("wall/header-timeout")
async def test_slowly_sent_headers_do_not_extend_the_timeout(port):
    async with connected(port) as (reader, writer):
        writer.write(b"GET /slow HTTP/1.1\r\n")
        closing = asyncio.create_task(ends(reader))
        while not closing.done():
            with contextlib.suppress(ConnectionError):
                writer.write(b"X-A: b\r\n")
            await asyncio.sleep(TIMEOUT_S / 8)
        assert await closing


@pytest.mark.clause("wall/header-timeout")
@pytest.mark.parametrize("rest", [b"GET /slow HTTP/1.1\r\nX-Ha", b"\r\n"])
async def test_a_slow_answer_is_not_cut_and_the_next_request_has_the_full_header_timeout(
    port, rest
):
    async with connected(port) as (reader, writer):
        assert (await get(reader, writer)).startswith(b"HTTP/1.1 200")
        writer.write(rest)
        assert await ends(reader)


@pytest.mark.parametrize(
    "line", [b"GET /fast?", b"GET /fast HTTP/1.1\r\nX-A: "], ids=["address", "header"]
)
async def test_headers_that_go_on_and_on_are_refused_before_they_fill_the_memory(port, line):
    async with connected(port) as (_, writer):
        writer.write(line)
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 200 * MOST_HEADER_BYTES:
                writer.write(b"a" * 16_384)
                await writer.drain()
                sent += 16_384
        assert sent < 200 * MOST_HEADER_BYTES, "the server took all of it"


async def test_headers_that_are_too_large_are_told_so(port):
    async with connected(port) as (reader, writer):
        writer.write(b"GET /fast?" + b"a" * (MOST_HEADER_BYTES + 1))
        async with asyncio.timeout(10 * TIMEOUT_S):
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 431")


async def test_headers_of_the_usual_size_are_answered_though_they_come_in_pieces(port):
    async with connected(port) as (reader, writer):
        writer.write(b"GET /fast?a=" + b"a" * 16_000)
        await asyncio.sleep(TIMEOUT_S / 4)
        writer.write(b" HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 16_000 + b"\r\n\r\n")
        async with asyncio.timeout(10 * TIMEOUT_S):
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("rest", [b"0\r\nX-A: ", b"1;a="], ids=["trailer", "chunk"])
async def test_lines_of_a_body_that_go_on_and_on_are_refused_before_they_fill_the_memory(
    port, rest
):
    async with connected(port) as (_, writer):
        writer.write(b"POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + rest)
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 200 * MOST_HEADER_BYTES:
                writer.write(b"a" * 16_384)
                await writer.drain()
                sent += 16_384
        assert sent < 200 * MOST_HEADER_BYTES, "the server took all of it"


async def test_what_follows_a_body_is_no_header_of_its_request(port):
    """A proxy passes it on as a client wrote it, below the client's address as the proxy wrote it."""
    request = (
        b"POST /client HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n"
    )
    async with connected(port) as (reader, writer):
        writer.write(request)
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(len(b'"192.0.2.1"')) == b'"192.0.2.1"'


async def test_a_long_body_in_small_pieces_is_taken(port):
    piece = b"1000\r\n" + b"a" * 0x1000 + b"\r\n"
    async with connected(port) as (reader, writer):
        writer.write(b"POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100):
            writer.write(piece)
            await writer.drain()
        writer.write(b"0\r\n" + b"X-A: b\r\n" * 3 + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(len(b"409600")) == b"409600"
