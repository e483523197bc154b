"""The log on a real Postgres: once each, no gaps, append-only, and every alteration is found."""

import asyncio
from base64 import b64decode
from hashlib import sha256

import msgspec
import pytest
from sqlalchemy.exc import DBAPIError

from services.audit.actions.writer import Writer
from services.audit.domain.proofs import verify_consistency, verify_inclusion
from services.audit.domain.sealing import Unreadable
from services.audit.workers.scheduler import Scheduler
from shared.core.errors import InternalFault, Unavailable
from shared.core.signed_notes import Checkpoint, Signer
from shared.events import AccessAttempted, CheckpointSigned, FindingRaised, HitRaised
from shared.kafka.topics import TOPICS
from shared.testing import eventually
from tests.integration.audit.conftest import SEED, a_disclosure, an_attempt
from tests.integration.audit.messages import message_of, with_right_mac


@pytest.mark.clause("468.6/unalterable")
async def test_an_event_is_logged_unchanged_with_its_hashes(deliver, query, clock, bus):
    attempt = an_attempt(clock)
    await bus.publish([attempt])
    [record] = bus.records
    bus.records.clear()
    await deliver(attempt)
    [row] = await query("SELECT * FROM entries")
    assert row.seq == 0
    entry = msgspec.json.decode(row.entry)
    assert entry["id"] == str(attempt.event_id)
    assert entry["type"] == "alpr.access.attempted.v1"
    assert entry["specversion"] == "1.0"
    assert b'"data":' + record.value in row.entry
    assert row.leaf_hash == sha256(b"\x00" + row.entry).digest()
    assert row.entry_hash == sha256(bytes(32) + row.leaf_hash).digest()
    assert (row.kind, row.person_id, row.plates) == (
        "access.attempted",
        attempt.actor.person_id,
        ["7ABC123"],
    )
    assert (row.purpose_kind, row.case_number) == ("criminal_investigation", "26-001234")


@pytest.mark.clause("468.6/unalterable")
async def test_every_audited_topic_is_subscribed():
    from services.audit.events import AUDITED

    assert {topic.event for topic in TOPICS.values() if topic.audited} == set(AUDITED)
    assert {AccessAttempted, HitRaised} <= set(AUDITED)
    assert CheckpointSigned not in AUDITED


@pytest.mark.clause("468.6/unalterable")
async def test_a_redelivered_event_is_logged_once(deliver, query, clock, sound):
    events = [an_attempt(clock) for _ in range(50)]
    await deliver(*events, *events[:10])
    await deliver(*events)
    await deliver(*events[20:], an_attempt(clock))
    [(count, last)] = await query("SELECT count(*), max(seq) FROM entries")
    assert (count, last) == (51, 50)
    await sound()


@pytest.mark.clause("468.6/unalterable")
async def test_a_batch_that_fails_before_its_commit_leaves_no_gap(
    deliver, writer, query, clock, sound, monkeypatch
):
    await deliver(*[an_attempt(clock) for _ in range(5)])
    lost = [an_attempt(clock) for _ in range(300)]

    async def killed(*_):
        raise ConnectionResetError("the process was killed before its commit")

    with monkeypatch.context() as patched:
        patched.setattr(writer, "_sign", killed)
        patched.setattr(writer, "_every", 1)
        with pytest.raises(Unavailable):
            await deliver(*lost)
    assert await query("SELECT max(seq) FROM entries") == [(4,)]
    await deliver(*lost)
    [(count, last)] = await query("SELECT count(*), max(seq) FROM entries")
    assert (count, last) == (305, 304)
    await sound()


async def test_a_batch_whose_database_backend_is_terminated_is_rolled_back(
    runtime, query, clock, sound, deliver
):
    from sqlalchemy import text

    from services.audit.actions.preparation import prepare
    from services.audit.store.log import Head, Log

    await deliver(an_attempt(clock))

    async def append_and_be_terminated():
        async with runtime.db.begin() as connection:
            log = Log(connection)
            await log.lock()
            head = await log.head(Head())
            entries = [prepare(message_of(an_attempt(clock))).entry({}) for _ in range(100)]
            await log.append(head, entries, clock.now())
            pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            await query("SELECT pg_terminate_backend(:pid)", pid=pid)
            await connection.execute(text("SELECT 1"))

    with pytest.raises(Unavailable):
        await append_and_be_terminated()
    assert await query("SELECT count(*) FROM entries") == [(1,)]
    await deliver(an_attempt(clock))
    await sound()


