"""Votes the reads of each vehicle into one pass, outside the hot path (ADR-0011), in sets (ADR-0062).

The transaction that stores reads also writes their due spans. One transaction decides, publishes and removes the
spans of many devices, so a crash only delays them, and a repetition has no second effect.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import Final, NamedTuple
from uuid import UUID

from services.retention.domain.due import Decision, Window, decide, windows
from services.retention.domain.passes import Rules, Track
from services.retention.domain.voting import VoteResult, vote
from services.retention.settings import Settings
from services.retention.store.pass_queue import Backlog, Found, Passing, SettledDevice
from services.retention.workers.contradictions import Contradiction, contradictions, report
from services.retention.workers.pass_progress import Voted, Waiting
from shared.core.clock import Clock
from shared.core.types import Ori
from shared.events import Character, Dissent, PassesRecorded, PassReading, RecordedPass
from shared.postgres.database import Database
from shared.postgres.outbox import emit

READS_AT_ONCE: Final = 5000
"""About the most reads of one transaction, which votes on them together."""


SETS_AT_ONCE: Final = 2
"""How many sets are worked at a time: one is voted on while Postgres finds and stores the reads of another."""


class Share(NamedTuple):
    """One of several equal parts of all devices."""

    number: int = 0
    of: int = 1

    def has(self, device_id: UUID) -> bool:
        """Whether a device is in this share."""
        return device_id.int % self.of == self.number


EVERYTHING: Final = Share()


class _Outcome(NamedTuple):
    """What the reads of a set give."""

    decisions: list[Decision]
    contradictions: list[Contradiction]


class PassWorker:
    """One worker; several may run, each on its own devices."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        service: str,
        settings: Settings,
        *,
        show: Callable[[Waiting | Voted], None],
    ) -> None:
        """`show` gets what waits, and what each transaction has decided, after its commit."""
        self._db = db
        self._clock = clock
        self._service = service
        self._show = show
        self._settle = timedelta(seconds=settings.retention_pass_settle_s)
        self._rules = Rules(
            gap=timedelta(seconds=settings.retention_pass_gap_s),
            longest=timedelta(seconds=settings.retention_pass_longest_s),
        )

    async def work(self, share: Share = EVERYTHING) -> None:
        """Decide the passes of a share's reads that have settled by now. Raises: Unavailable."""
        settled = self._clock.now() - self._settle
        backlog = await self._backlog(settled)
        waiting = deque(one for one in backlog.settled if share.has(one.device_id))
        sets = [self._work_sets(waiting, settled) for _ in range(SETS_AT_ONCE)]
        for fault in await asyncio.gather(*sets, return_exceptions=True):
            if fault is not None:
                raise fault

    async def count_settled(self) -> int:
        """Return about how many reads have settled by now and await the vote. Raises: Unavailable."""
        backlog = await self._backlog(self._clock.now() - self._settle)
        return sum(one.reads for one in backlog.settled)

    async def _work_sets(self, waiting: deque[SettledDevice], settled: datetime) -> None:
        """Take sets from a queue until it is empty; what is left of a set's devices goes to its end."""
        while waiting:
            waiting.extend(await self._work_set(_next_set(waiting), settled))
            if waiting:
                await self._backlog(settled)

    async def _backlog(self, settled: datetime) -> Backlog:
        async with self._db.begin() as connection:
            backlog = await Passing(connection).backlog(settled)
        oldest_at = backlog.oldest_at or settled
        behind_s = max(0.0, (settled - oldest_at).total_seconds())
        self._show(Waiting(backlog.spans, backlog.reads, behind_s))
        return backlog

    async def _work_set(
        self, devices: Sequence[SettledDevice], settled: datetime
    ) -> list[SettledDevice]:
        """Decide settled spans of devices, in one transaction; return what is left of them."""
        since = {one.device_id: one.since for one in devices}
        async with self._db.begin() as connection:
            passing = Passing(connection)
            due = await passing.due(await passing.claim(list(since)))
            ready = [
                window
                for window in windows(due, settled, self._rules)
                if (start := since[window.device_id]) is None or window.span.first_at >= start
            ]
            if not ready:
                return []
            found = await passing.around(_first(ready), self._rules.gap)
            # In a thread: thousands of reads take a while, and another set works with Postgres meanwhile.
            decisions, contradicting = await asyncio.to_thread(self._decide, found)
            whole = await self._whole(passing, decisions)
            events = await asyncio.to_thread(self._vote, whole)
            now = self._clock.now()
            reported = await report(passing, contradicting, now)
            await passing.record(events, decisions)
            await emit(connection, self._service, *reported, *events)
            await passing.done(decisions)
        passes = [one for event in events for one in event.passes]
        disagreed = sum(bool(one.alternatives) for one in passes)
        self._show(
            Voted(
                agreed=len(passes) - disagreed,
                disagreed=disagreed,
                contradicted=sum(event.count for event in reported),
                late=sum(len(track.added) for one in decisions for track in one.late),
            )
        )
        return _unfinished(ready, decisions)

    def _decide(self, found: Sequence[Found]) -> _Outcome:
        return _Outcome(
            decisions=[decide(window, around, self._rules) for window, around in found],
            contradictions=[
                Contradiction(window.device_id, tuple(group))
                for window, around in found
                if around.has_doubles
                for group in contradictions(around.sightings)
            ],
        )

    @staticmethod
    async def _whole(passing: Passing, decisions: Sequence[Decision]) -> list[tuple[Window, Track]]:
        """Return the ended passes with all their reads; without those of which less than two are left."""
        ended = [(one.window, track) for one in decisions for track in one.ended]
        members = await passing.members([track.id for _, track in ended if not track.is_whole])
        whole = (
            (window, Track([*members[track.id], *track.added], track.id))
            if track.id in members
            else (window, track)
            for window, track in ended
        )
        return [(window, track) for window, track in whole if len(track.sightings) > 1]

    def _vote(self, ended: Sequence[tuple[Window, Track]]) -> list[PassesRecorded]:
        """Return the passes as events: of each device together those whose best reads have one owner."""
        voted = defaultdict[tuple[UUID, str, Ori], list[RecordedPass]](list)
        for window, track in ended:
            verdict = vote(track.sightings)
            origin = (window.device_id, window.device_name, verdict.best.agency_ori)
            voted[origin].append(_voted(track, verdict))
        now = self._clock.now()
        events = (
            PassesRecorded(
                event_id=PassesRecorded.id_of(passes),
                occurred_at=now,
                device_id=device_id,
                device_name=device_name,
                agency_ori=agency_ori,
                passes=passes,
            )
            for (device_id, device_name, agency_ori), passes in voted.items()
        )
        return [part for event in events for part in event.divided(PassesRecorded.MOST)]


