"""Verification of the stored log and of its exports."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import BinaryIO, TypeVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.actions.export import Disclosed, ErasedBefore, Line, Opening, Signature, as_line
from services.audit.actions.exported_values import ExportedValues
from services.audit.actions.range_check import CheckedRange, padded
from services.audit.actions.ranges import checked_ranges
from services.audit.actions.value_check import ValueCheck
from services.audit.domain.proofs import GENESIS, STORED_LEVEL
from services.audit.domain.recount import Cadence, Faults, LogReport, Recount
from services.audit.domain.sealing import UNDECODABLE, Unreadable
from services.audit.store.checkpoints import Checkpoints
from services.audit.store.log import Log, Row
from services.audit.store.values import Values
from shared.core.errors import InternalFault
from shared.core.merkle import HASH_BYTES, Frontier, Hash, Node, Span
from shared.core.signed_notes import Verifier
from shared.postgres.settings import DatabaseLink

MAX_LINE_BYTES = 16 * 1024 * 1024
"""The most bytes of a line: an event has at most 900,000 bytes, and JSON escapes a byte with six at most."""

Shape = TypeVar("Shape", Opening, Line, Signature, Disclosed, ErasedBefore)


async def verify_stored(
    connection: AsyncConnection,
    origin: str,
    keys: Sequence[Verifier],
    outside_notes: Iterable[str] = (),
    *,
    cadence: Cadence,
    now: datetime,
    link: DatabaseLink | None = None,
    young: bool = False,
) -> LogReport:
    """Recompute the whole log in the database, in one snapshot.

    Compares texts, hashes, chain, checkpoints, search fields, stored subtrees and sealed values.

    Args:
        origin: the log's name, which its checkpoints have.
        keys: the log's public keys, the first one first; at least one.
        outside_notes: notes of checkpoints that outsiders saved.
        cadence: the interval of checkpoints; the newest entries may be unsigned for twice as long.
        now: the time at which to compute the age of unsigned entries.
        link: the database, for processes of their own that share the work; None for none.
        young: whether the log may have no checkpoint yet, which the caller knows from elsewhere; its entries may then
            be unsigned as long as the newest ones of another log. Without it, such a log is one whose checkpoints were
            removed.

    Raises: BadNote if `keys` is empty.
    """
    log, checkpoints, values = Log(connection), Checkpoints(connection), Values(connection)
    await log.snapshot()
    recount = Recount(origin, keys)
    recount.expect_checkpoints(outside_notes)
    tree, check = _Ranges(recount), ValueCheck(recount.faults)
    signed_to = -1
    async with checked_ranges(connection, await log.size(), link) as ranges:
        beyond = await values.beyond()
        async for checked in ranges:
            if not checked.size:
                continue
            notes = [(s.size, s.note) for s in await checkpoints.between(signed_to, checked.end)]
            signed_to = checked.end
            tree.add(checked, notes, check)
            check.add_part(checked.values)
    for stored in await checkpoints.beyond(signed_to):
        recount.beyond(stored.note)
    if recount.signed or young:
        await _check_newest(log, recount, cadence, now)
    else:
        recount.unsigned_from("")
    await _check_nodes(log, tree.nodes, recount.faults)
    for erasure in await values.erasures():
        digest = sha256()
        async for line in values.lines(erasure):
            digest.update(line.encode())
        on_record = (str(erasure.erased_event), erasure.certificate_sha256.hex())
        check.list_of(str(erasure.purged_event), digest.hexdigest(), on_record=on_record)
    sums = check.ended(beyond)
    return replace(recount.verdict(), erased=sums, values=check.compared)


class _Ranges:
    """Joins checked ranges: the tree over them, the checkpoints, and the entries that the recount must read."""

    def __init__(self, recount: Recount) -> None:
        self._recount = recount
        self._stored: Frontier | None = None
        """The tree of the stored leaf hashes, once they differ from those of the texts."""
        self.nodes: dict[Node, Hash] = {}

    def add(
        self, checked: CheckedRange, notes: Sequence[tuple[int, str]], check: ValueCheck
    ) -> None:
        """Add the next range, with the sizes and notes of the log's own checkpoints up to its end.

        Raises: InternalFault if it does not follow the range before it.
        """
        recount, own = self._recount, deque(notes)
        if (checked.expected, checked.before) != (recount.next, padded([recount.last])):
            raise InternalFault("a range of the log was checked against another entry before it")
        if checked.stored_leaves and self._stored is None:
            self._stored = recount.frontier.copy()
        leaves, chain = _hashes(checked.leaves), _hashes(checked.chain)
        notable, place = deque(checked.notable), 0
        while place < checked.size:
            until = notable[0].place if notable else checked.size
            outside = recount.compared_next
            for size in (own[0][0] if own else None, outside):
                if size is not None and size > recount.next:
                    until = min(until, place + size - recount.next)
            if until > place:
                completed = recount.add_run(leaves[place:until], chain[until - 1])
                place = until
            else:
                one = notable.popleft()
                completed = recount.add_checked(
                    one.seq, leaves[place], chain[place], one.deviations, one.content
                )
                check.digests(one.seq, one.content)
                place += 1
            if self._stored is None:
                self.nodes.update(completed)
            while own and own[0][0] <= recount.next:
                recount.sign(own.popleft()[1])
        recount.faults.count += checked.uncounted
        if self._stored is not None:
            for leaf in _hashes(checked.stored_leaves or checked.leaves):
                self.nodes.update(self._stored.append(leaf, STORED_LEVEL))


def _hashes(joined: bytes) -> list[Hash]:
    return [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]


async def _check_newest(log: Log, recount: Recount, cadence: Cadence, now: datetime) -> None:
    """Add a fault if the unsigned entries exceed twice the cadence, in number or in age."""
    if not recount.unsigned:
        return
    first = await _first_of(log, Span(recount.signed, recount.next))
    if first is None:
        recount.unsigned_from("")
        return
    waiting = now - first.appended_at
    allowed = timedelta(seconds=2 * cadence.seconds)
    if recount.unsigned > 2 * cadence.entries or waiting > allowed:
        recount.unsigned_from(
            f"; the first has waited {waiting.total_seconds():.0f} s, and"
            f" {allowed.total_seconds():.0f} s and {2 * cadence.entries} entries are allowed"
        )


async def _first_of(log: Log, span: Span) -> Row | None:
    """Return the first existing entry of a span, whose own first entry may be missing; None if all are missing."""
    async for rows in log.rows(span, page=1):
        return rows[0]
    return None


async def _check_nodes(log: Log, nodes: dict[Node, Hash], faults: Faults) -> None:
    """Compare the stored subtrees, from which proofs are built, with the recomputed ones."""
    async for node, value in log.stored_nodes():
        if nodes.pop(node, None) != value:
            what = f"the subtree over entries {_entries(node)} is stored with a wrong hash"
            faults.add(what, node.span.start)
    for node in nodes:
        faults.add(f"the subtree over entries {_entries(node)} is not stored", node.span.start)


def _entries(node: Node) -> str:
    return f"{node.span.start} to {node.span.end - 1}"


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file's lines with their ends. A line over `MAX_LINE_BYTES` comes in pieces, each of them a fault."""
    while line := file.readline(MAX_LINE_BYTES):
        yield line