@pytest.mark.clause("468.6/unalterable")
async def test_concurrent_writers_append_to_one_log(app, runtime, clock, query, sound):
    writers = [Writer(runtime, runtime.settings) for _ in range(4)]
    batches = [[message_of(an_attempt(clock)) for _ in range(40)] for _ in range(12)]
    shared = [message_of(an_attempt(clock)) for _ in range(30)]
    await asyncio.gather(
        *(
            writers[number % 4].append([*batch, *shared[number : number + 10]])
            for number, batch in enumerate(batches)
        )
    )
    [(count, last)] = await query("SELECT count(*), max(seq) FROM entries")
    assert (count, last) == (12 * 40 + 21, 12 * 40 + 20)
    await sound()


@pytest.mark.clause("468.6/unalterable")
async def test_update_delete_and_truncate_are_refused(deliver, writer, clock, query, ask_as_owner):
    """Postgres refuses them to the working role, and the triggers refuse them even to the tables' owner."""
    await deliver(*[an_attempt(clock) for _ in range(600)])
    assert await writer.sign_if_grown()
    for table, column in (("entries", "kind"), ("nodes", "level"), ("checkpoints", "note")):
        for statement in (
            f"UPDATE {table} SET {column} = {column}",
            f"DELETE FROM {table}",
            f"TRUNCATE {table} CASCADE",
        ):
            with pytest.raises(DBAPIError, match="permission denied"):
                await query(statement)
            with pytest.raises(DBAPIError, match="append-only"):
                await ask_as_owner(statement)
        assert await query(f"SELECT count(*) > 0 FROM {table}") == [(True,)]


@pytest.mark.clause("468.6/unalterable")
async def test_an_altered_text_is_found_and_named(deliver, clock, tamper, verdict, sound, writer):
    await deliver(*[an_attempt(clock) for _ in range(30)])
    await writer.sign_if_grown()
    await sound()
    statement = (
        "UPDATE entries SET entry = convert_to(replace(convert_from(entry, 'UTF8'),"
        " '7abc-123', '7abc-124'), 'UTF8') WHERE seq = 17"
    )
    await tamper("entries", statement)
    found = await verdict()
    assert not found.ok
    assert found.first_bad == 17
    assert any("leaf hash" in fault.what for fault in found.faults)


@pytest.mark.clause("468.6/unalterable")
@pytest.mark.parametrize("words", ["{}", '{"type":"alpr.signing_key.changed.v1","x":%s}', "%s"])
async def test_a_text_that_cannot_be_read_is_named_and_ends_no_verification(
    deliver, clock, tamper, verdict, words
):
    await deliver(*[an_attempt(clock) for _ in range(5)])
    nested = words.replace("%s", "[" * 9000 + "]" * 9000)
    await tamper("entries", "UPDATE entries SET entry = :text WHERE seq = 3", text=nested.encode())
    found = await verdict()
    assert found.first_bad == 3
    assert any("its text is not a valid entry" in fault.what for fault in found.faults)


@pytest.mark.clause("468.6/unalterable")
async def test_a_column_that_differs_from_its_entrys_text_is_detected(
    deliver, clock, tamper, verdict
):
    await deliver(*[an_attempt(clock) for _ in range(5)])
    await tamper("entries", "UPDATE entries SET person_id = 'somebody else' WHERE seq = 3")
    found = await verdict()
    assert found.first_bad == 3
    assert "person_id" in found.faults[0].what


@pytest.mark.clause("468.6/unalterable")
async def test_a_removed_entry_is_detected(deliver, clock, tamper, verdict):
    await deliver(*[an_attempt(clock) for _ in range(10)])
    await tamper("entries", "DELETE FROM entries WHERE seq = 4")
    found = await verdict()
    assert found.first_bad == 4
    assert "entry 4 is missing" in found.faults[0].what


