"""The log before this one: closed with a checkpoint and an export, stored like access records, destroyed whole."""

import json
from base64 import b64decode
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.audit.actions.old_log import OldLogEnd
from services.audit.actions.verify import verify_export
from services.audit.actions.writer import Writer
from services.audit.main import build_app
from shared.core.errors import InternalFault
from shared.core.signed_notes import Checkpoint, Signer
from shared.events import (
    AccessAttempted,
    FindingRaised,
    LogDestroyed,
    RecordsDisclosed,
    ValuesExported,
)
from tests.integration.audit.conftest import AUDITOR, OFFICER, SEED, a_disclosure, an_attempt
from tests.integration.audit.messages import message_of, with_right_mac
from tests.integration.audit.offline import command

__all__ = ["command"]

pytestmark = pytest.mark.clause("wall/old-log")

OLD_NAME = "plateward.local/audit"
OLD_KEY = Signer(OLD_NAME, SEED).verifier

MOVE = """
    ALTER TABLE entries DISABLE TRIGGER USER;
    ALTER TABLE nodes DISABLE TRIGGER USER;
    ALTER TABLE checkpoints DISABLE TRIGGER USER;
    INSERT INTO old_entries SELECT * FROM entries;
    INSERT INTO old_nodes SELECT * FROM nodes;
    ALTER TABLE sealed_values DISABLE TRIGGER USER;
    DELETE FROM sealed_values;
    ALTER TABLE sealed_values ENABLE TRIGGER USER;
    DELETE FROM entries;
    DELETE FROM nodes;
    DELETE FROM checkpoints;
    ALTER TABLE entries ENABLE TRIGGER USER;
    ALTER TABLE nodes ENABLE TRIGGER USER;
    ALTER TABLE checkpoints ENABLE TRIGGER USER;
"""


@pytest.fixture
def restarted(runtime, as_owner):
    """Starts the service on the existing tables, as after an upgrade: their log becomes the old log."""

    @asynccontextmanager
    async def start():
        async with as_owner("audit") as connection:
            for statement in filter(str.strip, MOVE.split(";")):
                await connection.execute(text(statement))
        app = build_app(runtime.settings, runtime)
        async with app.router.lifespan_context(app):
            yield app

    return start


@pytest.fixture
async def closed(app, deliver, clock, restarted, writer):
    """A log of 301 entries that a new one closed; yields their events."""
    events = [an_attempt(clock)]
    for _ in range(100):
        attempt = an_attempt(clock)
        events += [attempt, a_disclosure(clock, attempt), an_attempt(clock)]
    await deliver(*events)
    async with restarted():
        await writer.begin()
        yield events


@pytest.fixture
def age(as_owner):
    """Let the old log have ended so long ago, by the database's own clock."""

    async def make(by):
        async with as_owner("audit") as connection:
            await connection.execute(text("ALTER TABLE old_entries DISABLE TRIGGER USER"))
            await connection.execute(
                text(
                    "UPDATE old_entries SET appended_at = now() - CAST(CAST(:by AS text) AS interval)"
                ),
                {"by": by},
            )
            await connection.execute(text("ALTER TABLE old_entries ENABLE TRIGGER USER"))

    return make


@pytest.fixture
def export(client, auditor):
    async def ask(status=200, kind="audit", **body):
        response = await client.post("/v1/exports", json=body, headers=auditor(kind))
        assert response.status_code == status, response.text
        return response.content

    return ask


async def closing(query):
    [row] = await query("SELECT entry FROM entries WHERE seq = 0 AND kind = 'log.closed'")
    return json.loads(row.entry)["data"]


AN_AUDIT = """
    WITH a AS (INSERT INTO audits (audit_id, occurred_from, occurred_to, log_size, root_hash, seed, population,
        drawn_by, drawn_at, old_log) VALUES (gen_random_uuid(), now(), now(), 301, '', '', 1,
        '{"person_id": "drawer", "name": "D", "title": "T", "agency_ori": "CA0520100"}', now(), true)
        RETURNING audit_id)
    INSERT INTO audit_items (audit_id, number, seq) SELECT audit_id, 1, 0 FROM a RETURNING audit_id
"""


