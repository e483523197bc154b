"""Runs the rules over new entries of the log and raises findings (policy 468.3.1(c)).

Findings commit together with the rule's position in the log. A rule that fails delays findings, never the log.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, timedelta
from uuid import UUID

from msgspec import structs
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.corrections import Limits, unusual_corrections
from services.audit.domain.enforcement import unverified_enforcement
from services.audit.domain.entries import kind_of
from services.audit.domain.findings import CONTRADICTING_READ, a_finding, hour_of
from services.audit.domain.policies import ACKNOWLEDGING_ROLES
from services.audit.domain.rules import before
from services.audit.settings import Settings
from services.audit.store.audits import Audits
from services.audit.store.corrections import Corrections
from services.audit.store.enforcements import Enforcements
from services.audit.store.findings import Findings
from services.audit.store.periods import Periods
from services.audit.store.policies import Policies
from services.audit.store.said import CheckedSaid, ImportedSaid
from services.audit.store.stream import (
    Flood,
    PersonDay,
    Seen,
    SilentDevice,
    Stream,
)
from services.audit.workers.account_rules import of_accounts
from services.audit.workers.case_rules import found_later, stale_list, unknown_numbers
from services.audit.workers.recent import Raised, Recent
from services.audit.workers.retention_rules import corrections, of_retention
from shared.events import (
    AccountChanged,
    Actor,
    CaseNumbersImported,
    DeviceSilenced,
    Event,
    EvidenceCustodyRecorded,
    FindingRaised,
    IssuerMisused,
    PolicyLoaded,
    PurposeChecked,
    ReadContradicted,
    ReadCorrected,
    RecordsDisclosed,
    RefusalsCounted,
)
from shared.postgres.disclosed_records import PICTURES, PUSHED
from shared.service.api_runtime import ApiRuntime

LIMIT = 5000
MOST_COUNTED = 10**9
"""The most records that one entry adds to a person's sum, so that no entry makes it too large to store."""

ACKNOWLEDGED_WITHIN = timedelta(days=1)


class Kinds:
    """Entries by their kind."""

    def __init__(self, seen: Iterable[Seen]) -> None:
        self._of_kind: defaultdict[str, list[Seen]] = defaultdict(list)
        for s in seen:
            self._of_kind[s.kind].append(s)

    def of(self, event: type[Event]) -> Sequence[Seen]:
        """Return the entries of a type of event, in the log's order."""
        return self._of_kind.get(kind_of(event), ())

    def numbers(self, event: type[Event]) -> list[int]:
        """Return the numbers of these entries."""
        return [s.seq for s in self.of(event)]


