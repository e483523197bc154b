"""The log as JSON lines, for verification by somebody who has neither the database nor this service.

First line: the log's name, the span, and what the span goes on from. Then one line an entry, whose `entry`
is the exact text that was hashed; each signed checkpoint follows the last entry that it covers. The last
line is a checkpoint for exactly the export's end, without which nothing proves that it is whole.
"""

from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain import GENESIS, consistency_spans, inclusion_spans, nodes_of
from services.audit.store.checkpoints import Checkpoints, Signed
from services.audit.store.keys import KeyChanges
from services.audit.store.log import Log, Row
from shared.errors import Conflict
from shared.merkle import Span

_encoder = msgspec.json.Encoder()


class KeyProof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of the log's key before the span: its entry, and what proves it under the old key."""

    seq: int
    entry: str
    path: list[str]
    """That the entry is in `checkpoint`, which ends with it; hexadecimal."""
    checkpoint: str


class Opening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line. `peaks` and `last` are hexadecimal; empty and zero where the span begins at 0."""

    origin: str
    first: int
    end: int
    peaks: list[str]
    last: str
    keys: list[KeyProof]
    """By which changes the first key led to the one in force where the span begins."""


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry."""

    seq: int
    entry: str
    entry_hash: str


class Signature(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One checkpoint, which covers the entries before it.

    It is of exactly their number; but where the span ends under a former key, which signs no more, the
    last one may be larger, and `consistency` proves that it covers them (hexadecimal).
    """

    checkpoint: str
    consistency: list[str] | None = None


async def lines(
    connection: AsyncConnection, origin: str, span: Span, end: str | None
) -> AsyncIterator[bytes]:
    """Yield the export of `span` in pieces of whole lines, as the log is at this moment.

    `end` is the checkpoint for exactly `span.end`, as `Checkpointer.sign_for` returned it.
    """
    log, checkpoints = Log(connection), Checkpoints(connection)
    await log.snapshot()
    yield as_line(await _opening(connection, origin, span))
    async for rows in log.rows(span):
        signed = await checkpoints.between(rows[0].seq, rows[-1].seq + 1)
        yield b"".join(_page(rows, signed))
    if await checkpoints.at(span.end) is None:
        last = Signature(checkpoint=end) if end is not None else None
        yield as_line(last or await _larger(log, checkpoints, span.end))


async def _larger(log: Log, checkpoints: Checkpoints, end: int) -> Signature:
    larger = await checkpoints.following(end)
    path = await log.proof(consistency_spans(end, larger.size))
    return Signature(checkpoint=larger.note, consistency=[value.hex() for value in path])


def _page(rows: Sequence[Row], signed: Sequence[Signed]) -> Iterator[bytes]:
    notes = {s.size: s.note for s in signed}
    for row in rows:
        text = row.content.decode()
        yield as_line(Line(seq=row.seq, entry=text, entry_hash=row.entry_hash.hex()))
        if (note := notes.get(row.seq + 1)) is not None:
            yield as_line(Signature(checkpoint=note))


async def _opening(connection: AsyncConnection, origin: str, span: Span) -> Opening:
    log, checkpoints = Log(connection), Checkpoints(connection)
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
        keys=[
            await _proven(log, checkpoints, row)
            for row in await KeyChanges(connection).rows(span.start)
        ],
    )


async def _proven(log: Log, checkpoints: Checkpoints, row: Row) -> KeyProof:
    """Return the proof of a change of the key. Raises: Conflict when its checkpoint is gone."""
    size = row.seq + 1
    if (signed := await checkpoints.at(size)) is None:
        raise Conflict(f"the old key's checkpoint of size {size} is gone: verify the log")
    path = await log.proof(inclusion_spans(row.seq, size))
    return KeyProof(
        seq=row.seq,
        entry=row.content.decode(),
        path=[value.hex() for value in path],
        checkpoint=signed.note,
    )


def as_line(value: msgspec.Struct) -> bytes:
    """Return a line of an export; there is one way to write each."""
    return _encoder.encode(value) + b"\n"