async def test_a_finding_of_an_access_of_the_old_log_names_no_entry_of_this_one(
    closed, as_owner, client, auditor, runtime, bus
):
    async with as_owner("audit") as connection:
        audit_id = str((await connection.execute(text(AN_AUDIT))).scalar_one())
    judged = {"outcome": "improper", "note": "no such case on file"}
    path = f"/v1/audits/{audit_id}/items/1/review"
    answer = await client.post(path, json=judged, headers=auditor())
    assert answer.status_code == 200, answer.text
    assert answer.json()["old_log"] is True
    await runtime.relay.drain()
    [finding] = [one for one in bus.events(FindingRaised) if one.kind == "improper_access"]
    where = "entry 0 of the log before this one"
    assert (finding.subject, finding.details) == (OFFICER, {"audit_id": audit_id, "why": where})


# --- closing ------------------------------------------------------------------------------------


async def test_entry_0_commits_to_the_checkpoint_and_export_of_the_old_log(closed, query, export):
    said = await closing(query)
    assert (said["origin"], said["size"]) == (OLD_NAME, 301)
    assert Checkpoint.parse(OLD_KEY.verify(said["note"])).size == 301
    exported = await export(with_values=True, old_log=True)
    assert sha256(exported).hexdigest() == said["export_sha256"]
    assert await export(with_values=True, old_log=True) == exported
    lines = exported.splitlines(keepends=True)
    assert json.loads(lines[-1])["checkpoint"] == said["note"]
    found = verify_export(iter(lines), [OLD_KEY])
    assert found.ok, found.faults
    assert found.entries == 301
    number = next(n for n, line in enumerate(lines) if b'"7abc-123' in line.replace(b"\\", b""))
    altered = [*lines]
    altered[number] = altered[number].replace(b"7abc-123", b"9zzz-999")
    assert not verify_export(iter(altered), [OLD_KEY]).ok


async def test_an_event_of_the_old_log_is_not_logged_again_and_is_refused_with_other_content(
    closed, runtime, query
):
    again, writer = message_of(closed[0]), Writer(runtime, runtime.settings)
    await writer.append([again])
    assert await query("SELECT kind FROM entries") == [("log.closed",)]
    body = again.value.replace(b"Officer Seven", b"Officer Eight")
    with pytest.raises(InternalFault, match="with other content"):
        await writer.append([with_right_mac(again._replace(value=body))])
    assert await query("SELECT count(*) FROM findings WHERE kind = 'contradicting_event'") == [(1,)]
    assert await query("SELECT kind FROM entries") == [("log.closed",)]


async def test_the_old_log_is_exported_only_with_values_and_a_purpose_and_logged_first(
    closed, query, export, runtime, bus, client, auditor, clock
):
    for body in (
        {"old_log": True},
        {"old_log": True, "with_values": True, "first": 3},
        {"old_log": True, "with_values": True, "end": 3},
    ):
        problem = json.loads(await export(422, **body))
        assert problem["field"] == "body.old_log"
    await export(403, kind="criminal_investigation", old_log=True, with_values=True)
    assert await query("SELECT 1 FROM entries WHERE kind = 'values.exported'") == []
    await export(with_values=True, old_log=True)
    [row] = await query("SELECT entry FROM entries WHERE kind = 'values.exported'")
    said = json.loads(row.entry)["data"]
    assert (said["origin"], said["old_log"], said["end"]) == (OLD_NAME, True, 301)
    assert said["values"] == 301, "each entry may have values in plaintext"
    await runtime.relay.drain()
    [event] = bus.events(ValuesExported)
    assert event.attempt_id in [one.attempt_id for one in bus.events(AccessAttempted)]
    asked = {"plate": "7ABC123", "kind": "values.exported"}
    found = await client.post("/v1/entries/search", json=asked, headers=auditor())
    assert len(found.json()["items"]) == 1
    other = await client.post(
        "/v1/entries/search", json={**asked, "plate": "9ZZZ999"}, headers=auditor()
    )
    assert other.json()["items"] == []
    period = [(clock.now() + timedelta(hours=h)).isoformat() for h in (-1, 1)]
    body = {"person_id": AUDITOR, "occurred_from": period[0], "occurred_to": period[1]}
    report = (await client.post("/v1/breach-reports", json=body, headers=auditor())).json()
    assert report["records_by_kind"]["old_log_entry"] == 301
    assert report["plates"]["7ABC123"] == 201


