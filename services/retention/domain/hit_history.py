"""Checks offline that the hits and the policy in a package are consistent.

Digests and signature prove that a package is unchanged. These checks prove that it is complete: each hit belongs
to a read in it, each hit that a read names is in it, and the policy has the digest that bag-info.txt names.
"""

import tomllib
from typing import Any, NamedTuple
from uuid import UUID
from zipfile import ZipFile

import msgspec

from shared.core.policy import PolicyFault, digest_of

HITS, POLICY, RECORDS = "hits.jsonl", "policy.toml", "records.jsonl"
"""Names of files below data/."""
HITS_TAG = "Hits"
"""In bag-info.txt: the number of hits in the package. Packages from before hits were included lack this line."""


class _Read(msgspec.Struct):
    read_id: UUID
    hits: list[UUID]


class _HitEvent(msgspec.Struct):
    """The fields that every event about a hit has."""

    event_id: UUID
    hit_id: UUID
    read_id: UUID


class _Hit(msgspec.Struct):
    hit_id: UUID
    read_id: UUID
    raised: _HitEvent | None
    verification: _HitEvent | None
    dispositions: list[_HitEvent]


class HitReport(NamedTuple):
    """The faults found, and the number of hits."""

    faults: list[str]
    hits: int


_read = msgspec.json.Decoder(_Read).decode
_hit = msgspec.json.Decoder(_Hit).decode


def hit_faults(archive: ZipFile, data: str, count: str) -> HitReport:
    """Return the faults of the hits in a package.

    Args:
        data: the folder of the payload in the archive.
        count: the number of hits in bag-info.txt.
    """
    try:
        with archive.open(f"{data}/{RECORDS}") as lines:
            named = {read.read_id: set(read.hits) for read in map(_read, lines)}
        listed: dict[UUID, UUID] = {}
        faults: list[str] = []
        number = 0
        with archive.open(f"{data}/{HITS}") as lines:
            for number, line in enumerate(lines, 1):
                hit = _hit(line)
                events = [hit.raised, hit.verification, *hit.dispositions]
                if hit.hit_id in listed:
                    faults.append(f"{HITS}: line {number} repeats a hit")
                if any(e and (e.hit_id, e.read_id) != (hit.hit_id, hit.read_id) for e in events):
                    faults.append(f"{HITS}: line {number} has an event of another hit")
                listed[hit.hit_id] = hit.read_id
    except (msgspec.MsgspecError, KeyError) as exc:
        return HitReport([f"{HITS} and {RECORDS} cannot be compared: {exc}"], 0)
    expected = {hit_id: read_id for read_id, hits in named.items() for hit_id in hits}
    if listed != expected:
        faults.append(f"{HITS} does not list the hits that {RECORDS} names")
    if count != str(number):
        faults.append(f"bag-info.txt: {HITS_TAG} {count} is not the number of hits in {HITS}")
    return HitReport(faults, number)


def policy_faults(text: bytes, digest: str | None) -> list[str]:
    """Return the faults of a policy that should have this digest."""
    try:
        content: dict[str, Any] = tomllib.loads(text.decode())
        found = digest_of(content)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, PolicyFault):
        return [f"{POLICY} is not a policy"]
    if found != digest:
        return [f"{POLICY} is not the policy that bag-info.txt names by its digest"]
    return []
