"""Verification of the stored log, and of an export of it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.entries import found_in
from services.audit.export import Line, Opening, Signature
from services.audit.note import Verifier
from services.audit.recount import Faults, Recount, Verdict
from services.audit.store.checkpoints import Checkpoints
from services.audit.store.log import STORED_LEVEL, Log, Row
from shared.errors import AlprError, Malformed
from shared.merkle import Frontier, Hash, Node, Span


async def verify_stored(
    connection: AsyncConnection,
    origin: str,
    verifiers: Sequence[Verifier],
    kept_elsewhere: Iterable[str] = (),
) -> Verdict:
    """Recompute the whole log in the database, as it is at this moment.

    Besides text, hashes, chain and checkpoints: what entries are found by, and the stored subtrees.
    `kept_elsewhere` are notes of checkpoints that somebody outside kept.
    """
    log = Log(connection)
    await log.snapshot()
    recount = Recount(origin, verifiers)
    signed = await Checkpoints(connection).all()
    recount.expect([*(s.note for s in signed), *kept_elsewhere])
    nodes: dict[Node, Hash] = {}
    tree = Frontier()
    async for rows in log.rows(Span(0, await log.size())):
        for row in rows:
            _take(recount, row)
            nodes.update(n for n in tree.append(row.leaf) if n[0].level >= STORED_LEVEL)
    for s in signed:
        if f"\n{s.size}\n" not in s.note:
            recount.faults.add(f"the checkpoint stored for size {s.size} is of another size")
    await _hold_nodes(log, nodes, recount.faults)
    return recount.verdict()


def _take(recount: Recount, row: Row) -> None:
    recount.take(row.seq, row.content, row.entry_hash, row.leaf)
    try:
        found = found_in(row.content)
    except AlprError:
        recount.faults.add(f"entry {row.seq}: its text is no entry", row.seq)
        return
    if found != row.found:
        altered = [n for n in found.__struct_fields__ if getattr(found, n) != getattr(row.found, n)]
        recount.faults.add(
            f"entry {row.seq}: it is filed under another {', '.join(altered)} than its text says",
            row.seq,
        )


async def _hold_nodes(log: Log, nodes: dict[Node, Hash], faults: Faults) -> None:
    """Hold the stored subtrees, of which proofs are made, against the recomputed ones."""
    async for node, value in log.stored_nodes():
        if nodes.pop(node, None) != value:
            faults.add(f"the subtree over entries {_entries(node)} is stored with another hash")
    for node in nodes:
        faults.add(f"the subtree over entries {_entries(node)} is not stored")


def _entries(node: Node) -> str:
    return f"{node.span.start} to {node.span.end - 1}"


def verify_export(
    lines: Iterator[bytes], verifiers: Sequence[Verifier], kept_elsewhere: Iterable[str] = ()
) -> Verdict:
    """Recompute an exported log. Raises: Malformed when it is no export."""
    opening = _decoded(next(lines, b""), Opening)
    try:
        frontier = Frontier(opening.first, [bytes.fromhex(peak) for peak in opening.peaks])
        last = bytes.fromhex(opening.last)
    except ValueError:
        raise Malformed("the first line of the export is not as it should be") from None
    recount = Recount(opening.origin, verifiers, frontier=frontier, last=last)
    recount.expect(kept_elsewhere)
    for line in lines:
        if line.startswith(b'{"checkpoint"'):
            recount.expect([_decoded(line, Signature).checkpoint])
        else:
            entry = _decoded(line, Line)
            recount.take(entry.seq, entry.entry.encode(), _unhex(entry.entry_hash))
    if recount.frontier.size != opening.end:
        recount.faults.add(f"the export says that it ends before entry {opening.end}")
    return recount.verdict()


def _decoded(line: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed(f"a line of the export is not a {kind.__name__.lower()}") from None


def _unhex(text: str) -> Hash:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
