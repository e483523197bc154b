"""Writes the log as JSON lines, which an outsider verifies without the database and this service.

The first line has the log's name, the span, and the tree's peaks and chain hash before it. Each entry has a line with
its exact hashed text, and each signed checkpoint follows the last entry that it covers. The last line is a checkpoint
for exactly the export's end, which proves that the export is complete.

An export with values has a line for each sealed group after its entry, and names the purge that erased a missing one.
It goes to the log's end, because the `values.erased` entries may come long after the values.
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
    """A change of the log's key before the span: its entry, and the proof under the old key."""

    seq: int
    entry: str
    path: list[str]
    """The inclusion proof of the entry in `checkpoint`, whose last entry it is; hexadecimal."""
    checkpoint: str


class Opening(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The first line. `peaks` and `last` are hexadecimal; empty and zero if the span begins at entry 0."""

    origin: str
    first: int
    end: int
    peaks: list[str]
    last: str
    keys: list[KeyProof]
    """The changes of the key before the span, from the first key to the one in force at its start."""
    values: bool = False
    """Whether the export has the sealed values."""


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry: its number, exact text and chain hash (hexadecimal)."""

    seq: int
    entry: str
    entry_hash: str


class Signature(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One checkpoint, which covers exactly the entries before it.

    Only the last may be larger, if the span ends under a former key, which no longer signs. `consistency`
    (hexadecimal) then proves that it covers the entries.
    """

    checkpoint: str
    consistency: list[str] | None = None


class ErasedPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The portion of a group that a purge erased: its records at `places`, or the whole group if that is None."""

    purged_event_id: str
    places: list[int] | None


class Disclosed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sealed group of the preceding entry: its remaining disclosures, and its erasures."""

    of: int
    """The number of the entry."""
    name: str
    disclosure: str | None
    """None if the whole group is erased."""
    records: list[str | None] | None
    """Each record's disclosure, None for an erased record; None for a group without records."""
    erased: list[ErasedPart]


class ErasedBefore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line, without its end, of a purge's list of erased groups, about an entry before the span."""

    purged_event_id: str
    erased: str


async def lines(
    connection: AsyncConnection, origin: str, span: Span, end: str | None, *, values: bool = False
) -> AsyncIterator[bytes]:
    """Yield the export of `span` in pieces of whole lines, from one snapshot of the log.

    `end` is the result of `Checkpointer.sign_for` for `span.end`. With `values`, `span` goes to the log's end, and
    the caller has recorded the export.

    Raises: Conflict, before the first piece, if values were erased after `span` was chosen, or if an old key's last
    checkpoint is missing; NoResultFound if `end` is None and no larger checkpoint exists.
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
    """Yield the export of the whole log before this one. Each export has the same bytes.

    Its entries have in plaintext the values that this log seals. It ends with the checkpoint that closed that log.
    """
    log, checkpoints = Log(connection, OLD), Checkpoints(connection, OLD)
    yield as_line(Opening(origin=origin, first=0, end=size, peaks=[], last=GENESIS.hex(), keys=[]))
    async for piece in _entries(log, checkpoints, Span(0, size), None):
        yield piece


async def _entries(
    log: Log, checkpoints: Checkpoints, span: Span, stored: Values | None
) -> AsyncIterator[bytes]:
    """Yield the entries, with each checkpoint after its last entry; with `stored`, each entry's values too."""
    async for rows in log.rows(span):
        signed = await checkpoints.between(rows[0].seq, rows[-1].seq + 1)
        beside = {} if stored is None else await _disclosed(stored, rows)
        yield b"".join(_page(rows, signed, beside))


async def _larger(log: Log, checkpoints: Checkpoints, end: int) -> Signature:
    larger = await checkpoints.following(end)
    path = await log.proof(consistency_spans(end, larger.size))
    return Signature(checkpoint=larger.note, consistency=[value.hex() for value in path])


async def _disclosed(stored: Values, rows: Sequence[Row]) -> Mapping[int, list[Disclosed]]:
    """Return each entry's groups, by entry number, in the order of their names."""
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
    erased_records = [
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
        erased=sorted(erased_records, key=lambda part: part.purged_event_id),
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
    """Return the proof of a change of the key. Raises: Conflict if the old key's last checkpoint is missing."""
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
    """Return a line of an export. Verification accepts only this encoding."""
    return _encoder.encode(value) + b"\n"