def verify_export(
    lines: Iterable[bytes], keys: Sequence[Verifier], outside_notes: Iterable[str] = ()
) -> LogReport:
    """Recompute an exported log, line by line, and compare its values with their digests.

    Args:
        lines: the lines of the export, each with its end.
        keys: the log's public keys, the first one first; at least one.
        outside_notes: notes of checkpoints that outsiders saved.

    Raises: BadNote if `keys` is empty.
    """
    rest = iter(lines)
    try:
        opening = _read(next(rest, b""), Opening)
        frontier, last = _start(opening)
    except Unreadable as exc:
        recount = Recount("", keys)
        recount.faults.add(f"line 1: {exc.detail}", line=1)
        return recount.verdict()
    recount = Recount(opening.origin, keys, frontier=frontier, last=last, exported=True)
    _follow_keys(recount, opening)
    recount.expect_checkpoints(outside_notes)
    values = ExportedValues(recount.faults, opening.first, given=opening.values)
    for number, line in enumerate(rest, 2):
        try:
            _recount_line(recount, values, number, line)
        except Unreadable as exc:
            what = f"line {number}, where entry {recount.next} is expected: {exc.detail}"
            recount.faults.add(what, recount.next, line=number)
    if recount.next != opening.end:
        recount.faults.add(
            f"the export declares its end before entry {opening.end}, but ends before {recount.next}",
            min(recount.next, opening.end),
        )
    if recount.latest != recount.next:
        what = f"the export does not end with a checkpoint for its end, entry {opening.end}"
        recount.faults.add(what, size=opening.end)
    recount.unsigned_from("")
    erased = values.ended()
    return replace(
        recount.verdict(), erased=erased, values=values.compared, left_out=values.left_out
    )


def _start(opening: Opening) -> tuple[Frontier, Hash]:
    """Return the frontier and chain hash before an export's first entry.

    Raises: Unreadable if they do not fit the number of the first entry.
    """
    peaks, last = [_unhex(peak) for peak in opening.peaks], _unhex(opening.last)
    right = opening.first >= 0 and len(peaks) == opening.first.bit_count()
    if not right or (opening.first == 0) != (last == GENESIS):
        raise Unreadable("the peaks and chain hash do not fit the export's first entry")
    return Frontier(opening.first, peaks), last


def _follow_keys(recount: Recount, opening: Opening) -> None:
    for proof in opening.keys:
        try:
            path = [_unhex(value) for value in proof.path]
        except Unreadable as exc:
            recount.faults.add(
                f"the change of the key in entry {proof.seq}: {exc.detail}", proof.seq
            )
            continue
        recount.prove_key(proof.seq, proof.entry.encode(), path, proof.checkpoint)


def _recount_line(recount: Recount, values: ExportedValues, number: int, line: bytes) -> None:
    if line.startswith(b'{"of"'):
        values.group(_read(line, Disclosed))
        return
    if line.startswith(b'{"purged_event_id"'):
        values.before(_read(line, ErasedBefore))
        return
    values.leave()
    if line.startswith(b'{"checkpoint"'):
        signature = _read(line, Signature)
        if signature.consistency is None:
            recount.sign(signature.checkpoint, number)
        else:
            path = [_unhex(value) for value in signature.consistency]
            recount.sign_within(signature.checkpoint, path, number)
        return
    entry = _read(line, Line)
    content = entry.entry.encode()
    recount.add_entry(entry.seq, content, _unhex(entry.entry_hash))
    values.entry(entry.seq, content)


def _read(line: bytes, kind: type[Shape]) -> Shape:
    """Return a line decoded as `kind`. Raises: Unreadable if it is not written exactly as exports write it."""
    try:
        value = msgspec.json.decode(line, type=kind)
        if as_line(value) == line:
            return value
    except (*UNDECODABLE, UnicodeError):
        pass
    raise Unreadable(f"the line is not a valid {kind.__name__.lower()} of an export")


def _unhex(text: str) -> Hash:
    """Return the hash in a hexadecimal text. Raises: Unreadable unless it has 64 lower-case digits."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != HASH_BYTES or value.hex() != text:
        raise Unreadable("a hash must have 64 lower-case hexadecimal digits")
    return value
