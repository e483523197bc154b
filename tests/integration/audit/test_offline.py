"""The exported log, verified without the service; the command line; the whole path over a real broker."""

import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from services.audit.__main__ import COMMANDS
from services.audit.actions.export import Line, Opening, as_line
from services.audit.actions.exports import Begun
from services.audit.actions.verify import verify_export
from services.audit.domain.proofs import GENESIS, chained
from services.audit.main import build_app
from services.audit.service import AuditService
from services.audit.settings import Settings
from services.audit.spec import SPEC
from services.audit.store.checkpoints import Checkpoints
from services.audit.store.log import Log
from services.registry import SPECS
from shared.core.merkle import leaf_hash
from shared.core.signed_notes import Checkpoint, Signer
from shared.events import AccessAttempted, CheckpointSigned, RecordsDisclosed
from shared.kafka.bus import KafkaBus
from shared.kafka.codec import Record
from shared.kafka.topics_admin import ensure_topics
from shared.service.api_runtime import ApiRuntime
from shared.service.command import status_of
from shared.service.running import service_of
from shared.testing import all_mac_keys, eventually, mac_key, mac_key_text
from tests.integration.audit.conftest import AUDITOR, SEED, an_attempt
from tests.integration.audit.offline import ORIGIN, VERIFIER, command
from tests.integration.serving import received_until_cut_off

__all__ = ["command"]


@pytest.fixture
async def exported(deliver, writer, clock, client, auditor):
    """A log of 640 entries with two checkpoints, exported over HTTP."""
    await deliver(*[an_attempt(clock, reason="naïve — “quoted”") for _ in range(300)])
    await writer.sign_if_grown()
    await deliver(*[an_attempt(clock) for _ in range(340)])
    await writer.sign_if_grown()

    async def export(**body):
        response = await client.post("/v1/exports", json=body, headers=auditor())
        assert response.status_code == 200, response.text
        return response.content.splitlines(keepends=True)

    return export


@pytest.mark.clause("468.6/unalterable")
async def test_an_export_verifies_with_the_public_key_alone(exported, runtime, bus):
    lines = await exported()
    found = verify_export(iter(lines), [VERIFIER])
    assert found.ok, found.faults
    assert (found.entries, found.checkpoints) == (640, 2)
    await runtime.relay.drain()
    [disclosed] = [e for e in bus.events(RecordsDisclosed) if e.record_kind == "audit_entries"]
    assert disclosed.all_ids == ["0-639"]


async def test_a_part_of_the_log_verifies_from_its_starting_hashes(exported):
    lines = await exported(first=417, end=640)
    found = verify_export(iter(lines), [VERIFIER])
    assert found.ok, found.faults
    assert len(lines) == 1 + 1 + (640 - 417)
    assert found.checkpoints == 1


async def test_an_export_ends_with_a_checkpoint_for_exactly_its_end(exported, query, runtime, bus):
    for first, end in ((0, 640), (0, 77), (130, 500)):
        lines = await exported(first=first, end=end)
        note = msgspec.json.decode(lines[-1])["checkpoint"]
        assert Checkpoint.parse(VERIFIER.verify(note)).size == end
        found = verify_export(iter(lines), [VERIFIER])
        assert found.ok, found.faults
        assert (found.entries, found.unsigned_entries) == (end, 0)
    sizes = await query("SELECT size FROM checkpoints ORDER BY size")
    assert sizes == [(300,), (640,)]
    await runtime.relay.drain()
    published = [event.size for event in bus.events(CheckpointSigned)]
    assert published == [640]  # the last published checkpoint is the newest one


def without_checkpoints(lines):
    return [line for line in lines if not line.startswith(b'{"checkpoint"')]


@pytest.mark.clause("468.6/unalterable")
async def test_an_export_without_its_signatures_does_not_verify(exported):
    lines = await exported()
    found = verify_export(iter(without_checkpoints(lines)), [VERIFIER])
    assert not found.ok
    assert found.unsigned_entries == 640
    assert found.faults[-1].what == "no verified signature covers entries 0 to 639"
    last = verify_export(iter(lines[:-1]), [VERIFIER])
    assert (last.ok, last.unsigned_entries) == (False, 340)
    ends = "the export does not end with a checkpoint for its end, entry 640"
    assert ends in [fault.what for fault in last.faults]
    between = [line for n, line in enumerate(lines) if n != 301]
    assert [fault.size for fault in verify_export(iter(between), [VERIFIER]).faults] == [300]


