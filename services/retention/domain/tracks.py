"""Groups reads by vehicle like `passes.Follower`, faster where no read has a place in its frame (ADR-0062)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, pairwise
from operator import attrgetter

from services.retention.domain.passes import READS_AT_MOST, Follower, Rules, Track
from services.retention.domain.sightings import Sighting, class_of


def tracks_of(free: Sequence[Sighting], known: Sequence[Track], rules: Rules) -> list[Track]:
    """Return the same tracks as `Follower.follow`, without comparing pairs where no read has a place in its frame.

    Such reads join their class of look-alikes alone. Most classes are one plate, whose reads are consecutive.
    """
    stored = (sighting for track in known for sighting in track.sightings)
    in_frames = any(sighting.box for sighting in chain(free, stored))
    if in_frames or any(len(track.classes) > 1 for track in known):
        return Follower(rules).follow(free, known)
    reads_of = defaultdict[str, list[Sighting]](list)
    for sighting in free:
        reads_of[class_of(sighting.plate)].append(sighting)
    known_of = defaultdict[str, list[Track]](list)
    for track in known:
        for plate_class in track.classes:
            known_of[plate_class].append(track)
    tracks = [
        track
        for one, of_class in known_of.items()
        if one not in reads_of
        for track in of_class
        if track.is_unvoted
    ]
    for plate_class, reads in reads_of.items():
        reads.sort(key=_moment)
        of_class = known_of[plate_class]
        if not _is_one_vehicles(reads):
            tracks += Follower(rules).follow(reads, of_class)
        elif not of_class:
            tracks += map(Track, _consecutive(reads, rules))
        elif len(of_class) == 1 and _goes_on(of_class[0], reads[0]):
            tracks += _continued(of_class[0], reads, rules)
        else:
            tracks += Follower(rules).follow(reads, of_class)
    return tracks


_moment = attrgetter("captured_at")


def _is_one_vehicles(reads: Sequence[Sighting]) -> bool:
    """Return whether reads, in order of time, are of one plate and agency, each of a moment of its own."""
    for one, other in pairwise(reads):
        if (
            one.captured_at >= other.captured_at
            or one.plate != other.plate
            or one.agency_ori != other.agency_ori
        ):
            return False
    return True


def _goes_on(track: Track, read: Sighting) -> bool:
    """Return whether a read is of the plate and agency of an open pass, and after all its reads."""
    if track.stored is None or not track.sightings:
        return False
    last = track.sightings[-1]
    return (
        last.captured_at == track.last_at < read.captured_at
        and last.agency_ori == read.agency_ori
        and last.plate == track.surest.plate == read.plate
    )


def _continued(track: Track, reads: Sequence[Sighting], rules: Rules) -> Iterator[Track]:
    """Yield an open pass with those of the reads that join it, and the passes of the others."""
    first_at, last_at = track.first_at, track.last_at
    joined = 0
    for read in reads:
        if _ends(first_at, last_at, track.reads, read, rules):
            break
        track.add(read)
        joined, last_at = joined + 1, read.captured_at
    yield track
    if joined < len(reads):
        yield from map(Track, _consecutive(reads[joined:], rules))


def _consecutive(reads: Sequence[Sighting], rules: Rules) -> Iterator[list[Sighting]]:
    """Yield the reads of each pass of one vehicle."""
    passing = [reads[0]]
    for one, other in pairwise(reads):
        if _ends(passing[0].captured_at, one.captured_at, len(passing), other, rules):
            yield passing
            passing = []
        passing.append(other)
    yield passing


def _ends(first_at: datetime, last_at: datetime, reads: int, read: Sighting, rules: Rules) -> bool:
    """Return whether a pass from `first_at` to `last_at`, of so many reads, ends before a read of its vehicle."""
    at = read.captured_at
    return at - last_at > rules.gap or at - first_at > rules.longest or reads >= READS_AT_MOST
