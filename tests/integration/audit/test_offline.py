"""The log taken out and verified without the service; the command line; the whole road over a real broker."""

import asyncio
import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from services.audit.cli import run
from services.audit.main import build_app
from services.audit.note import Signer
from services.audit.settings import Settings
from services.audit.store.checkpoints import Checkpoints
from services.audit.store.log import Log
from services.audit.verify import verify_export
from shared.bus import KafkaBus
from shared.codec import Record
from shared.errors import Malformed
from shared.events import AccessAttempted, RecordsDisclosed
from shared.runtime import Runtime
from shared.testing import eventually
from shared.topics_admin import ensure_topics
from tests.integration.audit.conftest import SEED, an_attempt

ORIGIN = "plateward.local/audit"
VERIFIER = Signer(ORIGIN, SEED).verifier


@pytest.fixture
async def exported(deliver, writer, clock, client, auditor):
    """A log of 640 entries with two checkpoints, exported over HTTP."""
    await deliver(*[an_attempt(clock, reason="naïve — “quoted”") for _ in range(300)])
    await writer.sign_if_grown()
    await deliver(*[an_attempt(clock) for _ in range(340)])
    await writer.sign_if_grown()

    async def export(**body):
        response = await client.post("/v1/export", json=body, headers=auditor())
        assert response.status_code == 200, response.text
        return response.content.splitlines()

    return export


@pytest.mark.clause("468.6/unalterable")
async def test_an_export_verifies_with_the_public_key_alone(exported, runtime, bus):
    lines = await exported()
    found = verify_export(iter(lines), [VERIFIER])
    assert found.ok, found.faults
    assert (found.entries, found.checkpoints) == (640, 2)
    await runtime.relay.drain()
    [disclosed] = [e for e in bus.events(RecordsDisclosed) if e.record_kind == "audit_entries"]
    assert disclosed.shown_ids == ["0-639"]


async def test_a_part_of_the_log_verifies_from_what_it_goes_on_from(exported):
    lines = await exported(first=417, end=640)
    found = verify_export(iter(lines), [VERIFIER])
    assert found.ok, found.faults
    assert len(lines) == 1 + 1 + (640 - 417)
    assert found.checkpoints == 1


@pytest.mark.clause("468.6/unalterable")
async def test_what_was_altered_in_an_export_is_found(exported):
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
    with pytest.raises(Malformed):
        verify_export(iter([b"{}"]), [VERIFIER])


@pytest.fixture
def command(settings, monkeypatch, capsys):
    """Run the command line on the test's database; return its exit status and what it printed."""

    async def call(*arguments, key=True):
        monkeypatch.setenv("DATABASE_URL", settings.database_url)
        monkeypatch.setenv("POLICY_FILE", str(settings.policy_file))
        monkeypatch.delenv("AUDIT_SIGNING_KEY", raising=False)
        if key:
            monkeypatch.setenv("AUDIT_SIGNING_KEY", b64encode(SEED).decode())
        status = await asyncio.to_thread(run, arguments)
        said = capsys.readouterr()
        return status, said.out + said.err

    return call


async def test_the_command_line_verifies_exports_and_says_what_is_wrong(
    deliver, writer, clock, tamper, query, tmp_path, command
):
    await deliver(*[an_attempt(clock) for _ in range(20)])
    await writer.sign_if_grown()
    status, said = await command("verify")
    summary = json.loads(said.splitlines()[-1])
    assert (status, summary["ok"]) == (0, True)
    assert (summary["entries"], summary["checkpoints"]) == (20, 1)
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
    assert (await command("export", file, *who, key=False))[0] == 0
    assert Path(file).stat().st_mode & 0o777 == 0o600
    assert (await command("verify-export", file, "--vkey", VERIFIER.vkey, key=False))[0] == 0
    assert (await command("export", file, *who, key=False))[0] == 2  # never writes over a file
    await deliver()
    own = await query("SELECT kind, person_id FROM entries WHERE seq >= 20 ORDER BY kind")
    assert own[:2] == [("access.attempted", "dba-1"), ("records.disclosed", "dba-1")]
    await tamper("entries", "UPDATE entries SET entry_hash = leaf_hash WHERE seq = 11")
    status, said = await command("verify")
    assert status == 1
    assert "entry 11: the chain does not hold" in said
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
    assert "public key: example.org/log+" in done.stdout


def test_a_key_is_made_in_the_form_that_settings_take(settings, capsys):
    assert run(["keygen"]) == 0
    line, public = capsys.readouterr().out.splitlines()
    name, _, value = line.partition("=")
    assert name == "AUDIT_SIGNING_KEY"
    made = Settings(**settings.model_dump(), audit_signing_key=value)
    assert public == f"public key: {made.signer.verifier.vkey}"


def test_a_wrong_call_ends_with_2_and_says_why(capsys, tmp_path):
    file = tmp_path / "none.jsonl"
    file.write_bytes(b"")
    assert run(["verify-export", str(file)]) == 2
    assert "--vkey" in capsys.readouterr().err
    assert run(["verify-export", str(file), "--vkey", "nonsense"]) == 2


async def test_a_database_without_a_log_and_a_missing_key_are_named(command):
    status, said = await command("verify", "--vkey", VERIFIER.vkey, key=False)
    assert (status, said.strip()) == (2, "audit: there is no audit log in this database")
    status, said = await command("verify", key=False)
    assert status == 2
    assert "audit_signing_key: Field required" in said


async def test_events_come_from_a_real_broker_into_the_log_once_each(
    settings, broker, objects, authority, clock, policy, command
):
    await ensure_topics(broker.bootstrap)
    common = settings.model_dump() | {
        "kafka_bootstrap": broker.bootstrap,
        "kafka_empty_fetch_pause_ms": 5,
    }
    key = b64encode(SEED).decode()
    own = Settings(**common, audit_signing_key=key, audit_checkpoint_s=0.2)
    runtime = Runtime("audit", own, objects=objects, people=authority.people, policy=policy)
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
    bus = KafkaBus(broker.bootstrap, "retention")
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
    status, said = await command("verify")
    assert status == 0, said
    assert json.loads(said.splitlines()[-1])["entries"] >= len(wanted)


async def test_no_more_exports_run_at_a_time_than_leave_the_database_to_others(
    client, auditor, app
):
    async with app.state.exports, app.state.exports:
        response = await client.post("/v1/export", json={}, headers=auditor())
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert (await client.post("/v1/export", json={}, headers=auditor())).status_code == 200