@pytest.mark.clause("468.6/unalterable")
async def test_a_log_truncated_behind_a_checkpoint_is_detected(
    deliver, writer, clock, tamper, verdict
):
    await deliver(*[an_attempt(clock) for _ in range(10)])
    await writer.sign_if_grown()
    await tamper("entries", "DELETE FROM entries WHERE seq >= 8")
    found = await verdict()
    assert found.first_bad == 8
    assert "there were 10 entries; there are 8" in found.faults[0].what


@pytest.mark.clause("468.6/unalterable")
async def test_a_rewritten_log_does_not_agree_with_its_signed_checkpoints(
    deliver, writer, runtime, clock, tamper, verdict, query
):
    """The forger has all rights but the key, and recomputes every hash, the checkpoint's too."""
    events = [an_attempt(clock) for _ in range(10)]
    await deliver(*events)
    await writer.sign_if_grown()
    [kept] = (await query("SELECT note FROM checkpoints"))[0]
    await tamper("entries", "DELETE FROM entries")
    await deliver(*events[:6], *[an_attempt(clock) for _ in range(4)])
    found = await verdict()
    assert "another root" in found.faults[0].what
    assert "entries 0 to 9" in found.faults[0].what
    forger = Signer(runtime.settings.log_origin, bytes(32))
    forged = forger.sign(Checkpoint(runtime.settings.log_origin, 10, found.root).text)
    await tamper(
        "checkpoints",
        "UPDATE checkpoints SET note = :note, root_hash = :root",
        note=forged,
        root=found.root,
    )
    assert "not signed by any of the keys" in (await verdict()).faults[0].what
    await tamper("checkpoints", "DELETE FROM checkpoints")
    [unsigned] = (await verdict()).faults
    assert unsigned.what == "no verified signature covers entries 0 to 9"
    found = await verdict(kept)  # a checkpoint stored elsewhere exposes the alteration
    assert "another root" in found.faults[0].what


@pytest.mark.clause("468.6/unalterable")
async def test_altered_subtrees_are_detected(deliver, clock, tamper, verdict, sound):
    await deliver(*[an_attempt(clock) for _ in range(520)])
    await sound()
    await tamper(
        "nodes", "UPDATE nodes SET hash = decode(repeat('00', 32), 'hex') WHERE number = 1"
    )
    found = await verdict()
    assert ["entries 256 to 511" in fault.what for fault in found.faults] == [True]
    await tamper("nodes", "DELETE FROM nodes WHERE number = 1")
    [fault] = (await verdict()).faults
    assert fault.what == "the subtree over entries 256 to 511 is not stored"


@pytest.mark.clause("468.6/unalterable")
async def test_a_checkpoint_is_signed_when_the_log_has_grown_and_only_then(
    app, deliver, writer, runtime, clock, bus, client
):
    assert not await writer.sign_if_grown()
    assert (await client.get("/v1/checkpoint")).status_code == 404
    await deliver(*[an_attempt(clock) for _ in range(7)])
    assert await writer.sign_if_grown()
    assert not await writer.sign_if_grown()
    await runtime.relay.drain()
    [event] = bus.events(CheckpointSigned)
    response = await client.get("/v1/checkpoint")
    assert response.status_code == 200
    assert response.text == event.note
    assert response.headers["last-modified"] == "Mon, 01 Jun 2026 12:00:00 GMT"
    verifier = Signer("plateward.local/audit/2", SEED).verifier
    checkpoint = Checkpoint.parse(verifier.verify(response.text))
    assert (checkpoint.size, event.size) == (7, 7)
    assert b64decode(event.root_hash) == checkpoint.root
    keys = (await client.get("/v1/keys")).json()
    assert keys["keys"] == [{"verifier_key": verifier.vkey, "first_size": 1, "last_size": None}]


async def test_a_checkpoint_is_signed_after_a_number_of_entries(deliver, writer, clock, query):
    writer._every = 100
    await deliver(*[an_attempt(clock) for _ in range(99)])
    assert await query("SELECT count(*) FROM checkpoints") == [(0,)]
    await deliver(*[an_attempt(clock) for _ in range(1)])
    await deliver(*[an_attempt(clock) for _ in range(150)])
    assert await query("SELECT size FROM checkpoints ORDER BY size") == [(100,), (250,)]


