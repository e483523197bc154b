"""One plate out of the reads of a pass.

The winner is one of the plates that frames read, character for character: reads vote, they are never
blended into a text that none of them read. Where they disagree, the verdict says so.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.retention.domain.sightings import Sighting, aligned
from shared.core.types import PlateText

LEAST_WEIGHT: Final = 0.01
"""A read with no confidence at all still counts as one that was there."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One plate that frames of a pass read, how many of them, and its share of all votes, 0 to 1."""

    plate: PlateText
    reads: int
    share: float


@dataclass(frozen=True, slots=True)
class Dissent:
    """One place of the winning plate that other reads saw otherwise."""

    place: int
    """Counted from 0."""
    others: tuple[tuple[str, float], ...]
    """Each other character, empty for none, with its share of all votes; most first."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the reads of a pass come to."""

    plate: PlateText
    best: Sighting
    """The surest read of the winning plate."""
    agreement: tuple[float, ...]
    """Of each character of `plate`: its probability averaged over all reads, weighed by their
    confidence; a read that saw something else there counts 0."""
    others: tuple[Reading, ...]
    """Other plates that were read, by their share."""
    dissent: tuple[Dissent, ...]
    region: str | None
    misread_risk: float | None

    @property
    def confidence(self) -> float:
        """The lowest agreement on a character."""
        return min(self.agreement)


class _Ballot:
    """All reads of a pass that read the same plate."""

    def __init__(self, sightings: Sequence[Sighting]) -> None:
        self.best = max(sightings, key=lambda s: (s.confidence, s.crop_key is not None, s.order))
        self.plate = self.best.plate
        self.reads = len(sightings)
        weights = [max(s.confidence, LEAST_WEIGHT) for s in sightings]
        self.weight = sum(weights)
        self.sure = [
            sum(w * s.sureness[place] for w, s in zip(weights, sightings, strict=True))
            for place in range(len(self.plate))
        ]
        """Of each character: its probabilities, each weighed by its read's confidence, summed."""

    def support(self, other: "_Ballot") -> list[float]:
        """Return what another ballot gives each of this one's characters; 0 where it differs."""
        return [
            other.sure[j] if j is not None and other.plate[j] == self.plate[i] else 0.0
            for i, j in enumerate(aligned(self.best, other.best))
        ]


def vote(sightings: Sequence[Sighting]) -> Verdict:
    """Return what one or more reads of a pass come to, in whatever order they are given.

    Each candidate is compared with all reads place by place: what wins agrees best with them all,
    which among equals is what most of them read, and where no two agree the one in the middle.
    """
    groups: dict[PlateText, list[Sighting]] = defaultdict(list)
    for sighting in sorted(sightings, key=lambda s: s.order):
        groups[sighting.plate].append(sighting)
    ballots = [_Ballot(group) for group in groups.values()]
    standing = [ballot for ballot in ballots if not _is_cut_off(ballot, ballots)]
    winner = max(standing, key=lambda ballot: _standing(ballot, ballots))
    total = sum(ballot.weight for ballot in ballots)
    supports = [winner.support(ballot) for ballot in ballots]
    agreement = tuple(min(1.0, sum(place) / total) for place in zip(*supports, strict=True))
    rest = [ballot for ballot in ballots if ballot is not winner]
    others = [Reading(b.plate, b.reads, b.weight / total) for b in rest]
    return Verdict(
        plate=winner.plate,
        best=winner.best,
        agreement=agreement,
        others=tuple(sorted(others, key=lambda other: (-other.share, other.plate))),
        dissent=_dissent(winner, rest, total),
        region=_region(sightings),
        misread_risk=_risk(winner, total),
    )


def _is_cut_off(candidate: _Ballot, ballots: Sequence[_Ballot]) -> bool:
    """Whether a plate is part of another that was read as often: it was half out of the frame."""
    return any(
        candidate.plate in other.plate and candidate.reads <= other.reads
        for other in ballots
        if other is not candidate
    )


def _standing(candidate: _Ballot, ballots: Sequence[_Ballot]) -> tuple[float, float, str]:
    """How well a candidate agrees with all reads (Dice's coefficient, weighed); ties are settled.

    Longer plates have more characters to agree in, so what agrees is held against both lengths.
    """
    score = sum(
        2 * sum(candidate.support(ballot)) / (len(candidate.plate) + len(ballot.plate))
        for ballot in ballots
    )
    return round(score, 9), candidate.best.confidence, candidate.plate


def _dissent(winner: _Ballot, rest: Sequence[_Ballot], total: float) -> tuple[Dissent, ...]:
    found: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for ballot in rest:
        for place, j in enumerate(aligned(winner.best, ballot.best)):
            seen = "" if j is None else ballot.plate[j]
            if seen != winner.plate[place]:
                found[place][seen] += ballot.weight / total
    return tuple(
        Dissent(place, tuple(sorted(found[place].items(), key=lambda item: (-item[1], item[0]))))
        for place in sorted(found)
    )


def _region(sightings: Sequence[Sighting]) -> str | None:
    """The region that over half of the votes for any region name; None: not determined."""
    votes: dict[str, float] = defaultdict(float)
    for sighting in sightings:
        if sighting.region is not None:
            votes[sighting.region] += max(sighting.confidence, LEAST_WEIGHT)
    if not votes:
        return None
    best = max(votes, key=lambda region: (votes[region], region))
    return best if votes[best] > sum(votes.values()) / 2 else None


def _risk(winner: _Ballot, total: float) -> float | None:
    """The best read's risk, raised by the share of the votes that read something else.

    Reads that agree do not lower it: they share the dirt, the screw and the engine's habits.
    """
    if winner.best.misread_risk is None:
        return None
    return 1 - (1 - winner.best.misread_risk) * winner.weight / total