@pytest.mark.clause("468.4(a)/disclosed-limit")
async def test_an_export_of_the_old_log_counts_a_record_for_each_of_its_entries(
    closed, export, runtime, bus
):
    await export(with_values=True, old_log=True)
    await runtime.relay.drain()
    [shown] = [e for e in bus.events(RecordsDisclosed) if e.record_kind == "old_audit_entries"]
    assert (shown.count, shown.all_ids) == (301, ["0-300"])


@pytest.mark.clause("468.6/breach-report")
async def test_a_breach_report_covers_a_persons_accesses_in_the_old_log(
    closed, client, auditor, clock
):
    period = [(clock.now() + timedelta(hours=h)).isoformat() for h in (-1, 1)]
    body = {"person_id": OFFICER, "occurred_from": period[0], "occurred_to": period[1]}
    report = (await client.post("/v1/breach-reports", json=body, headers=auditor())).json()
    assert report["accesses_allowed"] == 201


@pytest.mark.clause("468.6/breach-report")
async def test_a_breach_report_counts_what_an_export_contained_of_a_log_that_is_destroyed(
    closed, export, runtime, deliver, client, auditor, clock, age
):
    period = [(clock.now() + timedelta(hours=h)).isoformat() for h in (-1, 1)]
    body = {"person_id": AUDITOR, "occurred_from": period[0], "occurred_to": period[1]}
    await export(with_values=True, old_log=True)
    await deliver()
    await age("2 years")
    clock.advance(days=3 * 366)
    assert await OldLogEnd(runtime).destroy_if_due()
    report = (await client.post("/v1/breach-reports", json=body, headers=auditor())).json()
    assert (report["erased"], report["records_by_kind"].get("old_log_entry")) == (301, None)


async def test_the_command_exports_the_old_log_with_a_purpose(closed, command, query, tmp_path):
    who = ("--person-id", "dba-1", "--name", "D. Base", "--title", "Contractor")
    file = tmp_path / "old.jsonl"
    why = ("--reason", "yearly audit", "--purpose", "audit")
    status, said = await command("export", str(file), *who, *why, "--old-log")
    assert (status, file.exists(), "--with-values" in said) == (2, False, True)
    status, said = await command("export", str(file), *who, *why, "--old-log", "--with-values")
    assert status == 0, said
    assert sha256(file.read_bytes()).hexdigest() == (await closing(query))["export_sha256"]
    assert len(await query("SELECT 1 FROM entries WHERE kind = 'values.exported'")) == 1
    status, said = await command("verify-export", str(file), "--vkey", OLD_KEY.vkey, key=False)
    assert status == 0, said


# --- its end ------------------------------------------------------------------------------------

LEFT = "SELECT (SELECT count(*) FROM old_entries), (SELECT count(*) FROM old_checkpoints)"
CALL = "SELECT destroy_old_log(gen_random_uuid(), {years})"


async def test_the_old_log_is_destroyed_completely_once_due_and_this_is_logged(
    closed, query, age, runtime, bus, clock, sound, client, auditor, deliver, policy
):
    said = await closing(query)
    await age("2 years")
    clock.advance(days=3 * 366)
    end = OldLogEnd(runtime)
    assert await end.destroy_if_due()
    tables = ("old_entries", "old_nodes", "old_checkpoints")
    assert [(await query(f"SELECT count(*) FROM {table}"))[0][0] for table in tables] == [0, 0, 0]
    [row] = await query("SELECT entry FROM entries WHERE kind = 'log.destroyed'")
    told = json.loads(row.entry)["data"]
    assert {name: told[name] for name in ("origin", "size", "root_hash")} == {
        name: said[name] for name in ("origin", "size", "root_hash")
    }
    assert (told["kept_years"], told["actor"]["title"]) == (2, "software")
    assert told["resolution_id"] == policy.retention.resolution_id
    assert told["attorney_consent_id"] == policy.retention.attorney_consent_id
    [kept] = await query("SELECT origin, size, root_hash FROM destroyed_logs")
    assert tuple(kept) == (OLD_NAME, 301, b64decode(said["root_hash"]))
    await runtime.relay.drain()
    assert len(bus.events(LogDestroyed)) == 1
    await deliver()  # its own event comes back from Kafka
    assert not await end.destroy_if_due()
    assert len(await query("SELECT 1 FROM entries WHERE kind = 'log.destroyed'")) == 1
    await sound()
    gone = await client.get("/v1/entries/5?old_log=true", headers=auditor())
    assert gone.status_code == 404
    export = await client.post(
        "/v1/exports", json={"old_log": True, "with_values": True}, headers=auditor()
    )
    assert export.status_code == 422


