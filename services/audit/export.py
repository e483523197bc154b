"""The log as JSON lines, for verification by somebody who has neither the database nor this service.

First line: the log's name, the span, and what the span goes on from. Then one line an entry, whose `entry`
is the exact text that was hashed; each signed checkpoint follows the last entry that it covers. The last
line is a checkpoint for exactly the export's end, without which nothing proves that it is whole.
"""

from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain import GENESIS, nodes_of
from services.audit.store.checkpoints import Checkpoints, Signed
from services.audit.store.log import Log, Row
from shared.merkle import Span

_encoder = msgspec.json.Encoder()


class Opening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line. `peaks` and `last` are hexadecimal; empty and zero where the span begins at 0."""

    origin: str
    first: int
    end: int
    peaks: list[str]
    last: str


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry."""

    seq: int
    entry: str
    entry_hash: str


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One checkpoint, which covers the entries before it."""

    checkpoint: str


async def lines(connection: AsyncConnection, origin: str, span: Span) -> AsyncIterator[bytes]:
    """Yield the export of `span` in pieces of whole lines, as the log is at this moment.

    The checkpoint for `span.end` must be on record: sign it first (`Checkpointer.sign_for`).
    """
    log, checkpoints = Log(connection), Checkpoints(connection)
    await log.snapshot()
    yield as_line(await _opening(log, origin, span))
    async for rows in log.rows(span):
        signed = await checkpoints.between(rows[0].seq, rows[-1].seq + 1)
        yield b"".join(_page(rows, signed))


def _page(rows: Sequence[Row], signed: Sequence[Signed]) -> Iterator[bytes]:
    notes = {s.size: s.note for s in signed}
    for row in rows:
        text = row.content.decode()
        yield as_line(Line(seq=row.seq, entry=text, entry_hash=row.entry_hash.hex()))
        if (note := notes.get(row.seq + 1)) is not None:
            yield as_line(Signature(checkpoint=note))


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


def as_line(value: msgspec.Struct) -> bytes:
    """Return a line of an export; there is one way to write each."""
    return _encoder.encode(value) + b"\n"
