"""Matches reads with hot lists: the index finds candidates, Postgres gives the entries in force, the rules rate."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from services.hotlist.domain.passes import Pass, Passes
from services.hotlist.domain.rating import TIERS, Candidate, Listed, Rating, rate
from services.hotlist.settings import Settings
from services.hotlist.store.raised import Raised
from services.hotlist.workers.index_refresh import Refresher
from shared.core.fields import made_storable
from shared.core.ids import Deriver
from shared.core.spans import is_traced
from shared.core.trace import current_traceparent
from shared.core.types import PlateText
from shared.events import DisplayedCaution, DisplayedEntry, HitRaised, Read
from shared.events.read_rules import is_late
from shared.postgres.database import refused_if_unstorable
from shared.postgres.month_secrets import MonthEnded, MonthSecrets
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

AT_ONCE = 200
"""The most candidates of one transaction: only one writes hits at a time, so each stays short."""

MAX_TEXT = 500
"""The most characters of a text that a hit has of a read or an entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A read and the entry that it matches, rated."""

    candidate: Candidate
    listed: Listed
    rating: Rating
    hit_id: UUID


class Matcher:
    """Raises the hits of batches of reads."""

    def __init__(
        self,
        runtime: ApiRuntime,
        settings: Settings,
        refresher: Refresher,
        raised: Sequence[Callable[[], None]],
        sender: str,
        secrets: MonthSecrets,
    ) -> None:
        self._runtime = runtime
        self._rules = runtime.policy.hotlists
        self._live_within = timedelta(seconds=runtime.policy.devices.live_within_s)
        self._refresher = refresher
        self._raised = raised
        """Called after hits were raised; a Postgres notice wakes the other replicas."""

        self._sender = sender
        self._secrets = secrets

    async def reads(self, reads: Sequence[Read]) -> None:
        """Raise the hits of a batch; a redelivery raises none.

        Raises: InternalFault for a read whose values Postgres cannot store; Unavailable.
        """
        await self._refresher.ready()
        candidates = self._refresher.index.candidates(
            reads,
            minimum_confidence=self._rules.minimum_confidence,
            most_differences=self._rules.lookalike_substitutions,
        )
        for start in range(0, len(candidates), AT_ONCE):
            await self._raise(candidates[start : start + AT_ONCE])

    async def _raise(self, candidates: Sequence[Candidate]) -> None:
        candidates = await self._not_purged(candidates)
        now = self._runtime.clock.now()
        with refused_if_unstorable():
            async with self._runtime.db.begin() as connection:
                raised = Raised(connection)
                await raised.lock()
                listed = await raised.listed(candidates, now)
                seen, passes = await raised.known(candidates, self._rules.pass_window_s)
                matches = self._matches(candidates, listed, seen, now)
                if matches:
                    new = await self._store(raised, matches, passes, now)
                    await emit(
                        connection,
                        self._runtime.service,
                        *(_event(m, now, late=self._is_late(m, now)) for m in new),
                    )
            for wake in self._raised:
                wake()

    async def _not_purged(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates without those of months whose records are destroyed, which raise no hits."""
        await self._secrets.ensure(candidate.read.captured_at for candidate in candidates)
        current = []
        for candidate in candidates:
            try:
                self._secrets.secret(candidate.read.captured_at)
            except MonthEnded:
                log.warning("a read matched after its month was purged")
            else:
                current.append(candidate)
        return current

    async def _store(
        self, raised: Raised, matches: Sequence[Match], passes: Passes, now: datetime
    ) -> list[Match]:
        """Store each match as a sighting, of a new hit or of a known one. Return the matches that are new hits.

        Of the live reads of a pass, the surest comes first and begins the hit.
        """
        new: list[Match] = []
        sightings = []
        for match in sorted(matches, key=lambda one: self._urgency(one, now)):
            read, entry_id = match.candidate.read, match.listed.entry_id
            at, tier, late = read.captured_at, match.rating.tier, self._is_late(match, now)
            hit_id = passes.join(entry_id, read.device_id, at, tier, late=late)
            if hit_id is None:
                hit_id = match.hit_id
                begun = Pass(hit_id, at, at, tier, late=late)
                passes.add(entry_id, read.device_id, begun)
                new.append(match)
            sightings.append(_sighting(match, hit_id))
        rows = [self._row(match, now) for match in new]
        await raised.add(rows, sightings, passes.extended, self._sender)
        return new

    def _matches(
        self,
        candidates: Sequence[Candidate],
        listed: dict[tuple[UUID, UUID], Listed],
        seen: set[tuple[UUID, UUID]],
        now: datetime,
    ) -> list[Match]:
        matches = []
        for candidate in candidates:
            read = candidate.read
            entry = listed.get((candidate.list_id, candidate.entry_id))
            if entry is None or (read.read_id, entry.entry_id) in seen:
                continue
            seen.add((read.read_id, entry.entry_id))
            matches.append(
                Match(
                    candidate=candidate,
                    listed=entry,
                    rating=rate(read, entry, candidate.differences, self._rules, now),
                    hit_id=self._hit_id(read, entry.entry_id),
                )
            )
        return matches

    def _urgency(self, match: Match, now: datetime) -> int:
        """Return the place of a match's tier from the most urgent; -1 for a late one, which raises no alert."""
        return -1 if self._is_late(match, now) else TIERS.index(match.rating.tier)

    def _hit_id(self, read: Read, entry_id: UUID) -> UUID:
        secret = self._secrets.secret(read.captured_at)
        return Deriver(secret, "hit", read.read_id).derive(str(entry_id))

    def _is_late(self, match: Match, now: datetime) -> bool:
        read = match.candidate.read
        return bool(read.late) or is_late(read.captured_at, now, self._live_within)

    def _row(self, match: Match, now: datetime) -> dict[str, Any]:
        read, listed, rating = match.candidate.read, match.listed, match.rating
        return {
            "hit_id": match.hit_id,
            "agency_ori": read.agency_ori,
            "list_id": listed.list_id,
            "list_name": listed.list_name,
            "list_version": listed.list_version,
            "list_age_s": rating.list_age_s,
            "list_stale": rating.list_stale,
            "source": listed.source,
            "entry_id": listed.entry_id,
            "record_kind": listed.record_kind,
            "tier": rating.tier,
            "status": "unverified",
            "late": self._is_late(match, now),
            "raised_at": now,
            "read_id": read.read_id,
            "capture_id": read.capture_id,
            "device_id": read.device_id,
            "device_name": _storable(read.device_name),
            "place": msgspec.to_builtins(read.place),
            "captured_at": read.captured_at,
            "received_at": read.received_at,
            "confidence": read.confidence,
            "plate_read": read.plate,
            "plate_as_read": _storable(read.plate_as_read),
            "region_read": _storable(read.region),
            "plate_listed": listed.plate,
            "region_listed": listed.region,
            "entry": listed.as_displayed,
            "differences": match.candidate.differences,
            "warnings": _cautions(rating),
            "box": msgspec.to_builtins(read.box),
            "crop_key": _storable(read.crop_key),
            "image_key": _storable(read.image_key),
            "first_at": read.captured_at,
            "last_at": read.captured_at,
            "sightings": 1,
            "traceparent": current_traceparent() if is_traced() else None,
        }