@pytest.mark.clause("468.6/unalterable")
async def test_a_forged_log_without_signatures_does_not_verify(exported):
    """One entry rewritten, the chain recomputed, the checkpoints left out: the log has no contradiction."""
    forged, last = [], GENESIS
    for line in without_checkpoints(await exported()):
        if line.startswith(b'{"seq"'):
            entry = msgspec.json.decode(line, type=Line)
            text = entry.entry.replace("7abc-123", "9ZZZ999") if entry.seq == 5 else entry.entry
            last = chained(last, leaf_hash(text.encode()))
            line = as_line(Line(seq=entry.seq, entry=text, entry_hash=last.hex()))
        forged.append(line)
    found = verify_export(iter(forged), [VERIFIER])
    assert not found.ok
    assert found.unsigned_entries == 640


@pytest.mark.clause("468.6/unalterable")
async def test_an_empty_or_shortened_export_does_not_verify(exported):
    lines = await exported()
    opening = msgspec.json.decode(lines[0], type=Opening)
    nothing = [as_line(msgspec.structs.replace(opening, end=0))]
    for given in ([], nothing, lines[:1], lines[:200], [*lines[:301], lines[-1]], [b"{}\n"]):
        assert not verify_export(iter(given), [VERIFIER]).ok, len(given)
    assert "there are no entries" in verify_export(iter(nothing), [VERIFIER]).faults[-1].what
    half = [as_line(msgspec.structs.replace(opening, end=200)), *lines[1:201]]
    assert verify_export(iter(half), [VERIFIER]).unsigned_entries == 200


@pytest.mark.clause("468.6/unalterable")
async def test_an_export_that_was_cut_off_at_an_earlier_checkpoint_does_not_verify(exported):
    """All entries that are left are signed, so that only the declared end shows that others are missing."""
    found = verify_export(iter((await exported())[:302]), [VERIFIER])
    assert (found.entries, found.unsigned_entries, found.first_bad) == (300, 0, 300)
    assert [fault.what for fault in found.faults] == [
        "the export declares its end before entry 640, but ends before 300"
    ]


async def test_an_export_of_an_empty_log_is_refused(client, auditor, app):
    response = await client.post("/v1/exports", json={}, headers=auditor())
    assert response.status_code == 422
    assert "the log has 0 entries" in response.json()["detail"]


@pytest.mark.clause("468.6/unalterable")
async def test_a_log_without_checkpoints_does_not_verify(deliver, sound, verdict, clock, tamper):
    await deliver(*[an_attempt(clock) for _ in range(30)])
    await sound()
    await tamper("checkpoints", "DELETE FROM checkpoints")
    found = await verdict()
    assert (found.ok, found.unsigned_entries) == (False, 30)
    assert [fault.what for fault in found.faults] == [
        "no verified signature covers entries 0 to 29"
    ]


@pytest.mark.clause("468.6/unalterable")
async def test_new_entries_may_stay_unsigned_for_twice_the_checkpoint_interval(
    deliver, sound, verdict, clock, runtime, monkeypatch
):
    await deliver(*[an_attempt(clock) for _ in range(30)])
    await sound()
    await deliver(*[an_attempt(clock) for _ in range(12)])
    clock.advance(seconds=2 * 3600)
    found = await verdict()
    assert (found.ok, found.unsigned_entries) == (True, 12)
    clock.advance(seconds=1)
    found = await verdict()
    assert (found.ok, found.first_bad) == (False, 30)
    assert "entries 30 to 41" in found.faults[0].what
    clock.advance(seconds=-3600)
    assert (await verdict()).ok
    for allowed, ok in ((6, True), (5, False)):
        few = runtime.settings.model_copy(update={"audit_checkpoint_entries": allowed})
        monkeypatch.setattr(runtime, "settings", few)
        assert (await verdict()).ok is ok


@pytest.mark.clause("468.6/unalterable")
async def test_an_entry_missing_right_after_the_newest_checkpoint_is_detected(
    deliver, sound, verdict, clock, tamper
):
    await deliver(*[an_attempt(clock) for _ in range(10)])
    await sound()
    await deliver(*[an_attempt(clock) for _ in range(5)])
    await tamper("entries", "DELETE FROM entries WHERE seq = 10")
    found = await verdict()
    assert (found.ok, found.first_bad) == (False, 10)
    await tamper("entries", "DELETE FROM entries WHERE seq > 10")
    assert (
        await verdict()
    ).ok  # the log is as it was when it was signed: only a checkpoint from elsewhere exposes it


