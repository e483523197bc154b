"""Merkle tree hashes after RFC 6962, 2.1, for the audit log and purge lists.

Hashes are SHA-256, 32 bytes. A tree of `size` leaves has leaves 0 to size - 1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

Hash = bytes


class Span(NamedTuple):
    """Entries from `start` to `end`, `end` excluded."""

    start: int
    end: int


class Node(NamedTuple):
    """A complete subtree: entries from number * 2**level to (number + 1) * 2**level, the latter excluded."""

    level: int
    number: int

    @property
    def span(self) -> Span:
        """The entries under it."""
        return Span(self.number << self.level, (self.number + 1) << self.level)


def leaf_hash(entry: bytes) -> Hash:
    """Return the hash of an entry (RFC 6962, 2.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """Return the hash of two subtrees side by side (RFC 6962, 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def fold(subtrees: Sequence[Hash]) -> Hash:
    """Return the root over complete subtrees of decreasing size, left to right."""
    if not subtrees:
        return EMPTY_ROOT
    root = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        root = node_hash(left, root)
    return root


@dataclass
class Frontier:
    """The roots of a log's complete subtrees, largest first: all the state that appending needs."""

    size: int = 0
    peaks: list[Hash] = field(default_factory=list)

    def append(self, leaf: Hash, least: int = 1) -> list[tuple[Node, Hash]]:
        """Add one leaf; returns the subtrees of level `least` and above that it completed, smallest first."""
        completed = []
        number, level = self.size, 0
        while number & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            number >>= 1
            level += 1
            if level >= least:
                completed.append((Node(level, number), leaf))
        self.peaks.append(leaf)
        self.size += 1
        return completed

    def extend(self, leaves: Iterable[Hash]) -> None:
        """Add leaves, a level of the tree at a time: for many, in two thirds of the time that `append` takes."""
        nodes, number, smaller = list(leaves), self.size, list[Hash]()
        self.size += len(nodes)
        while nodes:
            if number & 1:
                nodes.insert(0, self.peaks.pop())
            if len(nodes) & 1:
                smaller.append(nodes.pop())
            nodes = [node_hash(a, b) for a, b in zip(nodes[::2], nodes[1::2], strict=True)]
            number >>= 1
        self.peaks += reversed(smaller)

    def root(self) -> Hash:
        """Return the root hash at this size."""
        return fold(self.peaks)

    def copy(self) -> "Frontier":
        """Return an independent copy."""
        return Frontier(self.size, list(self.peaks))


def root_of(leaves: Iterable[Hash]) -> Hash:
    """Return the root over `leaves`."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()
