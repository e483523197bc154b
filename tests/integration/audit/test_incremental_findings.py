"""The rules give the same findings, however many entries they process at once, and whichever process does so."""

from datetime import timedelta
from random import Random

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from services.audit.store.stream import Stream
from services.audit.workers import recent, watch
from services.audit.workers.watch import Watch
from shared.core.errors import Unavailable
from shared.core.policy import Policy
from shared.core.problem_codes import Common
from shared.events import (
    DisclosedDay,
    DisclosedRecord,
    PurposeRecord,
    RecordsDisclosed,
    RefusalsCounted,
)
from shared.postgres.disclosed_records import AS_SEARCHES, SEARCHED_HOLD
from tests.integration.audit.conftest import (
    a_correction,
    a_disclosure,
    an_actor,
    an_attempt,
)

EVENTS = 120
PLATES = ("7ABC123", "7ABC12?", "7AB*123", "8XYZ999", "8XYZ9??", "4JKL456")
WHOLE_PLATES = ("7ABC123", "8XYZ999", "4JKL456")
CASES = ("26-1", "26-2", "26-3", None)
KINDS = (
    "search",
    "search",
    "look",
    "look",
    "refusal",
    "refusal",
    "unknown",
    "flood",
    "shown",
    "shown",
    "correction",
    "correction",
    "correction",
)


@pytest.fixture
def audit_settings(audit_settings):
    limits = {
        "audit_refusals": 3,
        "audit_searches_per_hour": 2,
        "audit_plate_searches": 4,
        "audit_corrections_per_day": 2,
        "audit_plate_corrections": 3,
    }
    return audit_settings.model_copy(update=limits)


@pytest.fixture
def policy(policy: Policy):
    return replace(
        policy, limits=replace(policy.limits, disclosed_finding=10, disclosed_refused=20)
    )


def a_hold_search(attempt, plate, record_kind=SEARCHED_HOLD):
    """Return the disclosure that a person looked at what a hold of a plate keeps, or listed the plate."""
    return RecordsDisclosed(
        occurred_at=attempt.occurred_at,
        attempt_id=attempt.attempt_id,
        actor=attempt.actor,
        service="retention",
        permission="hold:manage",
        record_kind=record_kind,
        records=[DisclosedDay(shown=[DisclosedRecord(record_id="hold", plates=[plate])])],
        count=0,
        request_id=attempt.request_id,
        purpose=attempt.purpose,
    )


def some_events(clock, chosen):
    """Return an event or two of a person of three: on time, hours late, or weeks late."""
    kind = chosen.choice(KINDS)
    late = timedelta(minutes=chosen.choice((0, 0, 0, 3, 100, 60_000)))
    person = an_actor(f"person-{chosen.randrange(3)}", "Officer")
    changes = {
        "actor": person,
        "occurred_at": clock.now() - late,
        "elements": {"body": {"plate": chosen.choice(PLATES)}},
        "purpose": PurposeRecord(kind="audit", case_number=chosen.choice(CASES)),
    }
    if kind == "search":
        return [an_attempt(clock, **changes)]
    if kind == "look":
        attempt = an_attempt(clock, **changes, permission="hold:manage")
        kind = chosen.choice(sorted(AS_SEARCHES))
        return [a_hold_search(attempt, chosen.choice(PLATES), kind)]
    if kind == "refusal":
        return [an_attempt(clock, **changes, allowed=False)]
    if kind == "correction":
        before, plate = chosen.sample(WHOLE_PLATES, 2)
        return [a_correction(changes["occurred_at"], before, plate, actor=person)]
    if kind == "unknown":
        return [an_attempt(clock, **changes | {"actor": None}, allowed=False)]
    if kind == "flood":
        flood = RefusalsCounted(
            occurred_at=clock.now(),
            service="ingest",
            client_address="192.0.2.7",
            route="guard",
            count=3,
            since=clock.now(),
            until=clock.now(),
            allowed=False,
        )
        return [flood]
    attempt = an_attempt(clock, **changes)
    answer = a_disclosure(clock, attempt, count=chosen.randrange(5, 15))
    picture = a_disclosure(clock, attempt, count=1, record_kind="crop")
    return chosen.choice(([attempt, answer], [attempt, picture], [attempt, answer, picture]))