@pytest.mark.clause("468.6/unalterable")
async def test_an_altered_export_does_not_verify(exported):
    lines = await exported()
    number = next(n for n, line in enumerate(lines) if line.startswith(b'{"seq":123,'))
    altered = [*lines]
    altered[number] = altered[number].replace(b"retention", b"retentiom")
    found = verify_export(iter(altered), [VERIFIER])
    assert not found.ok
    assert found.first_bad == 123
    shorter = verify_export(iter(lines[:-1]), [VERIFIER])
    assert not shorter.ok
    without = verify_export(iter(lines[:number] + lines[number + 1 :]), [VERIFIER])
    assert without.first_bad == 123
    stranger = Signer(ORIGIN, bytes(32)).verifier
    assert not verify_export(iter(lines), [stranger]).ok


async def test_the_command_line_verifies_exports_and_says_what_is_wrong(
    deliver, writer, clock, tamper, query, tmp_path, command
):
    await deliver(*[an_attempt(clock) for _ in range(20)])
    await writer.sign_if_grown()
    status, said = await command("verify", "--own-key")
    summary = json.loads(said.splitlines()[-1])
    assert (status, summary["ok"]) == (0, True)
    assert (summary["entries"], summary["checkpoints"], summary["unsigned_entries"]) == (20, 1, 0)
    assert summary["keys"] == [VERIFIER.key_id]
    assert f"key          {VERIFIER.vkey}" in said
    assert (await command("verify", "--vkey", VERIFIER.vkey, key=False))[0] == 0
    file = str(tmp_path / "log.jsonl")
    who = (
        "--person-id",
        "dba-1",
        "--name",
        "D. Base",
        "--title",
        "Contractor",
        "--reason",
        "audit",
    )
    assert (await command("export", file, *who))[0] == 0
    assert Path(file).stat().st_mode & 0o777 == 0o600
    assert (await command("verify-export", file, "--vkey", VERIFIER.vkey, key=False))[0] == 0
    assert (await command("export", file, *who))[0] == 2  # never writes over a file
    await deliver()
    own = await query("SELECT kind, person_id FROM entries WHERE seq >= 20 ORDER BY kind")
    assert own[:2] == [("access.attempted", "dba-1"), ("records.disclosed", "dba-1")]
    await tamper("entries", "UPDATE entries SET entry_hash = leaf_hash WHERE seq = 11")
    status, said = await command("verify", "--own-key")
    assert status == 1
    assert "entry 11: its chain hash is wrong" in said
    assert json.loads(said.splitlines()[-1])["first_bad"] == 11


def test_the_module_runs_as_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "services.audit", "keygen", "--origin", "example.org/log"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "public key: example.org/log/2+" in done.stdout


def test_keygen_prints_a_key_that_the_settings_accept(settings, capsys):
    assert status_of(SPEC, COMMANDS, ["keygen"]) == 0
    line, public = capsys.readouterr().out.splitlines()
    name, _, value = line.partition("=")
    assert name == "AUDIT_SIGNING_KEY"
    made = Settings(
        **settings.model_dump(),
        audit_signing_key=value,
        audit_values_key=value,
        audit_event_mac_keys=all_mac_keys(),
    )
    assert public == f"public key: {made.signers[0].verifier.vkey}"


def test_a_wrong_call_ends_with_2_and_says_why(capsys, tmp_path):
    file = tmp_path / "none.jsonl"
    file.write_bytes(b"")
    assert status_of(SPEC, COMMANDS, ["verify-export", str(file)]) == 2
    assert "--vkey" in capsys.readouterr().err
    assert status_of(SPEC, COMMANDS, ["verify-export", str(file), "--vkey", "nonsense"]) == 2


async def test_a_database_without_a_log_and_a_missing_key_are_named(command, as_owner):
    async with as_owner("audit") as connection:
        await connection.execute(text("DROP SCHEMA audit CASCADE"))
    status, said = await command("verify", "--vkey", VERIFIER.vkey, key=False)
    assert (status, said.strip()) == (2, "audit: there is no audit log in this database")
    status, said = await command("verify", "--own-key", key=False)
    assert status == 2
    assert "audit_signing_key: Field required" in said


async def test_verify_requires_a_public_key(deliver, writer, clock, command):
    await deliver(*[an_attempt(clock) for _ in range(3)])
    await writer.sign_if_grown()
    status, said = await command("verify")
    assert (status, '"ok"' in said) == (2, False)
    assert "--vkey" in said
    assert "--own-key" in said


