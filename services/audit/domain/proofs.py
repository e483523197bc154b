"""The log's mathematics: proofs after RFC 6962 over `shared.core.merkle`, and the chain from entry to entry.

Hashes are SHA-256, 32 bytes. A log of `size` entries has entries 0 to size - 1.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from shared.core.merkle import EMPTY_ROOT, HASH_BYTES, Hash, Node, Span, fold, node_hash

GENESIS = bytes(HASH_BYTES)
"""The chain hash before the first entry."""


STORED_LEVEL = 8
"""The lowest level of stored subtrees: complete ones of 2**8 entries or more."""


def chained(previous: Hash, leaf: Hash) -> Hash:
    """Return an entry's hash in the chain: over the hash before it and its own leaf hash."""
    return sha256(previous + leaf).digest()


def nodes_of(span: Span) -> list[Node]:
    """Return the complete subtrees that make up `span`, left to right.

    `span` must start at a multiple of the largest power of two in its length, as the spans of proofs do.
    """
    nodes, at = [], span.start
    while at < span.end:
        level = (span.end - at).bit_length() - 1
        nodes.append(Node(level, at >> level))
        at += 1 << level
    return nodes


def _split(length: int) -> int:
    """Return the largest power of two under `length` (RFC 6962's k)."""
    return 1 << (length - 1).bit_length() - 1


def inclusion_spans(index: int, size: int) -> list[Span]:
    """Return the spans whose roots prove that entry `index` is in the log of `size` (RFC 6962, 2.1.1).

    Raises: ValueError if it is not.
    """
    if not 0 <= index < size:
        raise ValueError("the entry is not in a log of this size")
    spans, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old_size: int, new_size: int) -> list[Span]:
    """Return the spans whose roots prove that the log of `new_size` extends that of `old_size`.

    RFC 6962, 2.1.2. Returns no span if the sizes are equal or the old log was empty.
    Raises: ValueError if `old_size` is negative or larger than `new_size`.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError("the older log is not the larger one")
    if old_size in (0, new_size):
        return []
    spans, start, end, whole = [], 0, new_size, True
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start, whole = middle, False
    if not whole:
        spans.append(Span(start, end))
    return spans[::-1]


def hashes_of(spans: Iterable[Span], hash_of: Callable[[Node], Hash]) -> list[Hash]:
    """Return the root of each span, given the hashes of complete subtrees."""
    return [fold([hash_of(node) for node in nodes_of(span)]) for span in spans]


def verify_inclusion(leaf: Hash, index: int, size: int, path: Sequence[Hash], root: Hash) -> bool:
    """Return whether `path` proves that `leaf` is entry `index` under `root` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(
    old_size: int, new_size: int, old_root: Hash, new_root: Hash, path: Sequence[Hash]
) -> bool:
    """Return whether `path` proves that the newer log extends the older one (RFC 9162, 2.1.4.2)."""
    if old_size > new_size or old_size < 0:
        return False
    if old_size == new_size:
        return not path and old_root == new_root
    if old_size == 0:
        return not path and old_root == EMPTY_ROOT
    hashes = list(path)
    if old_size & (old_size - 1) == 0:  # the older log is one complete subtree; its root is known
        hashes.insert(0, old_root)
    if not hashes:
        return False
    at, last = old_size - 1, new_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    older = newer = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and older == old_root and newer == new_root