@pytest.mark.clause("468.6/unalterable")
async def test_a_new_log_is_signed_before_the_first_interval_of_checkpoints_ends(
    deliver, writer, runtime, clock, sound, query
):
    settings = runtime.settings.model_copy(update={"audit_watch_s": 0.01})
    assert settings.audit_checkpoint_s >= 60
    await deliver(*[an_attempt(clock) for _ in range(3)])
    tasks = [t for t in Scheduler(runtime, settings, writer).tasks if "checkpoint" in t.name]
    for task in tasks:
        task.start()
    await eventually(lambda: query("SELECT size FROM checkpoints"), within_s=20)
    for task in tasks:
        await task.stop()
    await sound()
    await deliver(an_attempt(clock))
    assert not await writer.sign_first()
    assert await query("SELECT size FROM checkpoints") == [(3,)]


@pytest.mark.clause("468.6/unalterable")
async def test_served_proofs_verify_against_the_signed_roots(
    deliver, writer, clock, client, auditor, query
):
    sizes = []
    for count in (3, 600, 250):
        await deliver(*[an_attempt(clock) for _ in range(count)])
        await writer.sign_if_grown()
        note = (await client.get("/v1/checkpoint")).text
        sizes.append(Checkpoint.parse(note))
    old, _, new = sizes
    assert (old.size, new.size) == (3, 853)
    for seq in (0, 2, 255, 256, 600, 852):
        answer = await client.get(f"/v1/proofs/inclusion?seq={seq}", headers=auditor())
        proof = answer.json()
        path = [b64decode(value) for value in proof["path"]]
        leaf = b64decode(proof["leaf_hash"])
        assert verify_inclusion(leaf, seq, new.size, path, new.root), seq
    for early in sizes[:2]:
        asked = f"old_size={early.size}&new_size={new.size}"
        answer = await client.get(f"/v1/proofs/consistency?{asked}", headers=auditor())
        path = [b64decode(value) for value in answer.json()["path"]]
        assert verify_consistency(early.size, new.size, early.root, new.root, path)
    beyond = await client.get("/v1/proofs/inclusion?seq=853", headers=auditor())
    assert beyond.status_code == 422
    backwards = "/v1/proofs/consistency?old_size=9&new_size=3"
    assert (await client.get(backwards, headers=auditor())).status_code == 422
    await deliver(an_attempt(clock))  # no checkpoint has it: what is proved by default is signed
    grown = (await client.get("/v1/proofs/inclusion?seq=0", headers=auditor())).json()
    assert grown["size"] == new.size
    [(size,)] = await query("SELECT count(*) FROM entries")
    for asked, status in ((size, 200), (size + 1, 422)):
        for path in (f"inclusion?seq=0&size={asked}", f"consistency?old_size=3&new_size={asked}"):
            answer = await client.get(f"/v1/proofs/{path}", headers=auditor())
            assert answer.status_code == status, path


@pytest.mark.clause("468.6/unalterable")
async def test_a_redelivered_event_with_other_content_is_refused_and_raises_a_finding(
    deliver, writer, clock, query, runtime, bus, sound
):
    attempt = an_attempt(clock)
    await deliver(attempt)
    altered = msgspec.structs.replace(attempt, allowed=False)
    with pytest.raises(InternalFault, match="with other content"):
        await writer.append([message_of(altered)])
    assert await query("SELECT count(*), bool_and(allowed) FROM entries") == [(1, True)]
    await runtime.relay.drain()
    [finding] = bus.events(FindingRaised)
    assert finding.kind == "contradicting_event"
    assert finding.details["event_id"] == str(attempt.event_id)
    both = an_attempt(clock)
    with pytest.raises(InternalFault, match="with other content"):
        await writer.append(
            [message_of(both), message_of(msgspec.structs.replace(both, route="/x"))]
        )
    assert (await sound()).entries == 1


