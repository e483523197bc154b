"""Runs the rules over new entries of the log and raises findings (policy 468.3.1(c)).

Findings commit together with the rule's position in the log. A rule that fails delays findings, never the log.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from msgspec import structs
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.entries import kind_of
from services.audit.domain.findings import CONTRADICTING_READ, a_finding
from services.audit.domain.named_plates import known_of, of_one_plate
from services.audit.domain.policies import ACKNOWLEDGING_ROLES
from services.audit.domain.rules import Search, crowded, repeated
from services.audit.settings import Settings
from services.audit.store.audits import Audits
from services.audit.store.findings import Findings
from services.audit.store.periods import Periods
from services.audit.store.policies import Policies
from services.audit.store.stream import Seen, Stream
from services.audit.workers.account_rules import of_accounts
from shared.core.permissions import Permission
from shared.events import (
    AccessAttempted,
    AccountChanged,
    DeviceSilenced,
    FindingRaised,
    IssuerMisused,
    PolicyLoaded,
    ReadContradicted,
    RecordsDisclosed,
    RefusalsCounted,
)
from shared.postgres.disclosed_records import PUSHED
from shared.service.api_runtime import ApiRuntime

LIMIT = 5000
HOUR = timedelta(hours=1)
SEARCHES = frozenset({Permission.RECORD_SEARCH.value, Permission.RECORD_EXPORT.value})
"""Permissions under which a person searches: an export is a search whose reads go into a file."""

ACKNOWLEDGED_WITHIN = timedelta(days=1)


class Watch:
    """Runs the rules over the log's entries."""

    def __init__(self, runtime: ApiRuntime, settings: Settings) -> None:
        self._runtime = runtime
        self._settings = settings

    async def catch_up(self) -> int:
        """Run all rules over the entries that they have not processed; return the number of new findings."""
        raised = 0
        while (found := await self._check()) is not None:
            raised += found
        while (found := await self._check_gaps()) is not None:
            raised += found
        raised += await self._check_calendar() + await self._check_periods()
        return raised + await self._check_policies()

    async def _check(self) -> int | None:
        async with self._runtime.db.begin() as connection:
            stream, findings = Stream(connection), Findings(connection, self._runtime.service)
            start = await stream.cursor("entries")
            seen = await stream.since(start, LIMIT)
            if not seen:
                return None
            found = [
                *_late(seen, timedelta(minutes=self._settings.audit_late_minutes)),
                *await self._refusals(stream, seen),
                *await self._floods(stream, seen),
                *await self._searches(stream, seen),
                *await self._disclosed(stream, seen),
                *await _silences(stream, seen),
                *await self._policies(connection, stream, seen),
                *_misuses(seen),
                *await _accounts(stream, seen),
                *await _contradictions(stream, findings, seen),
            ]
            await stream.advance("entries", seen[-1].seq + 1)
            return await self._raise(findings, found)

    async def _check_gaps(self) -> int | None:
        before = self._runtime.clock.now() - timedelta(minutes=self._settings.audit_gap_minutes)
        async with self._runtime.db.begin() as connection:
            stream = Stream(connection)
            start = await stream.cursor("gaps")
            end = await stream.settled(start, before, LIMIT)
            if end == start:
                return None
            gaps = await stream.gaps(start, end, kind_of(RecordsDisclosed))
            now = self._runtime.clock.now()
            found = [
                a_finding("log_gap", service, now, attempt, seq=seq, attempt_id=str(attempt))
                for seq, service, attempt in gaps
            ]
            await stream.advance("gaps", end)
            return await self._raise(Findings(connection, self._runtime.service), found)

    async def _check_calendar(self) -> int:
        """Raise a finding if the newest sign-off of an audit is too old (policy 468.6(c)); return the count."""
        now, days = self._runtime.clock.now(), self._settings.audit_due_days
        async with self._runtime.db.begin() as connection:
            last = await Audits(connection).last_signed_off()
            if last is None or now - last < timedelta(days=days):
                return 0
            overdue = a_finding(
                "audit_overdue", "audit", now, last, since=last.isoformat(), due_after_days=days
            )
            return await self._raise(Findings(connection, self._runtime.service), [overdue])

    async def _check_periods(self) -> int:
        """Raise a finding for each period without a draw in time (policy 468.6(c)); return the count."""
        now, hours = self._runtime.clock.now(), self._runtime.policy.audits.drawn_within_hours
        async with self._runtime.db.begin() as connection:
            late = [
                a_finding(
                    "audit_not_drawn",
                    "audit",
                    now,
                    period.seq,
                    seq=period.seq,
                    since=period.fixed_at.isoformat(),
                    limit=hours,
                )
                for period in await Periods(connection).not_drawn(now - timedelta(hours=hours))
            ]
            return await self._raise(Findings(connection, self._runtime.service), late)

    async def _policies(
        self, connection: AsyncConnection, stream: Stream, seen: Sequence[Seen]
    ) -> list[FindingRaised]:
        """Record which policies services have loaded; return findings of different policies in use (ADR-0024)."""
        numbers = [s.seq for s in seen if s.kind == kind_of(PolicyLoaded)]
        if not numbers:
            return []
        policies = Policies(connection)
        found: dict[UUID, FindingRaised] = {}
        for start in await stream.policy_starts(numbers):
            await policies.loaded(start)
            running = sorted(p.digest for p in await policies.all() if p.services)
            if len(running) > 1:
                finding = a_finding(
                    "policies_differ", "policy", start.at, *running, digests=running
                )
                found[finding.finding_id] = finding
        return list(found.values())

    async def _check_policies(self) -> int:
        """Raise a finding for each policy that administrator and auditor did not acknowledge within a day."""
        now = self._runtime.clock.now()
        async with self._runtime.db.begin() as connection:
            late = [
                a_finding(
                    "policy_not_acknowledged",
                    "policy",
                    now,
                    policy.digest,
                    policy_digest=policy.digest,
                    since=policy.first_loaded_at.isoformat(),
                )
                for policy in await Policies(connection).all()
                if now - policy.first_loaded_at >= ACKNOWLEDGED_WITHIN
                and len(policy.acknowledgements) < len(ACKNOWLEDGING_ROLES)
            ]
            return await self._raise(Findings(connection, self._runtime.service), late)

    async def _raise(self, findings: Findings, found: Iterable[FindingRaised]) -> int:
        return sum([await findings.raise_once(event) for event in found])

    async def _refusals(self, stream: Stream, seen: Sequence[Seen]) -> list[FindingRaised]:
        """Return findings of repeatedly refused access: failed sign-ins, refused purposes, missing rights."""
        refused = [s for s in seen if s.allowed is False]
        if not refused:
            return []
        limit, minutes = self._settings.audit_refusals, self._settings.audit_refusals_minutes
        within = timedelta(minutes=minutes)
        found = []
        for subject, times in (await stream.refusals(refused, within)).items():
            if (at := crowded(times, within, limit)) is not None:
                count = sum(at - within <= time <= at for time in times)
                found.append(
                    a_finding(
                        "refused_access", subject, at, _hour(at), count=count, minutes=minutes
                    )
                )
        return found

    async def _floods(self, stream: Stream, seen: Sequence[Seen]) -> list[FindingRaised]:
        """Return findings of counted refusals. Their ids equal those of `_refusals` for the same address and hour."""
        numbers = [s.seq for s in seen if s.kind == kind_of(RefusalsCounted)]
        if not numbers:
            return []
        return [
            a_finding(
                "refused_access",
                f"address {flood.client_address}" if flood.client_address else "many addresses",
                flood.at,
                _hour(flood.at),
                count=flood.count,
                minutes=1,
                service=flood.service,
                route=flood.route,
            )
            for flood in await stream.floods(numbers)
            if flood.count >= self._settings.audit_refusals
        ]

    async def _searches(self, stream: Stream, seen: Sequence[Seen]) -> list[FindingRaised]:
        """Return findings of unusual searches: too many in an hour, or of one plate too often or for many cases."""
        attempted = kind_of(AccessAttempted)
        fresh = [
            s
            for s in seen
            if s.kind == attempted and s.allowed and s.permission in SEARCHES and s.person_id
        ]
        if not fresh:
            return []
        found: list[FindingRaised] = []
        by_person = await stream.searches(fresh, SEARCHES, HOUR, of_plates=False)
        for person, searches in by_person.items():
            found += self._many(person, [s.at for s, _ in searches])
        within = timedelta(days=self._settings.audit_plate_days)
        named = [s for s in fresh if s.plates]
        if not named:
            return found
        by_person = await stream.searches(named, SEARCHES, within, of_plates=True)
        for person, searches in by_person.items():
            own = {plate for s in named if s.person_id == person for plate in s.plates}
            for plate in _one_of_each(own, searches):
                of_plate = [
                    s for s, plates in searches if any(of_one_plate(plate, p) for p in plates)
                ]
                found += self._one_plate(person, plate, of_plate, within)
        return found

    async def _disclosed(self, stream: Stream, seen: Sequence[Seen]) -> list[FindingRaised]:
        """Return findings of people to whom all services together showed too many records in a day (ADR-0040)."""
        numbers = [
            s.seq
            for s in seen
            if s.kind == kind_of(RecordsDisclosed) and s.permission not in PUSHED and s.person_id
        ]
        limits = self._runtime.policy.limits
        return [
            a_finding(
                "many_disclosed",
                sum_.person_id,
                seen[-1].occurred_at,
                sum_.day,
                limit,
                count=sum_.records,
                limit=limit,
                since=sum_.day.isoformat(),
            )
            for sum_ in (await stream.disclosed(numbers) if numbers else ())
            for limit in (limits.disclosed_finding, limits.disclosed_refused)
            if sum_.records > limit
        ]

    def _many(self, person: str, times: Sequence[datetime]) -> Iterable[FindingRaised]:
        limit = self._settings.audit_searches_per_hour
        if (at := crowded(times, HOUR, limit + 1)) is not None:
            count = sum(at - HOUR <= time <= at for time in times)
            yield a_finding("many_searches", person, at, _hour(at), count=count, limit=limit)

    def _one_plate(
        self, person: str, plate: str, searches: Sequence[Search], within: timedelta
    ) -> Iterable[FindingRaised]:
        at = repeated(
            searches,
            within,
            searches_limit=self._settings.audit_plate_searches,
            cases_limit=self._settings.audit_plate_cases,
        )
        if at is not None:
            cases = sorted({s.case_number for s in searches if s.case_number is not None})
            yield a_finding(
                "repeated_plate_search",
                person,
                at,
                plate,
                at.date(),
                plate=plate,
                count=len(searches),
                cases=cases[:20],
                days=within.days,
            )