async def test_the_old_log_is_not_destroyed_before_its_time(closed, query, age, runtime, clock):
    """The policy and the service's clock refuse it, and so do the law and the database's clock."""
    before = await query(LEFT)
    end = OldLogEnd(runtime)
    assert not await end.destroy_if_due()
    await age("2 years")
    newest = (await query("SELECT max(appended_at) FROM old_entries"))[0][0]
    due = (await query("SELECT old_log_due(2)"))[0][0]
    assert due.replace(year=due.year - 2) == newest
    clock.advance(seconds=(due - clock.now()).total_seconds() - 1)
    assert not await end.destroy_if_due()
    await age("1 year 11 months")
    clock.advance(days=5 * 366)
    with pytest.raises(DBAPIError, match="kept until"):
        await end.destroy_if_due()
    for years in (-5, 0, 1, 2):
        with pytest.raises(DBAPIError, match="kept until"):
            await query(CALL.format(years=years))
    await age("2 years 1 month")
    with pytest.raises(DBAPIError, match="kept until"):
        await query(CALL.format(years=3))
    assert await query(LEFT) == before


async def test_the_old_log_stays_while_no_authority_to_destroy_is_on_record(
    closed, query, age, runtime, clock, monkeypatch, policy
):
    await age("3 years")
    clock.advance(days=5 * 366)
    before = await query(LEFT)
    for name in ("schedule_id", "resolution_id", "attorney_consent_id"):
        without = msgspec.structs.replace(policy.retention, **{name: " "})
        monkeypatch.setattr(runtime, "policy", msgspec.structs.replace(policy, retention=without))
        assert not await OldLogEnd(runtime).destroy_if_due()
    assert await query(LEFT) == before


async def test_old_log_rows_are_deleted_only_with_an_entry_that_records_it(closed, query, age):
    await age("3 years")
    before = await query(LEFT)
    with pytest.raises(DBAPIError, match="only with an entry of this log"):
        await query(CALL.format(years=2))
    assert await query(LEFT) == before


async def test_an_old_log_that_differs_from_the_closed_one_is_not_destroyed(
    closed, query, age, runtime, clock, as_owner
):
    await age("3 years")
    clock.advance(days=5 * 366)
    async with as_owner("audit") as connection:
        await connection.execute(text("ALTER TABLE old_entries DISABLE TRIGGER USER"))
        await connection.execute(text("DELETE FROM old_entries WHERE seq = 300"))
        await connection.execute(text("ALTER TABLE old_entries ENABLE TRIGGER USER"))
    with pytest.raises(DBAPIError, match="not the one that this log closed"):
        await OldLogEnd(runtime).destroy_if_due()


async def test_the_old_log_cannot_be_destroyed_or_changed_in_another_way(
    closed, query, ask_as_owner, age
):
    await age("3 years")
    for statement in (
        "DELETE FROM old_entries",
        "TRUNCATE old_entries",
        "UPDATE old_entries SET appended_at = now() - interval '9 years'",
        "DELETE FROM old_checkpoints",
        "TRUNCATE old_checkpoints",
        "INSERT INTO destroyed_logs VALUES ('x', 1, '', now(), 2, gen_random_uuid(), now())",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            await query(statement)
    for statement in (
        "TRUNCATE old_entries",
        "TRUNCATE old_nodes",
        "TRUNCATE old_checkpoints",
        "DELETE FROM old_entries",
        "UPDATE old_checkpoints SET note = ''",
    ):
        with pytest.raises(DBAPIError, match="is refused"):
            await ask_as_owner(statement)
    rows = await query(
        "SELECT has_function_privilege('public', 'destroy_old_log(uuid, integer)', 'EXECUTE')"
    )
    assert tuple(rows[0]) == (False,)


async def test_without_an_old_log_no_destruction_is_due(app, deliver, clock, runtime):
    await deliver(an_attempt(clock, request_id=str(uuid4())))
    clock.advance(days=9 * 366)
    assert not await OldLogEnd(runtime).destroy_if_due()
