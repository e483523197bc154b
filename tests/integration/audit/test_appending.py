"""Appends in several batches: one is stored while the next is made, and every column is as the entry has it."""

import asyncio
from datetime import UTC, date, datetime

import msgspec
import pytest

from services.audit.actions.preparation import prepare
from services.audit.domain.entries import EntryFields
from services.audit.domain.sealing import Unreadable
from services.audit.store.values import Values
from services.audit.workers.erasing import Eraser
from shared.core.errors import InternalFault
from shared.events import SessionChanged
from shared.kafka.consumer import SomeRefused
from shared.testing import eventually
from tests.integration.audit.conftest import a_disclosure, an_actor, an_attempt
from tests.integration.audit.erasing import OLD, purge
from tests.integration.audit.messages import message_of, with_right_mac
from tests.integration.audit.sealed_events import a_hit, verdict

__all__ = ["purge", "verdict"]

BATCH = 7
FOUND = ", ".join(EntryFields.__struct_fields__)


@pytest.fixture
def in_batches(writer, monkeypatch):
    monkeypatch.setattr(writer, "_batch", BATCH)


def accesses(clock, count):
    attempts = [an_attempt(clock) for _ in range(count)]
    return [event for one in attempts for event in (one, a_disclosure(clock, one))]


def ids(messages):
    return [prepare(message).event_id for message in messages]


@pytest.mark.clause("468.6/unalterable")
async def test_batches_are_appended_in_order_and_all_refused_messages_are_reported(
    in_batches, writer, clock, query, sound
):
    messages = [message_of(event) for event in accesses(clock, 2 * BATCH)]
    forged = {2, BATCH + 3, 3 * BATCH}
    for place in forged:
        messages[place] = messages[place]._replace(key=b"forged")
    with pytest.raises(SomeRefused) as raised:
        await writer.append(messages)
    assert [m for m, _ in raised.value.refused] == [messages[place] for place in sorted(forged)]
    logged = await query("SELECT event_id FROM entries ORDER BY seq")
    proving = [one for place, one in enumerate(messages) if place not in forged]
    assert [row.event_id for row in logged] == ids(proving)
    await sound()


@pytest.mark.clause("468.6/unalterable")
@pytest.mark.parametrize("place", [0, BATCH, 2 * BATCH + 1])
async def test_an_unreadable_message_stops_its_batch_and_leaves_no_gap(
    in_batches, writer, clock, query, sound, place
):
    messages = [message_of(event) for event in accesses(clock, 2 * BATCH)]
    whole = messages[place]
    messages[place] = whole._replace(value=b"not json")
    with pytest.raises(Unreadable):
        await writer.append(messages)
    refused = ids([whole, *messages[place + 1 :]])
    assert await query("SELECT 1 FROM entries WHERE event_id = ANY(:ids)", ids=refused) == []
    messages[place] = whole
    await writer.append(messages)
    await writer.append(messages)
    assert await query("SELECT count(*), max(seq) FROM entries") == [(4 * BATCH, 4 * BATCH - 1)]
    await sound()


@pytest.mark.clause("468.6/unalterable")
async def test_a_batch_that_contradicts_the_log_is_refused_and_the_next_is_not_stored(
    in_batches, writer, clock, query, sound
):
    events = [an_attempt(clock) for _ in range(3 * BATCH)]
    await writer.append([message_of(events[BATCH])])
    events[BATCH] = msgspec.structs.replace(events[BATCH], allowed=False)
    with pytest.raises(InternalFault, match="with other content"):
        await writer.append([message_of(event) for event in events])
    assert await query("SELECT count(*) FROM entries") == [(1 + BATCH,)]
    await sound()


async def test_a_cancelled_append_leaves_no_task_and_no_part_of_a_batch(
    in_batches, writer, clock, query, sound, monkeypatch
):
    messages = [message_of(an_attempt(clock)) for _ in range(3 * BATCH)]
    entered, real = asyncio.Event(), writer._sign

    async def stuck(*arguments):
        entered.set()
        await asyncio.sleep(3600)
        return await real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(writer, "_sign", stuck)
        patched.setattr(writer, "_every", 1)
        append = asyncio.create_task(writer.append(messages))
        await entered.wait()
        append.cancel()
        with pytest.raises(asyncio.CancelledError):
            await append
    assert [task for task in asyncio.all_tasks() if "_store" in repr(task.get_coro())] == []
    await eventually(lambda: query("SELECT count(*) = 0 FROM entries"), within_s=10)
    await writer.append(messages)
    assert await query("SELECT count(*) FROM entries") == [(3 * BATCH,)]
    await sound()