async def test_an_export_by_command_is_signed_to_its_end_and_an_empty_one_is_refused(
    deliver, clock, command, tmp_path, app
):
    who = (
        "--person-id",
        "dba-1",
        "--name",
        "D. Base",
        "--title",
        "Contractor",
        "--reason",
        "audit",
    )
    status, said = await command("export", str(tmp_path / "none.jsonl"), *who)
    assert (status, "the log has no entry to export" in said) == (2, True)
    await deliver(*[an_attempt(clock) for _ in range(7)])
    file = tmp_path / "log.jsonl"
    assert (await command("export", str(file), *who))[0] == 0
    status, said = await command("verify-export", str(file), "--vkey", VERIFIER.vkey, key=False)
    assert status == 0, said
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(without_checkpoints(lines)))
    status, said = await command("verify-export", str(file), "--vkey", VERIFIER.vkey, key=False)
    assert status == 1
    assert json.loads(said.splitlines()[-1])["unsigned_entries"] == 7


async def test_unsigned_entries_are_signed_at_the_next_start(
    runtime, deliver, writer, clock, app, query, audit_settings
):
    await deliver(*[an_attempt(clock) for _ in range(3)])
    async with build_app(audit_settings, runtime).router.lifespan_context(app):
        assert await query("SELECT size FROM checkpoints") == [(3,)]


async def test_events_from_a_real_broker_are_logged_once_each(
    settings, broker, objects, authority, clock, policy, command
):
    await ensure_topics(broker.bootstrap)
    common = settings.model_dump() | {
        "event_mac_key": mac_key_text("audit"),
        "audit_event_mac_keys": all_mac_keys(),
        "kafka_bootstrap": broker.bootstrap,
        "kafka_empty_fetch_pause_ms": 5,
    }
    key = b64encode(SEED).decode()
    own = Settings(**common, audit_signing_key=key, audit_values_key=key, audit_checkpoint_s=0.2)
    runtime = ApiRuntime(
        SPECS["audit"], own, objects=objects, people=authority.people, policy=policy
    )
    events = [an_attempt(clock) for _ in range(700)]
    last = an_attempt(clock)
    wanted = {event.event_id for event in (*events, last)}

    async def arrived():
        async with runtime.db.begin() as connection:
            return (await Log(connection).known(list(wanted))).keys() == wanted

    async def signed():
        async with runtime.db.begin() as connection:
            latest = await Checkpoints(connection).latest()
            return latest is not None and latest.size >= len(wanted)

    app = build_app(own, runtime)
    bus = KafkaBus(broker.bootstrap, "retention", mac_key=mac_key("retention"))
    async with app.router.lifespan_context(app):
        try:
            await bus.publish(events)
            await bus.publish(events)
            await bus.publish_records([Record(AccessAttempted.TOPIC, b"k", b"not json", [])])
            await bus.publish([last])
        finally:
            await bus.stop()
        await eventually(arrived, within_s=60, every_s=0.1)
        await eventually(signed, within_s=30, every_s=0.1)
    status, said = await command("verify", "--own-key")
    assert status == 0, said
    assert json.loads(said.splitlines()[-1])["entries"] >= len(wanted)


async def test_concurrent_exports_are_limited_to_leave_database_connections(
    client, auditor, app, deliver, clock
):
    await deliver(an_attempt(clock))
    exports = service_of(app, AuditService).exports
    async with exports, exports:
        response = await client.post("/v1/exports", json={}, headers=auditor())
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert (await client.post("/v1/exports", json={}, headers=auditor())).status_code == 200


@pytest.mark.clause("468.6/separation")
async def test_an_export_is_cut_off_once_the_account_of_its_auditor_ends(
    deliver, writer, app, auditor, authority, clock, monkeypatch
):
    for _ in range(3):
        await deliver(an_attempt(clock))
    assert await writer.sign_if_grown()
    lines = Begun.lines

    async def line_by_line(begun, connection):
        number = 0
        async for piece in lines(begun, connection):
            for line in piece.splitlines(keepends=True):
                number += 1
                if number == 3:
                    authority.people.know(authority.account(AUDITOR, "separated", clock.now()))
                yield line

    monkeypatch.setattr(Begun, "lines", line_by_line)
    headers = auditor() | {"Content-Type": "application/json"}
    status, received = await received_until_cut_off(app, "POST", "/v1/exports", headers, b"{}")
    assert (status, received.count(b"\n")) == (200, 2)
