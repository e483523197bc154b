"""Passes are voted in sets: as if one device and one span were decided after the other (ADR-0062)."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from services.retention.domain.passes import Rules
from services.retention.domain.plates import plate_of
from services.retention.store import pass_queue
from services.retention.workers import passes
from shared.events import Box, Character
from shared.postgres.database import driver_of
from tests.integration.retention.conftest import SETTLE_S, a_read
from tests.integration.retention.plain_passes import PlainPasses

START = datetime(2026, 6, 1, 11, 0, tzinfo=UTC)
DEVICES = [UUID(int=100 + n) for n in range(4)]
PLATES = ["7ABC123", "7ABC124", "8XYZ987", "1QQQ000", "1OOO000"]
SETTLE = timedelta(seconds=SETTLE_S)


def traffic(rnd):
    """Return reads of several vehicles and cameras, some close together, in the order of their arrival."""
    arriving = []
    for number in range(60):
        device, plate = rnd.choice(DEVICES), rnd.choice(PLATES)
        framed, begin_s = rnd.random() < 0.5, rnd.uniform(0, 120)
        for n in range(rnd.choice([1, 1, 2, 3, 9, 30])):
            seen = plate.replace("1", "I", 1) if rnd.random() < 0.15 else plate
            sure = rnd.uniform(0.4, 0.99)
            at_s = begin_s + round(n * rnd.uniform(0.3, 1.0), 1)
            frame = {
                "source": "recognition",
                "characters": [Character(text, sure) for text in seen],
                "box": Box(300 + 30 * n, 300, 120, 40),
            }
            read = a_read(
                seen,
                START + timedelta(seconds=round(at_s, 1), microseconds=10 * number + n),
                device_id=device,
                confidence=sure,
                **(frame if framed else {}),
            )
            arriving.append((at_s + rnd.choice([0, 1, 30, 60]) * rnd.random(), n, read))
    arriving.sort(key=lambda one: one[:2])
    return [read for *_, read in arriving]


async def stored(retention):
    """Return what the tables have: the plates of passes, the membership of reads, the due spans, the open passes."""
    plates = await retention.fetch("SELECT pass_id, plate_id FROM passes")
    members = await retention.fetch("SELECT read_id, pass_id, late FROM pass_reads")
    due = await retention.fetch("SELECT device_id, first_at, last_at FROM pass_due")
    open_passes = await retention.fetch(
        "SELECT pass_id, device_id, first_at, last_at, reads, surest_id FROM open_passes"
    )
    return (
        {pass_id: plate_of(number) for pass_id, number in plates},
        {read_id: (pass_id, late) for read_id, pass_id, late in members},
        sorted(map(tuple, due)),
        {pass_id: tuple(rest) for pass_id, *rest in open_passes},
    )


@pytest.mark.clause("468.5/passes-in-sets")
@pytest.mark.parametrize(("most", "at_once"), [(15, 15), (15, 5000), (5000, 60)])
async def test_processing_in_sets_gives_the_same_passes_as_one_span_at_a_time(
    retention, monkeypatch, most, at_once
):
    rnd = random.Random(most + at_once)
    monkeypatch.setattr(pass_queue, "MOST_READS", most)
    monkeypatch.setattr(passes, "READS_AT_ONCE", at_once)
    rules = Rules(gap=timedelta(seconds=3), longest=timedelta(seconds=12))
    monkeypatch.setattr(retention.running.passes, "_rules", rules)
    plain = PlainPasses(rules, most)
    reads, known, opened = traffic(rnd), [], set()
    while reads or plain.due or plain.open:
        batch = [reads.pop(0) for _ in range(min(len(reads), rnd.choice([2, 10, 25])))]
        batch += rnd.sample(known, min(len(known), rnd.choice([0, 0, 2])))  # Kafka delivers again
        known += batch
        if batch:
            await retention.running.recorder.reads(batch)
            plain.store(batch, retention.clock.now())
        retention.clock.advance(seconds=rnd.choice([0, 1, 4, 6, 6, 12]))
        await retention.running.passes.work()
        plain.work(retention.clock.now() - SETTLE)
        spans = sorted((device, *span) for device, span, _ in plain.due)
        open_passes = {
            pass_id: (device_id, one.first_at, one.last_at, one.reads, one.surest.read_id)
            for pass_id, (device_id, one) in plain.open.items()
        }
        assert await stored(retention) == (plain.plates, plain.members, spans, open_passes)
        opened |= open_passes.keys()
    assert any(late for _, late in plain.members.values())
    assert len(plain.plates) > 10
    assert len(opened & plain.plates.keys()) > 3


@pytest.mark.clause("468.5/passes-in-sets")
async def test_spans_that_share_a_closed_pass_are_processed_one_after_the_other(
    retention, monkeypatch
):
    """The late read of the first span lengthens the pass: with that of the second one it would be too long."""
    rules = Rules(gap=timedelta(seconds=3), longest=timedelta(seconds=17))
    monkeypatch.setattr(retention.running.passes, "_rules", rules)
    car = [a_read("7ABC123", START + timedelta(seconds=n)) for n in (0, 3, 6, 9, 12, 15)]
    await retention.store(*car)
    retention.clock.advance(seconds=11)
    await retention.running.passes.work()
    before, after = (a_read("7ABC123", START + timedelta(seconds=n)) for n in (-1, 17))
    await retention.store(after)
    await retention.store(before)
    retention.clock.advance(seconds=11)
    await retention.running.passes.work()
    plates, members, due, open_passes = await stored(retention)
    assert (len(plates), due, open_passes) == (1, [], {})
    assert {read_id for read_id, (_, late) in members.items() if late} == {before.read_id}


@pytest.mark.clause("468.5/passes-in-sets")
async def test_a_pass_stays_open_for_a_due_span_that_is_decided_after_another_one(
    retention, monkeypatch
):
    """Both spans are settled, too far apart to be decided together, and each is near the open pass."""
    rules = Rules(gap=timedelta(seconds=3), longest=timedelta(seconds=17))
    monkeypatch.setattr(retention.running.passes, "_rules", rules)
    await retention.store(*[a_read("7ABC123", START + timedelta(seconds=n)) for n in (0, 2, 4)])
    retention.clock.advance(seconds=5)
    for n in (-2, 6):
        await retention.store(a_read("7ABC123", START + timedelta(seconds=n)))
    retention.clock.advance(seconds=6)
    await retention.running.passes.work()
    plates, _, due, open_passes = await stored(retention)
    assert (len(plates), len(due), len(open_passes)) == (0, 2, 1)
    retention.clock.advance(seconds=5)
    await retention.running.passes.work()
    plates, members, due, open_passes = await stored(retention)
    assert (len(plates), len(members), due, open_passes) == (1, 5, [], {})
    assert not any(late for _, late in members.values())


async def test_the_backlog_of_the_vote_is_in_the_metrics(retention):
    async def figures():
        lines = (await retention.client.get("/metrics")).text.splitlines()
        values = dict(line.rsplit(" ", 1) for line in lines if line.startswith("alpr_passes_"))
        names = ("waiting", "waiting_reads", "behind_seconds")
        return [float(values[f"alpr_passes_{name}"]) for name in names]

    devices = [UUID(int=n) for n in (1, 2)]
    await retention.store(
        *[
            a_read("7ABC123", START + timedelta(seconds=n), device_id=d)
            for d in devices
            for n in range(3)
        ]
    )
    await retention.running.passes.work()
    assert await figures() == [2, 6, 0]
    retention.clock.advance(seconds=25)
    await retention.running.passes.work()
    assert (await figures())[2] == 15  # when the turn began
    await retention.running.passes.work()
    assert await figures() == [0, 0, 0]


async def test_the_reads_of_closed_passes_are_looked_up_and_no_month_is_scanned(
    retention, as_owner
):
    """With a month so large, and passes of so many reads, that the planner would rather scan it."""
    await retention.store(a_read("7ABC123", START), a_read("7ABC123", START - timedelta(days=31)))
    async with as_owner("retention") as connection:
        for statement in (
            "INSERT INTO reads (read_id, captured_at, received_at, plate_id, confidence, device_id, agency_ori,"
            " plate_as_read, source, model) SELECT gen_random_uuid(), r.captured_at + n * interval '50 ms',"
            " r.received_at, r.plate_id, r.confidence, r.device_id, r.agency_ori, r.plate_as_read, r.source, r.model"
            " FROM reads r, generate_series(1, 10000) n",
            "INSERT INTO passes (pass_id, first_at, last_at, plate_id, confidence, device_id, best_read_id, agency_ori,"
            " details) SELECT gen_random_uuid(), captured_at, captured_at, plate_id, 0.9, device_id, read_id,"
            " agency_ori, '{}' FROM reads WHERE read_id < '80000000-0000-0000-0000-000000000000'",
            "INSERT INTO pass_reads (read_id, captured_at, pass_id, late)"
            " SELECT best_read_id, first_at, pass_id, false FROM passes",
            "ANALYZE reads, passes, pass_reads",
        ):
            await connection.execute(text(statement))
    async with retention.runtime.db.begin() as connection:
        some = list(
            (await connection.execute(text("SELECT pass_id FROM passes LIMIT 2000"))).scalars()
        )
        driver = await driver_of(connection)
        rows = await driver.fetch(f"EXPLAIN {pass_queue.OF_PASSES}", some)
    plan = "\n".join(row[0] for row in rows)
    assert "Nested Loop" in plan
    assert " Join" not in plan
