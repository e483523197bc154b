"""Whether what a package tells of hits and of the policy fits together, for who checks it offline.

Digests and signature say that nothing was changed since it was made. This says that what was made is whole:
each hit is of a read that is there, each hit that a read names is there, and the policy is the one named.
"""

import tomllib
from typing import Any, NamedTuple
from uuid import UUID
from zipfile import ZipFile

import msgspec

from shared.core.policy import PolicyFault, digest_of

HITS, POLICY, RECORDS = "hits.jsonl", "policy.toml", "records.jsonl"
"""Below data/."""
HITS_TAG = "Hits"
"""In bag-info.txt: how many hits the package tells. A package from before it told any has no such line."""


class _Read(msgspec.Struct):
    read_id: UUID
    hits: list[UUID]


class _Told(msgspec.Struct):
    """What each event about a hit has."""

    event_id: UUID
    hit_id: UUID
    read_id: UUID


class _Hit(msgspec.Struct):
    hit_id: UUID
    read_id: UUID
    raised: _Told | None
    verification: _Told | None
    dispositions: list[_Told]


class Telling(NamedTuple):
    """What was found."""

    faults: list[str]
    hits: int


_read = msgspec.json.Decoder(_Read).decode
_hit = msgspec.json.Decoder(_Hit).decode


def hit_faults(archive: ZipFile, data: str, count: str) -> Telling:
    """Return what speaks against the hits of a package.

    Args:
        data: the folder of the payload in the archive.
        count: what bag-info.txt says of how many there are.
    """
    try:
        with archive.open(f"{data}/{RECORDS}") as lines:
            named = {read.read_id: set(read.hits) for read in map(_read, lines)}
        told: dict[UUID, UUID] = {}
        faults: list[str] = []
        number = 0
        with archive.open(f"{data}/{HITS}") as lines:
            for number, line in enumerate(lines, 1):
                hit = _hit(line)
                events = [hit.raised, hit.verification, *hit.dispositions]
                if hit.hit_id in told:
                    faults.append(f"{HITS}: line {number} tells a hit again")
                if any(e and (e.hit_id, e.read_id) != (hit.hit_id, hit.read_id) for e in events):
                    faults.append(f"{HITS}: line {number} has an event of another hit")
                told[hit.hit_id] = hit.read_id
    except (msgspec.MsgspecError, KeyError) as exc:
        return Telling([f"{HITS} and {RECORDS} cannot be held together: {exc}"], 0)
    listed = {hit_id: read_id for read_id, hits in named.items() for hit_id in hits}
    if told != listed:
        faults.append(f"{HITS} does not tell the hits that {RECORDS} names")
    if count != str(number):
        faults.append(f"bag-info.txt: {HITS_TAG} {count} is not how many {HITS} tells")
    return Telling(faults, number)


def policy_faults(text: bytes, digest: str | None) -> list[str]:
    """Return what speaks against a policy being the one whose digest is named."""
    try:
        content: dict[str, Any] = tomllib.loads(text.decode())
        found = digest_of(content)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, PolicyFault):
        return [f"{POLICY} is no policy"]
    if found != digest:
        return [f"{POLICY} is not the policy that bag-info.txt names by its digest"]
    return []
