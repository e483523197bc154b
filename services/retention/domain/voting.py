"""Chooses one plate from the reads of a pass.

Reads vote for whole plates: the winner is always a plate that some frame gave, never a mixture of several. The
verdict lists the characters on which reads disagree.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from typing import Final, NamedTuple

from services.retention.domain.sightings import Sighting, aligned, order_of
from shared.core.types import PlateText

LEAST_WEIGHT: Final = 0.01
"""Least weight of a read, even without confidence."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One plate read in a pass, the number of its reads, and its share of all votes, 0 to 1."""

    plate: PlateText
    reads: int
    share: float


@dataclass(frozen=True, slots=True)
class Dissent:
    """One position of the winning plate where other reads differ."""

    place: int
    """Counted from 0."""
    others: tuple[tuple[str, float], ...]
    """Each other character, empty for a missing one, with its share of all votes; largest share first."""


class VoteResult(NamedTuple):
    """The result of the vote of a pass's reads."""

    plate: PlateText
    best: Sighting
    """The surest read of the winning plate."""
    agreement: tuple[float, ...]
    """For each character of `plate`: its probability averaged over all reads, weighted by their
    confidence; a read with another character there counts 0."""
    others: tuple[Reading, ...]
    """The other plates read, largest share first."""
    dissent: tuple[Dissent, ...]
    region: str | None
    misread_risk: float | None

    @property
    def confidence(self) -> float:
        """The lowest agreement on a character."""
        return min(self.agreement)


class _Ballot:
    """All reads of a pass with the same plate."""

    def __init__(self, sightings: Sequence[Sighting]) -> None:
        self.best = max(
            sightings,
            key=lambda s: (s.confidence, s.crop_key is not None, s.captured_at, s.read_id),
        )
        self.plate = self.best.plate
        self.reads = len(sightings)
        weights = [max(s.confidence, LEAST_WEIGHT) for s in sightings]
        self.weight = sum(weights)
        places = zip(*[s.sureness for s in sightings], strict=True)
        self.sure: Sequence[float] = [sum(map(mul, weights, place)) for place in places]
        """For each character: the sum of its probabilities, each weighted by its read's confidence."""
        self._against: dict[PlateText, list[int | None]] = {}

    def against(self, other: "_Ballot") -> list[int | None]:
        """Return, for each character, the index of its counterpart in another ballot's plate, or None."""
        if other.plate not in self._against:
            self._against[other.plate] = aligned(self.best, other.best)
        return self._against[other.plate]

    def support(self, other: "_Ballot") -> Sequence[float]:
        """Return another ballot's support for each of this one's characters; 0 where it differs."""
        if other is self:
            return self.sure
        return [
            other.sure[j] if j is not None and other.plate[j] == self.plate[i] else 0.0
            for i, j in enumerate(self.against(other))
        ]


def vote(sightings: Sequence[Sighting]) -> VoteResult:
    """Return the verdict of one or more reads of a pass; their order does not matter.

    Compares each candidate with all reads, character by character; the one that agrees best with all of them wins.
    For equally sure reads that is the plate of most reads, or the one in the middle if no two agree.
    """
    groups = defaultdict[PlateText, list[Sighting]](list)
    for sighting in sorted(sightings, key=order_of):
        groups[sighting.plate].append(sighting)
    ballots = [_Ballot(group) for group in groups.values()]
    if len(ballots) == 1:
        return _unanimous(ballots[0], sightings)
    standing = [ballot for ballot in ballots if not _is_cut_off(ballot, ballots)]
    winner = standing[0]
    if len(standing) > 1:
        winner = max(standing, key=lambda ballot: _standing(ballot, ballots))
    total = sum(ballot.weight for ballot in ballots)
    supports = [winner.support(ballot) for ballot in ballots]
    agreement = tuple(min(1.0, sum(place) / total) for place in zip(*supports, strict=True))
    rest = [ballot for ballot in ballots if ballot is not winner]
    others = [Reading(b.plate, b.reads, b.weight / total) for b in rest]
    return VoteResult(
        plate=winner.plate,
        best=winner.best,
        agreement=agreement,
        others=tuple(sorted(others, key=lambda other: (-other.share, other.plate))),
        dissent=_dissent(winner, rest, total),
        region=_region(sightings),
        misread_risk=_risk(winner, total),
    )


def _unanimous(winner: _Ballot, sightings: Sequence[Sighting]) -> VoteResult:
    """Return the verdict where all reads are of one plate, as of most passes."""
    return VoteResult(
        plate=winner.plate,
        best=winner.best,
        agreement=tuple([min(1.0, sure / winner.weight) for sure in winner.sure]),
        others=(),
        dissent=(),
        region=_region(sightings),
        misread_risk=_risk(winner, winner.weight),
    )


def _is_cut_off(candidate: _Ballot, ballots: Sequence[_Ballot]) -> bool:
    """Return whether a plate is part of another one read at least as often: the frame cut it off."""
    return any(
        candidate.plate in other.plate and candidate.reads <= other.reads
        for other in ballots
        if other is not candidate
    )


def _standing(candidate: _Ballot, ballots: Sequence[_Ballot]) -> tuple[float, float, str]:
    """Return how well a candidate agrees with all reads (weighted Dice coefficient), with values that break ties.

    Longer plates have more characters to agree in, so the agreement is divided by both lengths.
    """
    score = sum(
        2 * sum(candidate.support(ballot)) / (len(candidate.plate) + len(ballot.plate))
        for ballot in ballots
    )
    return round(score, 9), candidate.best.confidence, candidate.plate


def _dissent(winner: _Ballot, rest: Sequence[_Ballot], total: float) -> tuple[Dissent, ...]:
    found: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for ballot in rest:
        for place, j in enumerate(winner.against(ballot)):
            seen = "" if j is None else ballot.plate[j]
            if seen != winner.plate[place]:
                found[place][seen] += ballot.weight / total
    return tuple(
        Dissent(place, tuple(sorted(found[place].items(), key=lambda item: (-item[1], item[0]))))
        for place in sorted(found)
    )


def _region(sightings: Sequence[Sighting]) -> str | None:
    """Return the region with over half of the votes for regions; None if there is none."""
    regions = {sighting.region for sighting in sightings}
    if len(regions) == 1:
        return regions.pop()
    votes: dict[str, float] = defaultdict(float)
    for sighting in sightings:
        if sighting.region is not None:
            votes[sighting.region] += max(sighting.confidence, LEAST_WEIGHT)
    best = max(votes, key=lambda region: (votes[region], region))
    return best if votes[best] > sum(votes.values()) / 2 else None


def _risk(winner: _Ballot, total: float) -> float | None:
    """Return the best read's risk, raised by the share of votes for other plates.

    Agreeing reads do not lower it: they share the dirt, the screw and the engine's habits.
    """
    if winner.best.misread_risk is None:
        return None
    return 1 - (1 - winner.best.misread_risk) * winner.weight / total
