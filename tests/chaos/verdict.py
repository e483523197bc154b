"""What a run must have kept: compares what was acknowledged and answered with what the tables hold. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

OF_ONE_PASS: Final = timedelta(seconds=2)
"""Less than RETENTION_PASS_GAP_S. A read without another one so near is no pass, and gets no row; nor are two of
one moment."""


class Sighting(NamedTuple):
    """What makes a read one and the same, whatever its id: device, plate and time of capture."""

    device_id: str
    plate: str
    captured_at: datetime


@dataclass
class Sent:
    """What cameras and people were given an answer to."""

    reads: dict[str, Sighting] = field(default_factory=dict)
    """The acknowledged reads by their ids."""
    listed: set[str] = field(default_factory=set)
    """The ids of those of them whose plate is on the hot list, each of a vehicle of its own."""
    frames: dict[str, str] = field(default_factory=dict)
    """The plate of each acknowledged capture, by its id."""
    accesses: list[str] = field(default_factory=list)
    """The ids that people gave their answered requests."""


@dataclass(frozen=True)
class Stored:
    """What the tables hold, row by row."""

    reads: Sequence[tuple[str, Sighting]] = ()
    captures: Sequence[str] = ()
    reads_of_captures: Sequence[tuple[str, str]] = ()
    """Capture and plate of each read of a frame."""
    reads_of_passes: Sequence[str] = ()
    """The read of each membership of a pass."""
    hits: Sequence[tuple[str, str, str]] = ()
    """The id of the hit, of its read and of the entry."""
    hits_logged: Sequence[str] = ()
    """The hit of each entry that says that one was raised."""
    accesses_logged: Sequence[str] = ()
    """The id of its sender in each entry of an access."""
    log_ok: bool = False


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter, by its topic and reason."""

    topic: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What was lost, doubled or not recorded; examples of each by kind."""

    lost: Mapping[str, Sequence[str]]
    doubled: Mapping[str, Sequence[str]]
    unrecorded: Sequence[str]
    unexplained: Sequence[DeadLetter]
    log_ok: bool

    @property
    def ok(self) -> bool:
        """Whether the run kept all that it must."""
        wrong = (self.lost_count, self.doubled_count, len(self.unrecorded), len(self.unexplained))
        return self.log_ok and not any(wrong)

    @property
    def lost_count(self) -> int:
        """How much was lost, of all kinds."""
        return sum(map(len, self.lost.values()))

    @property
    def doubled_count(self) -> int:
        """How much is there twice or more often."""
        return sum(map(len, self.doubled.values()))


def judge(
    sent: Sent, kept: Stored, dead: Sequence[DeadLetter] = (), *, corrupted: bool = False
) -> Verdict:
    """Compare; `corrupted` says whether flipped bits may explain a dead letter."""
    reads = {read_id for read_id, _ in kept.reads}
    read_of_frame = dict(kept.reads_of_captures)
    hit_of = {read_id for _, read_id, _ in kept.hits}
    hits = {hit_id for hit_id, _, _ in kept.hits}
    accesses = set(sent.accesses)
    lost = {
        "reads": _missing(sent.reads, reads),
        "captures": _missing(sent.frames, kept.captures),
        "reads of captures": [
            c for c, plate in sent.frames.items() if read_of_frame.get(c) != plate
        ],
        "passes of reads": _missing(_in_company(kept.reads), kept.reads_of_passes),
        "hits": _missing(sent.listed, hit_of),
        "hits in the log": _missing(hits, kept.hits_logged),
    }
    doubled = {
        "reads": _twice([read_id for read_id, _ in kept.reads]),
        "sightings": _twice([f"{sighting}" for _, sighting in kept.reads]),
        "captures": _twice(kept.captures),
        "passes of reads": _twice(kept.reads_of_passes),
        "reads of captures": _twice([capture_id for capture_id, _ in kept.reads_of_captures]),
        "hits": _twice([f"{read_id} {entry_id}" for _, read_id, entry_id in kept.hits]),
        "hits in the log": _twice(kept.hits_logged),
        "accesses in the log": _twice([a for a in kept.accesses_logged if a in accesses]),
    }
    return Verdict(
        lost=lost,
        doubled=doubled,
        unrecorded=_missing(sent.accesses, kept.accesses_logged),
        unexplained=[] if corrupted else list(dead),
        log_ok=kept.log_ok,
    )


def _in_company(reads: Sequence[tuple[str, Sighting]]) -> set[str]:
    """Return the reads that have another of their device and plate so near that both are of one pass (ADR-0011)."""
    ordered = sorted(reads, key=lambda one: one[1])
    return {
        read_id
        for (one, first), (other, then) in pairwise(ordered)
        if first[:2] == then[:2]
        and first.captured_at < then.captured_at < first.captured_at + OF_ONE_PASS
        for read_id in (one, other)
    }


def _missing(wanted: Collection[str], there: Collection[str]) -> list[str]:
    return sorted(set(wanted) - set(there))


def _twice(all_of_them: Collection[str]) -> list[str]:
    return sorted(one for one, count in Counter(all_of_them).items() if count > 1)