@pytest.fixture
async def logged(deliver, clock):
    """A log of random events over some weeks, in bursts."""
    chosen = Random(1)
    for _ in range(EVENTS // 10):
        events = []
        for _ in range(10):
            events += some_events(clock, chosen)
            clock.advance(minutes=chosen.choice((1, 1, 9)))
        await deliver(*events)
        clock.advance(hours=chosen.choice((0, 1, 40)))


@pytest.fixture
def findings_of(logged, as_owner, query):
    """Process the whole log from the start, with processes that alternate at random; return all findings."""

    async def run(processes):
        async with as_owner("audit") as connection:
            for table in ("finding_steps", "findings", "cursors", "disclosed_days"):
                await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
                await connection.execute(text(f"DELETE FROM {table}"))
                await connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
        chosen = Random(2)
        while await chosen.choice(processes)._check() is not None:
            pass
        return await query("SELECT * FROM findings ORDER BY finding_id")

    return run


@pytest.fixture
def findings_by(findings_of, runtime, monkeypatch):
    """The findings of one process, or of two that alternate, with so many entries at once."""

    async def run(size, processes=1):
        monkeypatch.setattr(watch, "LIMIT", size)
        return await findings_of([Watch(runtime, runtime.settings) for _ in range(processes)])

    return run


@pytest.mark.clause("468.3.1(c)/increments")
async def test_findings_do_not_depend_on_the_size_of_a_batch_or_on_the_process(
    findings_by, findings_of, runtime, monkeypatch
):
    expected = await findings_by(1)
    assert {row.kind for row in expected} == {
        "late_entries",
        "many_corrections",
        "many_disclosed",
        "many_searches",
        "refused_access",
        "repeated_correction",
        "repeated_plate_search",
    }
    assert len(expected) > 30
    for size in (7, 1000):
        assert await findings_by(size) == expected, size
    assert await findings_by(7, processes=2) == expected
    monkeypatch.setattr(recent, "MOST_FOLLOWED", 0)  # each reads what it needs anew
    assert await findings_by(7, processes=2) == expected
    monkeypatch.setattr(recent, "MOST_ACTS", 0)  # acts do not stay in memory
    assert await findings_by(7) == expected


@pytest.mark.clause("468.3.1(c)/increments")
async def test_a_rolled_back_run_does_not_change_the_findings(
    findings_by, findings_of, runtime, monkeypatch
):
    expected = await findings_by(20)
    process = Watch(runtime, runtime.settings)
    chosen, raised = Random(3), Watch._raise

    async def fails(self, findings, found):
        result = await raised(self, findings, found)
        if chosen.random() < 0.4:
            raise ZeroDivisionError
        return result

    monkeypatch.setattr(Watch, "_raise", fails)

    class Retried:
        async def _check(self):
            while True:
                try:
                    return await process._check()
                except ZeroDivisionError:
                    continue

    assert await findings_of([Retried()]) == expected


@pytest.mark.clause("468.3.1(c)/increments")
async def test_a_query_of_searches_that_failed_does_not_change_the_findings(
    findings_by, findings_of, runtime, monkeypatch
):
    """Postgres goes away just then: the run is repeated, and what it had read by then counts no more."""
    expected = await findings_by(3)
    chosen, asked = Random(5), Stream.searches

    async def fails(self, *values, **more):
        if chosen.random() < 0.5:
            raise Unavailable(Common.DATABASE_AWAY)
        return await asked(self, *values, **more)

    monkeypatch.setattr(Stream, "searches", fails)

    class Retried:
        async def _check(self):
            process = Watch(runtime, runtime.settings)  # just started, so it knows no acts yet
            while True:
                try:
                    return await process._check()
                except Unavailable:
                    continue

    assert await findings_of([Retried()]) == expected


@pytest.mark.clause("468.3.1(c)/increments")
@pytest.mark.parametrize(
    ("pause", "late", "restarted"), [(2880, 2, False), (63, 5, True)], ids=["dropped", "restarted"]
)
async def test_a_late_search_counts_with_those_of_its_hour_that_memory_lacks(
    deliver, clock, runtime, query, pause, late, restarted
):
    process = Watch(runtime, runtime.settings)
    person, began = an_actor("person-1", "Officer"), clock.now()

    async def searched(at):
        await deliver(an_attempt(clock, actor=person, occurred_at=at, elements={}))
        while await process._check() is not None:
            pass
        return await query("SELECT * FROM findings WHERE kind = 'many_searches'")

    assert await searched(began) == []
    assert await searched(began + timedelta(minutes=1)) == []
    clock.advance(minutes=pause)
    if restarted:
        process = Watch(runtime, runtime.settings)
    assert await searched(clock.now()) == []
    assert len(await searched(began + timedelta(minutes=late))) == 1


@pytest.mark.clause("468.3.1(c)/increments")
async def test_refusals_that_an_earlier_process_handled_count_after_a_restart(
    deliver, clock, runtime, query
):
    person = an_actor("person-1", "Officer")
    for number in range(1, 4):  # the limit is 3
        clock.advance(minutes=1)
        await deliver(an_attempt(clock, actor=person, occurred_at=clock.now(), allowed=False))
        process = Watch(runtime, runtime.settings)
        while await process._check() is not None:
            pass
        found = await query("SELECT * FROM findings WHERE kind = 'refused_access'")
        assert len(found) == (1 if number == 3 else 0)


@pytest.mark.clause("468.3.1(c)/increments")
async def test_refusals_count_although_the_query_of_the_earlier_ones_failed_first(
    deliver, clock, runtime, query, monkeypatch
):
    person = an_actor("person-1", "Officer")
    for _ in range(3):  # the limit is 3
        clock.advance(minutes=1)
        await deliver(an_attempt(clock, actor=person, occurred_at=clock.now(), allowed=False))
    monkeypatch.setattr(watch, "LIMIT", 2)
    await Watch(runtime, runtime.settings)._check()
    process, asked = Watch(runtime, runtime.settings), Stream.refusals

    async def fails(self, *values):
        raise Unavailable(Common.DATABASE_AWAY)

    monkeypatch.setattr(Stream, "refusals", fails)
    with pytest.raises(Unavailable):
        await process._check()
    monkeypatch.setattr(Stream, "refusals", asked)
    await process.catch_up()
    assert len(await query("SELECT * FROM findings WHERE kind = 'refused_access'")) == 1


@pytest.mark.clause("468.3.1(c)/increments")
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_late_refusal_counts_with_those_of_the_minutes_before_it(
    deliver, clock, runtime, query, restarted
):
    process = Watch(runtime, runtime.settings)
    person, other = an_actor("person-1", "Officer"), an_actor("person-2", "Another")
    began = clock.now()

    async def refused(actor, minutes):
        at = began + timedelta(minutes=minutes)
        await deliver(an_attempt(clock, actor=actor, occurred_at=at, allowed=False))
        while await process._check() is not None:
            pass
        return await query("SELECT * FROM findings WHERE kind = 'refused_access'")

    assert await refused(person, 0) == []
    assert await refused(person, 1) == []
    clock.advance(minutes=70)
    if restarted:
        process = Watch(runtime, runtime.settings)
    assert await refused(other, 70) == []
    assert len(await refused(person, 12)) == 1


@pytest.mark.clause("468.3.1(c)/held-searches")
@pytest.mark.parametrize(
    ("days", "expected"),
    [((0, 9, 18, 27), 1), ((27, 18, 9, 0), 1), ((0, 11, 22, 33), 0)],
    ids=["in order", "late", "too far apart"],
)
@pytest.mark.parametrize("restarted", [False, True], ids=["one process", "restarted"])
@pytest.mark.parametrize("kind", sorted(AS_SEARCHES))
@pytest.mark.clause("468.3.1(c)/listed-plates")
async def test_looks_at_a_hold_count_with_those_of_thirty_days_also_after_a_restart(
    deliver, clock, runtime, query, days, expected, restarted, kind
):
    process, person = Watch(runtime, runtime.settings), an_actor("person-1", "Officer")
    began, delivered = clock.now(), 0
    for day in days:  # the limit is 4
        clock.advance(days=max(0, day - delivered))
        delivered = max(day, delivered)
        at = began + timedelta(days=day)
        attempt = an_attempt(clock, actor=person, occurred_at=at, permission="hold:manage")
        await deliver(a_hold_search(attempt, "7ABC123", kind))
        if restarted:
            process = Watch(runtime, runtime.settings)
        while await process._check() is not None:
            pass
    found = await query("SELECT 1 FROM findings WHERE kind = 'repeated_plate_search'")
    assert len(found) == expected


@pytest.mark.clause("468.3.1(c)/held-searches")
async def test_other_entries_that_say_the_kind_of_a_look_are_none(deliver, clock, runtime, query):
    """Postgres looks for the kind in the whole entry, also where a caller could write it."""
    person = an_actor("person-1", "Officer")
    purpose = PurposeRecord(kind="audit", justification=SEARCHED_HOLD)
    for _ in range(8):
        attempt = an_attempt(
            clock, actor=person, permission="hold:manage", purpose=purpose, elements={}
        )
        shown = replace(a_hold_search(attempt, "7ABC123"), record_kind="hold")
        await deliver(attempt, shown)
        clock.advance(seconds=1)
        await Watch(runtime, runtime.settings)._check()
    assert await query("SELECT kind FROM findings WHERE kind LIKE '%search%'") == []
