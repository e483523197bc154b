"""Samples for periodic audits (policy 468.6(c)): large enough to find misuse, and reproducible by outsiders.

The seed is unpredictable: it derives from a checkpoint, signature included, that the service signs only after
the period was fixed (ADR-0035). The draw hashes SHA-256(seed || counter) for counter 0, 1, 2 ... (8 bytes,
big-endian), and uses the first 16 bytes modulo the population. It skips places that are already drawn.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from math import ceil

MISUSE = 0.01
CONFIDENCE = 0.95


def sample_size(population: int, *, misuse: float = MISUSE, confidence: float = CONFIDENCE) -> int:
    """Return the number of items to draw from `population` to find a share `misuse` of misuse with `confidence`.

    It is the least n for which a sample without replacement misses all misuse with a chance of 1 - confidence or
    less: 299 of a very large population for the defaults.
    """
    misused = max(1, ceil(population * misuse)) if population else 0
    missed, drawn = 1.0, 0
    while drawn < population and missed > 1 - confidence:
        missed *= max(0.0, (population - misused - drawn) / (population - drawn))
        drawn += 1
    return drawn


def seed_of(note: str, since: datetime, until: datetime) -> bytes:
    """Return the seed of a draw: the SHA-256 of a checkpoint's whole note and the audit's period."""
    period = (at.astimezone(UTC).isoformat() for at in (since, until))
    return sha256(b"\x00".join(text.encode() for text in (note, *period))).digest()


def draw(seed: bytes, population: int, size: int) -> list[int]:
    """Return `size` different places from 0 to population - 1, in the order of the draw.

    Raises: ValueError if `size` is negative or larger than `population`.
    """
    if not 0 <= size <= population:
        raise ValueError("a sample is not larger than its population")
    drawn: dict[int, None] = {}
    counter = 0
    while len(drawn) < size:
        value = sha256(seed + counter.to_bytes(8, "big")).digest()[:16]
        drawn.setdefault(int.from_bytes(value, "big") % population)
        counter += 1
    return list(drawn)


def sample_of(seed: bytes, population: Sequence[int]) -> list[int]:
    """Return the sample of a population, in the order of the draw."""
    places = draw(seed, len(population), sample_size(len(population)))
    return [population[place] for place in places]
