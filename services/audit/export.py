"""The log as JSON lines, for verification by somebody who has neither the database nor this service.

First line: the log's name, the span, and what the span goes on from. Then the signed checkpoints
within the span. Then one line an entry, whose `entry` is the exact text that was hashed.
"""

from collections.abc import AsyncIterator

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain import GENESIS, nodes_of
from services.audit.store.checkpoints import Checkpoints
from services.audit.store.log import Log
from shared.merkle import Span

_encoder = msgspec.json.Encoder()


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """The first line. `peaks` and `last` are hexadecimal; empty and zero where the span begins at 0."""

    origin: str
    first: int
    end: int
    peaks: list[str]
    last: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One entry."""

    seq: int
    entry: str
    entry_hash: str


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """One checkpoint."""

    checkpoint: str


async def lines(connection: AsyncConnection, origin: str, span: Span) -> AsyncIterator[bytes]:
    """Yield the export of `span` in pieces of whole lines, as the log is at this moment."""
    log = Log(connection)
    await log.snapshot()
    yield _line(await _opening(log, origin, span))
    for signed in await Checkpoints(connection).all():
        if span.start <= signed.size <= span.end:
            yield _line(Signature(checkpoint=signed.note))
    async for rows in log.rows(span):
        yield b"".join(
            _line(Line(seq=r.seq, entry=r.content.decode(), entry_hash=r.entry_hash.hex()))
            for r in rows
        )


async def _opening(log: Log, origin: str, span: Span) -> Opening:
    peaks = [await log.hash_of(node) for node in nodes_of(Span(0, span.start))]
    last = GENESIS
    async for rows in log.rows(Span(span.start - 1, span.start)):
        last = rows[0].entry_hash
    return Opening(
        origin=origin,
        first=span.start,
        end=span.end,
        peaks=[peak.hex() for peak in peaks],
        last=last.hex(),
    )


def _line(value: msgspec.Struct) -> bytes:
    return _encoder.encode(value) + b"\n"