async def test_a_malformed_event_is_refused_and_not_logged(app, writer, clock, query):
    good = message_of(an_attempt(clock))
    for change in (
        {"value": b"not json"},
        {"value": b"[1]"},
        {"value": b'{"a":"\xff"}'},
        {"value": None},
        {"headers": {}},
        {"topic": HitRaised.TOPIC},
        {"headers": {**good.headers, "ce_id": b"not a uuid"}},
        {"value": b"{}", "headers": {**good.headers, "ce_time": b"yesterday"}},
        {"value": b"{}", "headers": {**good.headers, "ce_time": b"2026-06-01T12:00:00"}},
    ):
        with pytest.raises(Unreadable):
            await writer.append([good, good._replace(**change)])
    assert await query("SELECT count(*) FROM entries") == [(0,)]


async def test_an_event_that_cannot_be_logged_raises_one_finding(app, writer, clock, runtime, bus):
    bad = message_of(an_attempt(clock))._replace(value=b"not json", offset=7)
    for _ in range(2):
        with pytest.raises(Unreadable):
            await writer.append([bad])
    await runtime.relay.drain()
    [finding] = bus.events(FindingRaised)
    assert finding.kind == "not_logged"
    assert finding.details["kafka_place"] == f"{AccessAttempted.TOPIC}/0/7"


async def test_a_flood_of_events_that_cannot_be_logged_raises_one_finding_an_hour(
    app, writer, clock, runtime, bus
):
    bad = message_of(an_attempt(clock))._replace(value=b"not json")
    for offset in range(6):
        with pytest.raises(Unreadable):
            await writer.append([bad._replace(offset=offset)])
        clock.advance(minutes=20)
    await runtime.relay.drain()
    first, second = bus.events(FindingRaised)
    assert first.details["kafka_place"] == f"{AccessAttempted.TOPIC}/0/0"
    assert second.details["kafka_place"] == f"{AccessAttempted.TOPIC}/0/3"


async def test_a_newer_version_of_an_event_is_logged_without_being_understood(
    app, writer, clock, query, sound
):
    message = message_of(an_attempt(clock))
    body = msgspec.json.decode(message.value) | {"new_field": {"plate": "9NEW000"}}
    headers = {**message.headers, "ce_type": b"alpr.access.attempted.v2", "ce_tenant": b"x"}
    changed = message._replace(value=msgspec.json.encode(body), headers=headers)
    await writer.append([with_right_mac(changed)])
    [row] = await query("SELECT * FROM entries")
    assert row.plates == ["7ABC123", "9NEW000"]
    assert msgspec.json.decode(row.entry)["tenant"] == "x"
    await sound()


async def test_text_that_postgres_cannot_hold_does_not_stop_the_log(deliver, clock, query, sound):
    nasty = "a\x00b" + "x" * 5000
    await deliver(an_attempt(clock, request_id=nasty, elements={"plate": "A\x001"}))
    [row] = await query("SELECT request_id, plates FROM entries")
    assert row.request_id.startswith("a\ufffdbx")
    assert row.plates == ["A1"]
    await sound()


async def test_a_restarted_service_continues_at_the_end_of_the_log(
    deliver, runtime, clock, query, sound, bus, audit_settings
):
    await deliver(*[an_attempt(clock) for _ in range(300)])
    fresh = Writer(runtime, audit_settings)
    attempt = an_attempt(clock)
    await fresh.append([message_of(attempt), message_of(a_disclosure(clock, attempt))])
    assert await query("SELECT max(seq) FROM entries") == [(301,)]
    await sound()


async def test_times_of_appends_follow_the_numbers_though_the_clock_was_set_back(
    deliver, runtime, clock, query
):
    await deliver(an_attempt(clock))
    clock.advance(hours=-3)
    await deliver(an_attempt(clock))
    restarted = Writer(runtime, runtime.settings)
    await restarted.append([message_of(an_attempt(clock))])
    times = [at for (at,) in await query("SELECT appended_at FROM entries ORDER BY seq")]
    assert len(times) == 3
    assert times == sorted(times)


async def test_a_faulty_key_is_refused_by_name(settings):
    from pydantic import ValidationError

    from services.audit.settings import Settings

    with pytest.raises(ValidationError, match="audit_signing_key"):
        Settings(**settings.model_dump(), audit_signing_key="c2hvcnQ=")