def _sighting(match: Match, hit_id: UUID) -> dict[str, Any]:
    read = match.candidate.read
    return {
        "read_id": read.read_id,
        "entry_id": match.listed.entry_id,
        "hit_id": hit_id,
        "captured_at": read.captured_at,
        "confidence": read.confidence,
        "plate_read": read.plate,
        "tier": match.rating.tier,
        "crop_key": _storable(read.crop_key),
    }


def _event(match: Match, now: datetime, *, late: bool) -> HitRaised:
    read, listed, rating = match.candidate.read, match.listed, match.rating
    return HitRaised(
        occurred_at=now,
        hit_id=match.hit_id,
        read_id=read.read_id,
        device_id=read.device_id,
        agency_ori=read.agency_ori,
        captured_at=read.captured_at,
        plate_read=read.plate,
        plate_listed=PlateText(listed.plate),
        confidence=read.confidence,
        list_id=listed.list_id,
        list_name=listed.list_name,
        list_version=listed.list_version,
        entry_id=listed.entry_id,
        source=listed.source,
        record_kind=listed.record_kind,
        tier=rating.tier,
        list_age_s=rating.list_age_s,
        differences=list(match.candidate.differences),
        capture_id=read.capture_id,
        crop_key=read.crop_key,
        entry=DisplayedEntry(**listed.as_displayed),
        region_listed=listed.region,
        plate_as_read=_storable(read.plate_as_read),
        region_read=_storable(read.region),
        list_stale=rating.list_stale,
        late=late,
        cautions=_cautions(rating),
    )


def _cautions(rating: Rating) -> list[DisplayedCaution]:
    return [DisplayedCaution(one.code, _storable(one.text) or "") for one in rating.cautions]


def _storable(text: str | None) -> str | None:
    """Return text that Postgres can store, so that a camera's text cannot stop the consumer."""
    return None if text is None else made_storable(text, MAX_TEXT)
