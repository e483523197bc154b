"""The log taken out and verified without the service; the command line; the whole road over a real broker."""

import json
import os
import subprocess
import sys
from base64 import b64encode

import pytest

from services.audit.cli import run
from services.audit.note import Signer
from services.audit.settings import Settings
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


async def test_an_export_verifies_with_the_public_key_alone(exported, runtime, bus):
    lines = await exported()
    found = verify_export(iter(lines), [VERIFIER])
    assert found.ok, found.faults
    assert (found.entries, found.checkpoints) == (640, 2)
    await runtime.relay.drain()
    [disclosed] = [e for e in bus.events(RecordsDisclosed) if e.record_kind == "audit_entries"]
    assert disclosed.record_ids == ["0-639"]


async def test_a_part_of_the_log_verifies_from_what_it_goes_on_from(exported):
    lines = await exported(first=417, end=640)
    found = verify_export(iter(lines), [VERIFIER])
    assert found.ok, found.faults
    assert len(lines) == 1 + 1 + (640 - 417)
    assert found.checkpoints == 1


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


def command(settings, *arguments, key=True):
    """Run the command line as somebody at the machine does."""
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "POLICY_FILE": str(settings.policy_file),
    }
    if key:
        environment["AUDIT_SIGNING_KEY"] = b64encode(SEED).decode()
    return subprocess.run(
        [sys.executable, "-m", "services.audit", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def test_the_command_line_verifies_exports_and_says_what_is_wrong(
    deliver, writer, clock, runtime, tamper, query, tmp_path
):
    settings = runtime.settings
    await deliver(*[an_attempt(clock) for _ in range(20)])
    await writer.sign_if_grown()
    good = command(settings, "verify")
    assert good.returncode == 0, good.stdout + good.stderr
    summary = json.loads(good.stdout.splitlines()[-1])
    assert (summary["ok"], summary["entries"], summary["checkpoints"]) == (True, 20, 1)
    without_the_key = command(settings, "verify", "--vkey", VERIFIER.vkey, key=False)
    assert without_the_key.returncode == 0, without_the_key.stderr
    file = tmp_path / "log.jsonl"
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
    done = command(settings, "export", str(file), *who, key=False)
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    offline = command(settings, "verify-export", str(file), "--vkey", VERIFIER.vkey, key=False)
    assert offline.returncode == 0, offline.stdout
    again = command(settings, "export", str(file), *who, key=False)
    assert again.returncode == 2
    await deliver()
    own = await query("SELECT kind, person_id FROM entries WHERE seq >= 20 ORDER BY kind")
    assert own[:2] == [("access.attempted", "dba-1"), ("records.disclosed", "dba-1")]
    await tamper("entries", "UPDATE entries SET entry_hash = leaf_hash WHERE seq = 11")
    bad = command(settings, "verify")
    assert bad.returncode == 1
    assert "entry 11: the chain does not hold" in bad.stdout
    assert json.loads(bad.stdout.splitlines()[-1])["first_bad"] == 11


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


async def test_events_come_from_a_real_broker_into_the_log_once_each(
    settings, broker, objects, authority, clock, policy
):
    from services.audit.main import build_app

    await ensure_topics(broker.bootstrap)
    own = Settings(
        **settings.model_dump() | {"kafka_bootstrap": broker.bootstrap},
        audit_signing_key=b64encode(SEED).decode(),
        audit_checkpoint_s=0.2,
    )
    runtime = Runtime("audit", own, objects=objects, people=authority.people, policy=policy)
    bus = KafkaBus(broker.bootstrap, "retention")
    await bus.start()
    events = [an_attempt(clock) for _ in range(700)]
    wanted = {event.event_id for event in events}
    app = build_app(own, runtime)
    async with app.router.lifespan_context(app):
        await bus.publish(events)
        await bus.publish(events)
        await bus.publish_records([Record(AccessAttempted.TOPIC, b"k", b"not json", [])])
        last = an_attempt(clock)
        await bus.publish([last])
        wanted.add(last.event_id)

        async def arrived():
            from services.audit.store.log import Log

            async with runtime.db.begin() as connection:
                known = await Log(connection).known(list(wanted))
                return known.keys() == wanted

        await eventually(arrived, within_s=30)

        async def signed():
            from services.audit.store.checkpoints import Checkpoints

            async with runtime.db.begin() as connection:
                latest = await Checkpoints(connection).latest()
                return latest is not None and latest.size >= len(wanted)

        await eventually(signed, within_s=10)
        assert (await runtime.check())["postgres"] == "ok"
        await bus.stop()
    verdict = command(own, "verify")
    assert verdict.returncode == 0, verdict.stdout
    assert json.loads(verdict.stdout.splitlines()[-1])["entries"] >= len(wanted)