class Watch:
    """Runs the rules over the log's entries."""

    def __init__(self, runtime: ApiRuntime, settings: Settings) -> None:
        self._runtime = runtime
        self._settings = settings
        self._recent = Recent(settings)
        self._software = Actor.software(runtime.service, runtime.policy.department.ori)

    async def catch_up(self) -> int:
        """Run all rules over the entries that they have not processed; return the number of new findings."""
        raised = 0
        while (found := await self._check()) is not None:
            raised += found
        while (found := await self._check_gaps()) is not None:
            raised += found
        raised += await self._check_calendar() + await self._check_periods()
        return raised + await self._check_policies() + await self._check_case_numbers()

    async def _check(self) -> int | None:
        async with self._runtime.db.begin() as connection:
            stream, findings = Stream(connection), Findings(connection, self._runtime.service)
            start = await stream.cursor("entries")
            seen = await stream.since(start, LIMIT)
            if not seen:
                return None
            kinds = Kinds(seen)
            checks = await stream.said(kinds.numbers(PurposeChecked), CheckedSaid)
            found = [
                *_late(seen, timedelta(minutes=self._settings.audit_late_minutes)),
                *await self._acts(stream, start, seen, kinds),
                *await self._disclosed(stream, kinds),
                *await _silences(stream, kinds),
                *await of_retention(stream, kinds.numbers),
                *await self._corrections(connection, start, kinds),
                *await self._policies(connection, stream, kinds),
                *unknown_numbers(checks),
                *_misuses(kinds),
                *await _accounts(stream, kinds),
                *await _contradictions(stream, findings, kinds),
            ]
            raised = await self._raise(findings, found)
            acts = kinds.numbers(EvidenceCustodyRecorded)
            said_later = await corrections(stream, acts, self._software)
            for finding_id, step in [*said_later, *found_later(checks, self._software)]:
                await findings.remark(finding_id, step)
            await stream.advance("entries", seen[-1].seq + 1)
            return raised

    async def _check_gaps(self) -> int | None:
        """Run the rules that miss an entry, over entries so old that it would have come; return the new findings.

        Services publish in order, but audit appends topics in any order among each other.
        """
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
            found += await _enforcements(connection, start, end)
            await stream.advance("gaps", end)
            return await self._raise(Findings(connection, self._runtime.service), found)

    async def _check_calendar(self) -> int:
        """Raise a finding if the newest sign-off is too old, and one for each audit that was drawn so long ago and is
        not signed off (policy 468.6(c)); return the count.

        Else an audit with an awkward access could stay unsigned as long as later ones are signed off.
        """
        now, days = self._runtime.clock.now(), self._settings.audit_due_days
        due = timedelta(days=days)
        async with self._runtime.db.begin() as connection:
            audits = Audits(connection)
            found = [
                a_finding(
                    "audit_overdue",
                    "audit",
                    now,
                    audit_id,
                    audit_id=str(audit_id),
                    since=drawn_at.isoformat(),
                    due_after_days=days,
                )
                for audit_id, drawn_at in await audits.unsigned(now - due)
            ]
            last = await audits.last_signed_off()
            if last is not None and now - last >= due:
                since = last.isoformat()
                found.append(
                    a_finding("audit_overdue", "audit", now, last, since=since, due_after_days=days)
                )
            return await self._raise(Findings(connection, self._runtime.service), found)

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
        self, connection: AsyncConnection, stream: Stream, kinds: Kinds
    ) -> list[FindingRaised]:
        """Record which policies services have loaded; return findings of different policies in use (ADR-0024)."""
        numbers = kinds.numbers(PolicyLoaded)
        if not numbers:
            return []
        policies = Policies(connection)
        found: dict[UUID, FindingRaised] = {}
        for start in await stream.policy_starts(numbers):
            await policies.loaded(start)
            running = await policies.running()
            if len(running) > 1:
                finding = a_finding(
                    "policies_differ", "policy", start.at, *running, digests=running
                )
                found.setdefault(finding.finding_id, finding)
        return list(found.values())

    async def _corrections(
        self, connection: AsyncConnection, start: int, kinds: Kinds
    ) -> list[FindingRaised]:
        """Return findings of people who corrected very many reads, or those of one plate again and again (ADR-0135)."""
        new = [s for s in kinds.of(ReadCorrected) if s.person_id]
        if not new:
            return []
        settings = self._settings
        limits = Limits(
            a_day=settings.audit_corrections_per_day,
            of_plate=settings.audit_plate_corrections,
            within=timedelta(days=settings.audit_plate_days),
        )
        since = before(min(s.occurred_at for s in new), limits.within)
        people = {str(s.person_id) for s in new}
        corrections = await Corrections(connection).by(people, since, new[-1].seq + 1)
        return [*unusual_corrections(corrections, start, limits)]

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

    async def _check_case_numbers(self) -> int:
        """Raise a finding if the department's case and call numbers are older than the policy says (ADR-0141)."""
        policy, now = self._runtime.policy, self._runtime.clock.now()
        if policy.cases.known_within_h is None:
            return 0
        async with self._runtime.db.begin() as connection:
            newest = await Stream(connection).newest(CaseNumbersImported, ImportedSaid)
            if newest is not None:
                late = stale_list(policy.cases, newest.content.list_as_of, None, now)
            else:
                since = await Policies(connection).first_loaded_at(policy.digest)
                late = stale_list(policy.cases, None, since, now)
            return await self._raise(Findings(connection, self._runtime.service), late)

    async def _raise(self, findings: Findings, found: Iterable[FindingRaised]) -> int:
        return await findings.raise_all(found)

    async def _acts(
        self, stream: Stream, start: int, seen: Sequence[Seen], kinds: Kinds
    ) -> list[FindingRaised]:
        """Return findings of refused accesses and searches, in the order of the entries that raise them."""
        acts = await self._recent.findings(stream, start, seen)
        found = sorted([*acts, *await self._floods(stream, kinds)], key=lambda raised: raised[0])
        return [finding for _, finding in found]

    async def _floods(self, stream: Stream, kinds: Kinds) -> list[Raised]:
        """Return findings of counted refusals. Their ids equal those of `Recent` for the same address and hour."""
        numbers = kinds.numbers(RefusalsCounted)
        if not numbers:
            return []
        return [
            (flood.seq, _flooded(flood))
            for flood in await stream.floods(numbers)
            if flood.count >= self._settings.audit_refusals
        ]

    async def _disclosed(self, stream: Stream, kinds: Kinds) -> list[FindingRaised]:
        """Return findings of people to whom all services together showed too many records in a day (ADR-0040)."""
        disclosures = [
            (s, s.disclosure)
            for s in kinds.of(RecordsDisclosed)
            if s.permission not in PUSHED and s.person_id
            if not s.person_id.startswith("system:")
        ]
        pictures = {
            s.attempt_id for s, one in disclosures if one.record_kind in PICTURES and s.attempt_id
        }
        answered = await stream.answered(pictures) if pictures else {}
        # A picture counts unless an earlier answer of the same attempt showed its record and offered it.
        counted = [
            ((str(s.person_id), s.occurred_at.astimezone(UTC).date()), s, count)
            for s, one in disclosures
            if one.record_kind not in PICTURES or not _is_answered(s, answered)
            if (count := min(one.count, MOST_COUNTED)) > 0
        ]
        added = Counter[PersonDay]()
        for about, _, count in counted:
            added[about] += count
        sums = await stream.add_disclosed(added) if added else {}
        so_far = {about: records - added[about] for about, records in sums.items()}
        limits = self._runtime.policy.limits
        found: dict[tuple[PersonDay, int], FindingRaised] = {}
        for about, s, count in counted:
            so_far[about] += count
            for limit in (limits.disclosed_finding, limits.disclosed_refused):
                if so_far[about] > limit and (about, limit) not in found:
                    found[about, limit] = _many_disclosed(s, so_far[about], limit)
        return [*found.values()]


