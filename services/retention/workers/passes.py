"""Votes the reads of each vehicle into one pass, outside the hot path (ADR-0011).

The transaction that stores reads also writes their due spans. One transaction decides, publishes and removes a
span, so a crash only delays it, and a repetition has no second effect.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from prometheus_client import Counter, Gauge

from services.retention.domain.passes import (
    Follower,
    Rules,
    Span,
    Track,
    clusters,
    pass_id_of,
    still_open,
)
from services.retention.domain.voting import VoteResult, vote
from services.retention.settings import Settings
from services.retention.store.pass_queue import MOST_READS, Due, Passing
from services.retention.workers.contradictions import report
from shared.core.ids import derive_id
from shared.events import Character, Dissent, PassReading, PassRecorded
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime

RECORDED = Counter("alpr_passes_recorded", "Passes that were voted on and published", ["agreed"])
CONTRADICTED = Counter("alpr_reads_contradicted", "Camera reads that contradict another one")
LATE = Counter("alpr_passes_late_reads", "Reads that arrived after their pass was published")
WAITING = Gauge("alpr_passes_waiting", "Batches of reads that await the vote on their passes")

READS_A_TURN: Final = MOST_READS
"""A turn ends after about this many reads, so that storing a flood of reads comes before voting on it."""
JUST_AFTER: Final = timedelta(microseconds=1)
"""The resolution of times in Postgres."""


class PassWorker:
    """One worker; several may run, each on its own devices."""

    def __init__(self, runtime: ApiRuntime, settings: Settings) -> None:
        self._runtime = runtime
        self._settle = timedelta(seconds=settings.retention_pass_settle_s)
        self._rules = Rules(
            gap=timedelta(seconds=settings.retention_pass_gap_s),
            longest=timedelta(seconds=settings.retention_pass_longest_s),
        )

    async def work(self) -> None:
        """Decide passes in settled reads, up to `READS_A_TURN`. Raises: Unavailable."""
        settled = self._runtime.clock.now() - self._settle
        async with self._runtime.db.begin() as connection:
            passing = Passing(connection)
            devices = await passing.ready(settled)
            WAITING.set(await passing.waiting())
        examined = 0
        for device_id in devices:
            if examined >= READS_A_TURN:
                return
            examined += await self._work_device(device_id, settled)

    async def _work_device(self, device_id: UUID, settled: datetime) -> int:
        """Decide the settled spans of one device; return how many reads were examined."""
        examined = 0
        async with self._runtime.db.begin() as connection:
            passing = Passing(connection)
            if not await passing.claim(device_id):
                return 0
            due = await passing.due(device_id)
            ready = [one for one in due if one.stored_at <= settled]
            expected = [one.span for one in due if one.stored_at > settled]
            for span in clusters((one.span for one in ready), self._rules.gap):
                if examined >= READS_A_TURN:
                    break
                within = [
                    one for one in ready if span.first_at <= one.span.first_at <= span.last_at
                ]
                examined += await self._decide(passing, device_id, span, within, expected)
        return examined

    async def _decide(
        self,
        passing: Passing,
        device_id: UUID,
        span: Span,
        due: Sequence[Due],
        expected: Sequence[Span],
    ) -> int:
        """Close the passes of one span of a device; return how many reads were examined."""
        gap = self._rules.gap
        around = await passing.around(device_id, span.first_at - gap, span, span.last_at + gap)
        reported = await report(
            passing, self._runtime.service, device_id, around.sightings, self._runtime.clock.now()
        )
        CONTRADICTED.inc(reported)
        # In a thread: thousands of reads take a while, and the event loop has to answer requests meanwhile.
        follow = Follower(self._rules).follow
        tracks = await asyncio.to_thread(follow, around.free, around.closed)
        waiting = still_open(tracks, expected, self._rules, around.seen_to)
        open_from = min((track.first_at for track in waiting), default=around.seen_to)
        if around.seen_to is not None and open_from is not None and open_from <= span.first_at:
            # More vehicles at once than any camera sees: decide the fetched reads without waiting for others.
            waiting = []
            open_from = max(around.seen_to, span.first_at + JUST_AFTER)
        open_tracks = set(map(id, waiting))
        await self._close(passing, device_id, [t for t in tracks if id(t) not in open_tracks])
        await passing.done(due, open_from)
        return around.examined

    async def _close(self, passing: Passing, device_id: UUID, tracks: Sequence[Track]) -> None:
        """Record and publish passes once, and add late reads to published ones; a single read makes no pass."""
        late = [(t.pass_id, t.late) for t in tracks if t.pass_id is not None and t.late]
        if late:
            await passing.join_late(late)
            LATE.inc(sum(len(reads) for _, reads in late))
        new = [t for t in tracks if t.pass_id is None and len(t.sightings) > 1]
        if not new:
            return
        name = await passing.device_name(device_id)
        events = await asyncio.to_thread(self._events, device_id, name, new)
        await passing.record(events, new)
        await emit(passing.connection, self._runtime.service, *events)
        for event in events:
            RECORDED.labels("no" if event.alternatives else "yes").inc()

    def _events(
        self, device_id: UUID, device_name: str, tracks: Sequence[Track]
    ) -> list[PassRecorded]:
        return [self._event(device_id, device_name, track) for track in tracks]

    def _event(self, device_id: UUID, device_name: str, track: Track) -> PassRecorded:
        verdict = vote(track.sightings)
        pass_id = pass_id_of(track.sightings[0])
        return PassRecorded(
            event_id=derive_id("pass.recorded", pass_id),
            occurred_at=self._runtime.clock.now(),
            pass_id=pass_id,
            device_id=device_id,
            device_name=device_name,
            agency_ori=verdict.best.agency_ori,
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


def _alternatives(verdict: VoteResult) -> list[PassReading]:
    return [PassReading(one.plate, one.reads, _rounded(one.share)) for one in verdict.others]


def _rounded(share: float) -> float:
    return min(1.0, max(0.0, round(share, 4)))
