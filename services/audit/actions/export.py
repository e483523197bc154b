"""The log as JSON lines, for verification by somebody who has neither the database nor this service.

First line: the log's name, the span, and what the span goes on from. Then one line an entry, whose `entry`
is the exact text that was hashed; each signed checkpoint follows the last entry that it covers. The last
line is a checkpoint for exactly the export's end, without which nothing proves that it is whole.

An export with values has after each entry a line for each of its sealed groups, and says of what is missing
which purge erased it. It goes to the log's end, where the entries stand that answer for what was erased.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.problem_codes import Code
from services.audit.domain.proofs import GENESIS, consistency_spans, inclusion_spans, nodes_of
from services.audit.domain.sealing import Value
from services.audit.store.checkpoints import Checkpoints, Signed
from services.audit.store.keys import KeyChanges
from services.audit.store.log import OLD, Log, Row
from services.audit.store.values import Erased, Values
from shared.core.errors import Conflict
from shared.core.merkle import Span

_encoder = msgspec.json.Encoder()


class KeyProof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of the log's key before the span: its entry, and what proves it under the old key."""

    seq: int
    entry: str
    path: list[str]
    """That the entry is in `checkpoint`, which ends with it; hexadecimal."""
    checkpoint: str


class Opening(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The first line. `peaks` and `last` are hexadecimal; empty and zero where the span begins at 0."""

    origin: str
    first: int
    end: int
    peaks: list[str]
    last: str
    keys: list[KeyProof]
    """By which changes the first key led to the one in force where the span begins."""
    values: bool = False
    """Whether sealed values stand beside the entries; otherwise all are left out."""


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


class ErasedPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That a purge erased a group: all of it, or its records at `places`."""

    purged_event_id: str
    places: list[int] | None


class Disclosed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sealed group of the entry before it: what is there of it, and what was erased."""

    of: int
    """Number of the entry."""
    name: str
    disclosure: str | None
    """None where the whole was erased."""
    records: list[str | None] | None
    """Each record's disclosure, None for one that was erased; None for a group without records."""
    erased: list[ErasedPart]


class ErasedBefore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line, without its end, of the list of what a purge erased, about an entry before the span."""

    purged_event_id: str
    erased: str


async def lines(
    connection: AsyncConnection, origin: str, span: Span, end: str | None, *, values: bool = False
) -> AsyncIterator[bytes]:
    """Yield the export of `span` in pieces of whole lines, as the log is at this moment.

    `end` is the checkpoint for exactly `span.end`, as `Checkpointer.sign_for` returned it. With `values`
    the caller has put on record who takes them, and `span` goes to the log's end.
    Raises: Conflict, before anything is yielded, where values were erased since `span` was chosen.
    """
    log = Log(connection)
    await log.snapshot()
    stored = Values(connection) if values else None
    if stored is not None and await stored.erased_beyond(span.end):
        raise Conflict(Code.LOG_EXPORT_OVERTAKEN)
    opening = await _opening(connection, origin, span, values=values)
    before = stored.lines_before(span.start) if stored is not None else None
    checkpoints = Checkpoints(connection)
    yield as_line(opening)
    if before is not None:
        async for purged, line in before:
            yield as_line(ErasedBefore(purged_event_id=str(purged), erased=line.rstrip("\n")))
    async for piece in _entries(log, checkpoints, span, stored):
        yield piece
    if await checkpoints.at(span.end) is None:
        last = Signature(checkpoint=end) if end is not None else None
        yield as_line(last or await _larger(log, checkpoints, span.end))


async def lines_of_old(connection: AsyncConnection, origin: str, size: int) -> AsyncIterator[bytes]:
    """Yield the export of the log before this one, whole: the same bytes whenever it is made.

    Its entries have in plaintext what is sealed now. It ends with the checkpoint that closed it.
    """
    log, checkpoints = Log(connection, OLD), Checkpoints(connection, OLD)
    yield as_line(Opening(origin=origin, first=0, end=size, peaks=[], last=GENESIS.hex(), keys=[]))
    async for piece in _entries(log, checkpoints, Span(0, size), None):
        yield piece


async def _entries(
    log: Log, checkpoints: Checkpoints, span: Span, stored: Values | None
) -> AsyncIterator[bytes]:
    """Yield entries and the checkpoints after them; with `stored`, the values beside each."""
    async for rows in log.rows(span):
        signed = await checkpoints.between(rows[0].seq, rows[-1].seq + 1)
        beside = {} if stored is None else await _disclosed(stored, rows)
        yield b"".join(_page(rows, signed, beside))


async def _larger(log: Log, checkpoints: Checkpoints, end: int) -> Signature:
    larger = await checkpoints.following(end)
    path = await log.proof(consistency_spans(end, larger.size))
    return Signature(checkpoint=larger.note, consistency=[value.hex() for value in path])


async def _disclosed(stored: Values, rows: Sequence[Row]) -> Mapping[int, list[Disclosed]]:
    """Return what stands beside each entry, by name."""
    span = rows[0].seq, rows[-1].seq + 1
    erased = await stored.erased(*span)
    there = {
        (seq, value.name): value
        for seq, values in (await stored.of_span(*span)).items()
        for value in values
    }
    beside = defaultdict[int, list[Disclosed]](list)
    for seq, name in sorted(there.keys() | erased.keys()):
        one = _group(seq, name, there.get((seq, name)), erased.get((seq, name), ()))
        beside[seq].append(one)
    return beside


def _group(seq: int, name: str, value: Value | None, erased: Sequence[Erased]) -> Disclosed:
    parts = [
        ErasedPart(
            purged_event_id=str(one.purged_event),
            places=None if one.places is None else sorted(one.places),
        )
        for one in erased
    ]
    return Disclosed(
        of=seq,
        name=name,
        disclosure=None if value is None else value.disclosure,
        records=None if value is None else value.records,
        erased=sorted(parts, key=lambda part: part.purged_event_id),
    )


def _page(
    rows: Sequence[Row], signed: Sequence[Signed], beside: Mapping[int, list[Disclosed]]
) -> Iterator[bytes]:
    notes = {s.size: s.note for s in signed}
    for row in rows:
        text = row.content.decode()
        yield as_line(Line(seq=row.seq, entry=text, entry_hash=row.entry_hash.hex()))
        yield from map(as_line, beside.get(row.seq, ()))
        if (note := notes.get(row.seq + 1)) is not None:
            yield as_line(Signature(checkpoint=note))


async def _opening(
    connection: AsyncConnection, origin: str, span: Span, *, values: bool
) -> Opening:
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
        values=values,
    )


async def _proven(log: Log, checkpoints: Checkpoints, row: Row) -> KeyProof:
    """Return the proof of a change of the key. Raises: Conflict when its checkpoint is gone."""
    size = row.seq + 1
    if (signed := await checkpoints.at(size)) is None:
        raise Conflict(Code.LOG_CHECKPOINT_GONE, size=size)
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