def _one_of_each(own: Iterable[str], searches: Sequence[tuple[Search, Sequence[str]]]) -> set[str]:
    """Return one pattern for each plate of `own`: the one in `searches` with the most known characters."""
    asked = {plate for _, plates in searches for plate in plates}
    return {
        min(
            {p for p in asked if of_one_plate(plate, p)} | {plate},
            key=lambda p: (-known_of(p), p),
        )
        for plate in own
    }


async def _silences(stream: Stream, seen: Sequence[Seen]) -> list[FindingRaised]:
    """Return findings of cameras that send no more: broken, covered or switched off."""
    numbers = [s.seq for s in seen if s.kind == kind_of(DeviceSilenced)]
    if not numbers:
        return []
    return [
        a_finding(
            "device_silence",
            f"device {device.device_id}",
            device.at,
            device.last_heard_at,
            seq=device.seq,
            device_name=device.name,
            last_heard_at=device.last_heard_at,
        )
        for device in await stream.silences(numbers)
    ]


async def _contradictions(
    stream: Stream, findings: Findings, seen: Sequence[Seen]
) -> list[FindingRaised]:
    """Return findings of contradictory reads of one moment; at most one open finding for each device and day."""
    numbers = [s.seq for s in seen if s.kind == kind_of(ReadContradicted)]
    found: dict[tuple[str, date], FindingRaised] = {}
    for one in await stream.contradictions(numbers) if numbers else ():
        about = (str(one.said["device_id"]), one.captured_on)
        if about in found or await findings.contradicts(*about):
            continue
        details = {**one.said, "seq": one.seq, "count": one.count}
        raised = a_finding(CONTRADICTING_READ, f"entry {one.seq}", one.at, one.seq, **details)
        found[about] = structs.replace(raised, captured_on=one.captured_on)
    return list(found.values())


def _misuses(seen: Sequence[Seen]) -> Iterable[FindingRaised]:
    """Yield findings of keys or account changes with identity's signature that are not identity's (ADR-0018)."""
    for entry in seen:
        if entry.kind == kind_of(IssuerMisused):
            subject = f"entry {entry.seq}"
            yield a_finding("issuer_misused", subject, entry.occurred_at, seq=entry.seq)


async def _accounts(stream: Stream, seen: Sequence[Seen]) -> list[FindingRaised]:
    """Return findings of account changes from identity that an auditor should review."""
    numbers = [s.seq for s in seen if s.kind == kind_of(AccountChanged)]
    return of_accounts(await stream.account_changes(numbers)) if numbers else []


def _late(seen: Sequence[Seen], after: timedelta) -> Iterable[FindingRaised]:
    """Return findings of entries appended long after their events, which show that an outbox or the log stopped."""
    for entry in seen:
        delay = entry.appended_at - entry.occurred_at
        if delay > after:
            yield a_finding(
                "late_entries",
                entry.service,
                entry.appended_at,
                _hour(entry.appended_at),
                first_seq=entry.seq,
                delay_s=int(delay.total_seconds()),
            )


def _hour(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H}"