def _voted(track: Track, verdict: VoteResult) -> RecordedPass:
    return RecordedPass(
        pass_id=track.id,
        first_seen_at=track.first_at,
        last_seen_at=track.last_at,
        plate=verdict.plate,
        confidence=_rounded(verdict.confidence),
        characters=[
            Character(text, _rounded(sure))
            for text, sure in zip(verdict.plate, verdict.agreement, strict=True)
        ],
        read_ids=[sighting.read_id for sighting in track.sightings],
        outvoted_read_ids=[s.read_id for s in track.sightings if s.plate != verdict.plate],
        best_read_id=verdict.best.read_id,
        crop_key=verdict.best.crop_key,
        region=verdict.region,
        misread_risk=None if verdict.misread_risk is None else _rounded(verdict.misread_risk),
        alternatives=_alternatives(verdict),
        dissent=[
            Dissent(one.place, {text: _rounded(share) for text, share in one.others})
            for one in verdict.dissent
        ],
        place=verdict.best.place,
    )


def _next_set(waiting: deque[SettledDevice]) -> list[SettledDevice]:
    """Remove devices from the front of a queue until they have about `READS_AT_ONCE` reads; return them."""
    some: list[SettledDevice] = []
    reads = 0
    while waiting and reads < READS_AT_ONCE:
        some.append(waiting.popleft())
        reads += some[-1].reads
    return some


def _first(ready: Sequence[Window]) -> list[Window]:
    """Return windows from the first one on until they have about `READS_AT_ONCE` reads."""
    before = accumulate((window.reads for window in ready), initial=0)
    return [window for window, reads in zip(ready, before, strict=False) if reads < READS_AT_ONCE]


def _unfinished(ready: Iterable[Window], decisions: Sequence[Decision]) -> list[SettledDevice]:
    """Return the devices with windows that were left out or cut, each from the first of these on."""
    rest_from = {id(one.window): one.rest_from for one in decisions}
    left: dict[UUID, SettledDevice] = {}
    for window in ready:
        start = rest_from.get(id(window), window.span.first_at)
        if start is not None:
            known = left.get(window.device_id, SettledDevice(window.device_id, 0, start))
            since = start if known.since is None else min(start, known.since)
            left[window.device_id] = SettledDevice(
                window.device_id, known.reads + window.reads, since
            )
    return list(left.values())


def _alternatives(verdict: VoteResult) -> list[PassReading]:
    return [PassReading(one.plate, one.reads, _rounded(one.share)) for one in verdict.others]


@lru_cache(maxsize=4096)
def _rounded(share: float) -> float:
    return min(1.0, max(0.0, round(share, 4)))
