"""The link of the chaos runs passes bytes on, and breaks in each of its ways."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator

import pytest

from tests.chaos.proxy import WHOLE, Break, Proxy

pytestmark = pytest.mark.usefixtures("socket_enabled")

SENT = bytes(range(256)) * 40


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
async def link(socket_enabled) -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Proxy(port, random.Random(1)) as proxy:
        yield proxy
    server.close()


async def _through(proxy: Proxy, data: bytes = SENT, within_s: float = 2) -> bytes:
    """Send and receive over a new connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        async with asyncio.timeout(within_s):
            writer.write(data)
            await writer.drain()
            return await reader.readexactly(len(data))
    finally:
        writer.transport.abort()


async def test_a_whole_link_passes_bytes_both_ways(link):
    assert await _through(link) == SENT


async def test_a_cut_link_resets_its_connections_and_accepts_none(link):
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    writer.write(b"before")
    assert await reader.readexactly(6) == b"before"
    link.set(Break(cut=True))
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await _through(link)
    writer.transport.abort()
    link.set(WHOLE)
    assert await _through(link) == SENT


async def test_a_silent_link_keeps_its_connections_and_passes_on_afterwards(link):
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    link.set(Break(silent=True))
    writer.write(b"kept")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await reader.readexactly(4)
    link.set(WHOLE)
    assert await reader.readexactly(4) == b"kept"
    writer.close()


async def test_a_delayed_link_delays_each_direction(link):
    link.set(Break(delay_s=0.1))
    begun_s = time.monotonic()
    assert await _through(link, b"slow") == b"slow"
    assert time.monotonic() - begun_s >= 0.2


async def test_a_corrupt_link_flips_single_bits_and_counts_them(link):
    link.set(Break(flipped=1.0))
    came = await _through(link, SENT[:1000])
    changed = [a ^ b for a, b in zip(came, SENT, strict=False) if a != b]
    assert 1 <= len(changed) <= link.flipped
    assert all(bit.bit_count() <= 2 for bit in changed)
    link.set(WHOLE)
    assert await _through(link) == SENT


async def test_a_link_whose_target_is_away_ends_the_connection(socket_enabled):
    async with Proxy(1, random.Random(1)) as proxy:
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await _through(proxy)
