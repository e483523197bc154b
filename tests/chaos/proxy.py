"""A TCP link on loopback that can break: it cuts, is silent, delays or flips bits. It can end TLS, too."""

import asyncio
import contextlib
import random
import ssl
from dataclasses import dataclass
from typing import Self

from local.stack.process import LOOPBACK

PIECE_BYTES = 65_536


@dataclass(frozen=True)
class Break:
    """What is the matter with a link; nothing by default."""

    cut: bool = False
    silent: bool = False
    delay_s: float = 0.0
    """The delay of each piece of data; a link with a delay passes one piece at a time."""
    flipped: float = 0.0
    """The share of the pieces with one bit flipped."""


WHOLE = Break()


class Proxy:
    """Passes the bytes of connections on to one port of this machine, in both directions."""

    def __init__(self, target: int, draw: random.Random, tls: ssl.SSLContext | None = None) -> None:
        """With `tls` it is a TLS server, and passes on what it decrypts."""
        self._target = target
        self._draw = draw
        self._tls = tls
        self._break = WHOLE
        self._passes = asyncio.Event()
        self._passes.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.flipped = 0
        """How many bits were flipped."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._connected, LOOPBACK, self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._passes.set()
        self._abort_all()
        if self._server is not None:
            self._server.close()

    def set(self, what: Break) -> None:
        """Break the link, or mend it with `WHOLE`."""
        self._break = what
        if what.silent:
            self._passes.clear()
        else:
            self._passes.set()
        if what.cut:
            self._abort_all()

    def _abort_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._break.cut:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        finally:
            self._writers -= {writer, back}
            for one in (writer, back):
                one.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one direction until it ends; then end the other side's reading too."""
        with contextlib.suppress(OSError, ssl.SSLError):
            while piece := await reader.read(PIECE_BYTES):
                if self._break.delay_s:
                    await asyncio.sleep(self._break.delay_s)
                await self._passes.wait()
                writer.write(self._maybe_flipped(piece))
                await writer.drain()
        with contextlib.suppress(OSError, ssl.SSLError):
            writer.close()

    def _maybe_flipped(self, piece: bytes) -> bytes:
        if not self._break.flipped or self._draw.random() >= self._break.flipped:
            return piece
        self.flipped += 1
        changed = bytearray(piece)
        changed[self._draw.randrange(len(changed))] ^= 1 << self._draw.randrange(8)
        return bytes(changed)