@pytest.mark.clause("wall/erasing")
async def test_a_batch_sealed_before_an_erasing_is_sealed_again_although_the_next_has_new_keys(
    app, writer, clock, purge, deliver, query, runtime, verdict, monkeypatch
):
    """An erasing commits while a batch waits; the next batch learns the new epoch before the first is stored."""
    at = datetime(OLD.year, OLD.month, OLD.day, 9, tzinfo=UTC)
    await deliver(a_hit(clock, captured_at=at))
    await purge(follow=False)
    late = message_of(a_hit(clock, captured_at=at), "hotlist")
    other = message_of(a_hit(clock, captured_at=clock.now()), "hotlist")
    made, batches = asyncio.Event(), []
    of, store = writer._batches.of, writer._store

    async def of_and_erase(messages):
        batches.append(await of(messages))
        if len(batches) == 1:
            await Eraser(runtime, type(writer)(runtime, runtime.settings)).catch_up()
        else:
            made.set()
        return batches[-1]

    async def store_later(batch):
        await made.wait()
        return await store(batch)

    monkeypatch.setattr(writer, "_batch", 1)
    monkeypatch.setattr(writer._batches, "of", of_and_erase)
    monkeypatch.setattr(writer, "_store", store_later)
    await writer.append([late, other])
    assert batches[0].epoch != batches[1].epoch
    numbers = await query("SELECT number FROM day_keys WHERE day = :day ORDER BY 1", day=OLD)
    assert [row.number for row in numbers] == [0, 1]
    assert (await verdict()).ok


@pytest.mark.clause("wall/erasing")
async def test_a_batch_sealed_with_keys_of_two_epochs_is_stale(
    app, writer, clock, purge, deliver, runtime, monkeypatch
):
    at = datetime(OLD.year, OLD.month, OLD.day, 9, tzinfo=UTC)
    await deliver(a_hit(clock, captured_at=at))
    await purge(follow=False)
    monkeypatch.setattr("services.audit.actions.batches._AT_ONCE", 1)
    keys, real = writer._keys, writer._keys.of
    calls = []

    async def of(days):
        calls.append(days)
        if len(calls) == 2:
            await Eraser(runtime, type(writer)(runtime, runtime.settings)).catch_up()
        return await real(days)

    monkeypatch.setattr(keys, "of", of)
    hits = [a_hit(clock, captured_at=moment) for moment in (at, clock.now())]
    batch = await writer._batches.of([message_of(hit, "hotlist") for hit in hits])
    async with runtime.db.begin() as connection:
        assert await Values(connection).epoch() == 1 != batch.epoch


ODD_TIMES = ("1970-01-01T00:00:00.000001Z", "1999-12-31T23:59:59.999999Z", "2027-06-01T23:00:00Z")


@pytest.mark.parametrize("at", ODD_TIMES)
async def test_every_column_is_what_the_entry_says(app, writer, clock, query, sound, runtime, at):
    said = {
        "occurred_at": at,
        "service": "retention",
        "actor": {"person_id": "p-ß", "name": "Ö" * 150},
        "elements": {"plates": ["7ABC123", "*12"]},
        "client_address": "",
    }
    odd = message_of(an_attempt(clock))._replace(value=msgspec.json.encode(said))
    session = SessionChanged(
        occurred_at=clock.now(),
        actor=an_actor(),
        change="refused",
        session_id=None,
        account_id=None,
    )
    bare, full = (
        a_disclosure(clock, an_attempt(clock), record_ids=names, plates=plates, day=day)
        for names, plates, day in (
            ((), (), date(2000, 1, 1)),
            (("ü", "r2"), ("7ABC123", "*9"), None),
        )
    )
    messages = [
        with_right_mac(odd),
        message_of(session, "identity"),
        *map(message_of, (bare, full)),
    ]
    await writer.append(messages)
    keys = await writer._keys.of({g.day for m in messages for g in prepare(m).groups})
    entries = [prepare(message).entry(keys.by_day) for message in messages]
    rows = await query(f"SELECT entry, leaf_hash, appended_at, {FOUND} FROM entries ORDER BY seq")
    assert [tuple(row) for row in rows] == [
        (one.content, one.leaf, clock.now(), *msgspec.structs.astuple(one.found)) for one in entries
    ]
    async with runtime.db.begin() as connection:
        stored = await Values(connection).of_span(0, len(entries))
    assert stored == {n: [*one.values] for n, one in enumerate(entries) if one.values}
    assert len(stored) == 2
    await sound()