def _is_answered(picture: Seen, answered: Mapping[UUID, int]) -> bool:
    attempt = picture.attempt_id
    return attempt is not None and answered.get(attempt, picture.seq) < picture.seq


def _many_disclosed(s: Seen, records: int, limit: int) -> FindingRaised:
    day = s.occurred_at.astimezone(UTC).date()
    details = {"count": records, "limit": limit, "since": day.isoformat()}
    return a_finding("many_disclosed", str(s.person_id), s.occurred_at, day, limit, **details)


def _flooded(flood: Flood) -> FindingRaised:
    return a_finding(
        "refused_access",
        f"address {flood.client_address}" if flood.client_address else "many addresses",
        flood.at,
        hour_of(flood.at),
        count=flood.count,
        minutes=1,
        service=flood.service,
        route=flood.route,
    )


async def _silences(stream: Stream, kinds: Kinds) -> list[FindingRaised]:
    """Return findings of cameras that send no more (broken, covered or switched off), or late data only."""
    numbers = kinds.numbers(DeviceSilenced)
    if not numbers:
        return []
    return [_silence(device) for device in await stream.silences(numbers)]


def _silence(device: SilentDevice) -> FindingRaised:
    about, said = f"device {device.device_id}", {"seq": device.seq, "device_name": device.name}
    if device.late_since is None:
        heard = device.last_heard_at
        return a_finding("device_silence", about, device.at, heard, last_heard_at=heard, **said)
    since = device.late_since
    why = "its clock may be wrong: everything since then came too late to raise a live alert"
    return a_finding("device_late", about, device.at, since, late_since=since, why=why, **said)


async def _enforcements(connection: AsyncConnection, start: int, end: int) -> list[FindingRaised]:
    """Return findings of enforcement on hits that were not verified as correct reads before (policy 468.4(f))."""
    store = Enforcements(connection)
    actions = await store.between(start, end)
    verified = await store.verifications({action.hit_id for action in actions})
    found = [unverified_enforcement(one, verified.get(one.hit_id, ())) for one in actions]
    return [finding for finding in found if finding is not None]


async def _contradictions(stream: Stream, findings: Findings, kinds: Kinds) -> list[FindingRaised]:
    """Return findings of contradictory reads of one moment; at most one open finding for each device and day."""
    numbers = kinds.numbers(ReadContradicted)
    found: dict[tuple[str, date], FindingRaised] = {}
    for one in await stream.contradictions(numbers) if numbers else ():
        about = (str(one.said["device_id"]), one.captured_on)
        if about in found or await findings.contradicts(*about):
            continue
        details = {**one.said, "seq": one.seq, "count": one.count}
        raised = a_finding(CONTRADICTING_READ, f"entry {one.seq}", one.at, one.seq, **details)
        found[about] = structs.replace(raised, captured_on=one.captured_on)
    return list(found.values())


def _misuses(kinds: Kinds) -> Iterable[FindingRaised]:
    """Yield findings of keys or account changes with identity's signature that are not identity's (ADR-0018)."""
    for entry in kinds.of(IssuerMisused):
        subject = f"entry {entry.seq}"
        yield a_finding("issuer_misused", subject, entry.occurred_at, seq=entry.seq)


async def _accounts(stream: Stream, kinds: Kinds) -> list[FindingRaised]:
    """Return findings of account changes from identity that an auditor should review."""
    numbers = kinds.numbers(AccountChanged)
    return of_accounts(await stream.account_changes(numbers)) if numbers else []


def _late(seen: Sequence[Seen], after: timedelta) -> Iterable[FindingRaised]:
    """Return findings of entries appended long after their events, which show that an outbox or the log stopped."""
    found: dict[tuple[str, str], FindingRaised] = {}
    for entry in seen:
        delay = entry.appended_at - entry.occurred_at
        if delay > after:
            about = entry.service, hour_of(entry.appended_at)
            if about not in found:
                found[about] = a_finding(
                    "late_entries",
                    entry.service,
                    entry.appended_at,
                    about[1],
                    first_seq=entry.seq,
                    delay_s=int(delay.total_seconds()),
                )
    return found.values()
