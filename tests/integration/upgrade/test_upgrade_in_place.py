"""Data of the commit before the walls, migrated: everything is there, and everything works (tests/fixtures/upgrade)."""

import hashlib
import json
from base64 import b64decode
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.audit.actions.old_log import OldLogEnd
from services.audit.actions.verify import verify_export
from services.retention.service import RetentionService
from shared.core.merkle import root_of
from shared.core.signed_notes import Checkpoint, Verifier
from shared.service.running import service_of
from tests.integration.upgrade.conftest import DATABASE, ENDED, FACTS, FIXTURE

pytestmark = pytest.mark.enable_socket


def window(days=30):
    return {
        "captured_from": (ENDED - timedelta(days=days)).isoformat(),
        "captured_to": (ENDED + timedelta(hours=12)).isoformat(),
    }


async def test_people_sign_in_with_their_old_credentials_and_a_separated_person_does_not(upgraded):
    for username, known in FACTS["people"].items():
        token = await upgraded.sign_in(username)
        me = (await upgraded.must("identity", "GET", "/v1/me", token)).json()
        assert me["account_id"] == known["account_id"]
        assert me["held_roles"] == me["roles"] != []
    with pytest.raises(AssertionError, match="401"):
        await upgraded.sign_in(FACTS["separated"]["username"])


async def test_an_invitation_from_before_the_upgrade_is_accepted(upgraded):
    body = {"invitation_token": FACTS["invitation"], "password": "four plain words here"}
    begun = await upgraded.must("identity", "POST", "/v1/enrolment", json=body)
    assert begun.json()["totp_secret"]


async def another_administrator(upgraded, administrator):
    """Enrol and train a lieutenant after the upgrade; return the access token."""
    account = {
        "username": "l.moreno",
        "name": "Lee Moreno",
        "title": "Lieutenant",
        "agency_ori": "CA0520100",
        "roles": ["alpr_administrator"],
        "sources": [],
    }
    made = (
        await upgraded.must("identity", "POST", "/v1/accounts", administrator, json=account)
    ).json()
    trainer = await upgraded.sign_in("t.okafor")
    path = f"/v1/accounts/{made['account']['account_id']}/invitation/delivery"
    given = (await upgraded.must("identity", "POST", path, trainer)).json()
    token = {"invitation_token": given["invitation_token"]}
    password = {"password": "four plain words here"}
    begun = await upgraded.must("identity", "POST", "/v1/enrolment", json=token | password)
    secret = pyotp.TOTP(begun.json()["totp_secret"])
    code = {"totp": secret.at(upgraded.clock.now())}
    await upgraded.must("identity", "POST", "/v1/enrolment/confirmation", json=token | code)
    trainer = await upgraded.sign_in("t.okafor")
    training = {
        "account_id": made["account"]["account_id"],
        "completed_on": f"{upgraded.clock.now():%Y-%m-%d}",
    }
    await upgraded.must("identity", "POST", "/v1/training", trainer, json=training)
    upgraded.clock.advance(seconds=31)
    body = password | {"username": "l.moreno", "totp": secret.at(upgraded.clock.now())}
    answer = await upgraded.must("identity", "POST", "/v1/sessions", json=body)
    await upgraded.settle()
    return str(answer.json()["access_token"])


async def test_old_reads_are_searched_with_their_pictures(upgraded):
    detective = await upgraded.sign_in("d.quinn")
    purpose = await upgraded.declare(detective)

    async def plates(days, **criteria):
        body = {**window(days), **criteria}
        page = await upgraded.must(
            "retention", "POST", "/v1/reads/search", detective, purpose=purpose, json=body
        )
        found = page.json()
        return sorted(read["plate"] for read in found.get("items", found.get("reads", [])))

    assert await plates(30, plate="8ABC005") == ["8ABC005"]
    assert await plates(30, plate="8TWO001") == ["8TWO001", "8TWO001"]
    assert await plates(366, plate="6DUE003") == ["6DUE003"]
    assert await plates(366, plate="6OLD003") == []
    read = FACTS["frame_reads"][0]
    crop = await upgraded.must(
        "retention", "GET", f"/v1/reads/{read['read_id']}/crop", detective, purpose=purpose
    )
    assert crop.content.startswith(b"\xff\xd8\xff")
    frame = await upgraded.must(
        "retention", "GET", f"/v1/captures/{read['capture_id']}/image", detective, purpose=purpose
    )
    assert frame.content.startswith(b"\xff\xd8\xff")


async def test_old_hits_are_listed_with_their_verifications(upgraded):
    officer = await upgraded.sign_in("o.lindqvist")
    purpose = await upgraded.declare(officer)
    page = (await upgraded.must("hotlist", "GET", "/v1/hits", officer, purpose=purpose)).json()
    shown = {hit["hit_id"]: hit for hit in page.get("items", page.get("hits", []))}
    purged = {"7HOT003"}  # before the upgrade, with its read; no person had verified it
    expected = {hit: plate for hit, plate in FACTS["hits"].items() if plate not in purged}
    assert {hit_id: hit["plate_listed"] for hit_id, hit in shown.items()} == expected
    path = f"/v1/hits/{FACTS['verified_hit']}"
    one = await upgraded.must("hotlist", "GET", path, officer, purpose=purpose)
    assert one.json()["status"] == "verified"
    done = [(d["disposition"], d["result"]) for d in one.json()["dispositions"]]
    assert done == [("vehicle_recovered", "other")], "in words alone before results were codes"
    assert one.json()["result"] == "other"
    other = next(hit for hit in shown if hit != FACTS["verified_hit"])
    verified = {"method": "CLETS", "reference": "T26-99001", "outcome": "misread"}
    path = f"/v1/hits/{other}/verification"
    await upgraded.must("hotlist", "POST", path, officer, purpose=purpose, json=verified)


async def test_old_packages_evidence_and_documents_download_unchanged(upgraded):
    outsider = await upgraded.sign_in("s.tran")
    for name in ("release", "undelivered"):
        told = FACTS[name]
        path = f"/v1/requests/{told['request_id']}/package"
        package = await upgraded.must("release", "GET", path, outsider)
        assert hashlib.sha256(package.content).hexdigest() == told["sha256"]
    administrator = await upgraded.sign_in("a.ramirez")
    document = FACTS["document"]
    answer = await upgraded.ask(
        "release",
        "GET",
        f"/v1/documents/{document['document_id']}",
        administrator,
        await upgraded.declare(administrator, "release"),
    )
    assert hashlib.sha256(answer.content).hexdigest() == document["sha256"], answer.text
    detective = await upgraded.sign_in("d.quinn")
    purpose = await upgraded.declare(detective)
    for export in FACTS["exports"].values():
        path = f"/v1/evidence-exports/{export['export_id']}/package"
        package = await upgraded.must("retention", "GET", path, detective, purpose=purpose)
        assert hashlib.sha256(package.content).hexdigest() == export["sha256"]


@pytest.mark.clause("468.7(b)/provisioners")
async def test_a_request_of_before_is_approved_by_two_and_packaged(upgraded):
    """No record names the provisioners of the existing account and agency."""
    administrator = await upgraded.sign_in("a.ramirez")
    path = f"/v1/requests/{FACTS['open_request']}"
    decision = {"decision": "approve", "reason": "Theft case of a county agency, one plate only"}
    purpose = await upgraded.declare(administrator, "release")
    answer = await upgraded.must(
        "release", "POST", f"{path}/decision", administrator, purpose=purpose, json=decision
    )
    assert answer.json()["status"] == "first_approved"
    second = await another_administrator(upgraded, administrator)
    theirs = await upgraded.declare(second, "release")
    await upgraded.must(
        "release", "POST", f"{path}/decision", second, purpose=theirs, json=decision
    )
    await upgraded.settle()
    await service_of(upgraded.apps["retention"], RetentionService).packager.work()
    await upgraded.settle()
    filed = (await upgraded.must("release", "GET", path, administrator, purpose=purpose)).json()
    assert filed["status"] == "packaged", filed


async def test_devices_post_with_their_credentials_and_a_revoked_one_does_not(upgraded):
    for name, device in FACTS["devices"].items():
        read = {
            "source_id": "after-the-upgrade",
            "plate": "8NEW001",
            "region": "US-CA",
            "confidence": 0.9,
            "captured_at": upgraded.clock.now().isoformat(),
        }
        headers = {"Authorization": f"Bearer {device['credential']}"}
        answer = await upgraded.ask("ingest", "POST", "/v1/reads", json=[read], headers=headers)
        assert answer.status_code == (401 if device.get("revoked") else 202), (name, answer.text)
    await upgraded.settle()
    detective = await upgraded.sign_in("d.quinn")
    purpose = await upgraded.declare(detective)
    body = {**window(), "plate": "8NEW001"}
    page = await upgraded.must(
        "retention", "POST", "/v1/reads/search", detective, purpose=purpose, json=body
    )
    found = page.json()
    assert len(found.get("items", found.get("reads", []))) == len(FACTS["devices"]) - 1


LEFT = "SELECT plate_as_read FROM reads UNION SELECT plate_as_read FROM held_reads"


async def test_the_next_daily_purge_destroys_due_records_and_keeps_held_ones(upgraded):
    upgraded.clock.advance(days=1)
    custodian = await upgraded.sign_in("c.records")
    await service_of(upgraded.apps["retention"], RetentionService).purger.work()
    await upgraded.settle()
    page = (await upgraded.must("retention", "GET", "/v1/purge-runs", custodian)).json()
    run = page.get("items", page.get("runs"))[0]
    assert (run["kind"], run["state"]) == ("daily", "certified"), run
    async with upgraded.runtimes["retention"].db.begin() as connection:
        left = (await connection.execute(text(LEFT))).scalars()
        plates = set(left)
    assert not {plate for plate in plates if plate.startswith("6DUE")}
    assert "7HOT004" not in plates
    assert {"6HELD01", "6HELD02", "8TWO001", "8ABC007"} <= plates


async def test_the_old_log_is_there_entry_by_entry(upgraded):
    """The entries equal the auditor's export before the upgrade, in any present form of storage."""
    lines = (FIXTURE / "log-export.ndjson").read_text().splitlines()
    exported = [json.loads(line)["entry"] for line in lines if "entry" in json.loads(line)]
    assert len(exported) == FACTS["log"]["entries"]
    async with upgraded.runtimes["audit"].db.begin() as connection:
        rows = await connection.execute(
            text("SELECT entry FROM old_entries ORDER BY seq LIMIT 293")
        )
        kept = [row if isinstance(row, str) else bytes(row).decode() for row in rows.scalars()]
    assert kept[: len(exported)] == exported


async def test_the_new_log_begins_with_the_closing_state_of_the_old_one(upgraded):
    """Signed under the old name at its last entry; the new log has another name and no plate in it."""
    async with upgraded.runtimes["audit"].db.begin() as connection:
        first = (await connection.execute(text("SELECT entry FROM entries WHERE seq = 0"))).scalar()
        leaves = (
            await connection.execute(text("SELECT leaf_hash FROM old_entries ORDER BY seq"))
        ).scalars()
        root = root_of(bytes(leaf) for leaf in leaves)
        size = (await connection.execute(text("SELECT count(*) FROM old_entries"))).scalar_one()
    said = json.loads(first)["data"]
    keys = json.loads((FIXTURE / "log-keys.json").read_text())
    [key] = [Verifier.parse(vkey) for vkey in keys["verifier_keys"]]
    closed = Checkpoint.parse(key.verify(said["note"]))
    assert (said["origin"], said["size"]) == (keys["origin"], size)
    assert (closed.origin, closed.size, closed.root) == (keys["origin"], size, root)
    assert b64decode(said["root_hash"]) == root
    own = upgraded.runtimes["audit"].settings
    assert own.log_origin != keys["origin"]


@pytest.mark.clause("wall/old-log")
async def test_the_old_log_is_exported_with_a_purpose_and_verifies_with_the_key_of_before(upgraded):
    """It is byte for byte the log that entry 0 committed to at its closing, from before `chain` and `previous`."""
    auditor = await upgraded.sign_in("i.haddad")
    body = {"old_log": True, "with_values": True}
    ask = {"service": "audit", "method": "POST", "path": "/v1/exports", "person": auditor}
    canvass = await upgraded.declare(auditor)
    assert (await upgraded.ask(**ask, purpose=canvass, json=body)).status_code == 403
    purpose = await upgraded.declare(auditor, "audit")
    assert (await upgraded.ask(**ask, purpose=purpose, json={"old_log": True})).status_code == 422
    answer = await upgraded.must(**ask, purpose=purpose, json=body)
    async with upgraded.runtimes["audit"].db.begin() as connection:
        first = (await connection.execute(text("SELECT entry FROM entries WHERE seq = 0"))).scalar()
    said = json.loads(first)["data"]
    assert hashlib.sha256(answer.content).hexdigest() == said["export_sha256"]
    lines = answer.content.splitlines(keepends=True)
    entries = [line for line in lines if line.startswith(b'{"seq"')]
    before = [
        line
        for line in (FIXTURE / "log-export.ndjson").read_bytes().splitlines(keepends=True)
        if line.startswith(b'{"seq"')
    ]
    assert entries[: len(before)] == before
    keys = json.loads((FIXTURE / "log-keys.json").read_text())
    [key] = [Verifier.parse(vkey) for vkey in keys["verifier_keys"]]
    found = verify_export(iter(lines), [key])
    assert found.ok, found.faults
    assert (found.entries, found.unsigned_entries) == (said["size"], 0)


@pytest.mark.clause("wall/old-log")
async def test_the_old_log_is_kept_for_two_years_and_then_destroyed_whole(upgraded, postgres):
    """This is the last test here: it destroys the old log."""
    audit = upgraded.runtimes["audit"]
    end = OldLogEnd(audit)

    async def count():
        async with audit.db.begin() as connection:
            return (await connection.execute(text("SELECT count(*) FROM old_entries"))).scalar_one()

    there = await count()
    assert not await end.destroy_if_due()
    upgraded.clock.advance(days=2 * 366)
    with pytest.raises(DBAPIError, match="kept until"):  # by the clock of the database it is not
        await end.destroy_if_due()
    assert await count() == there > 290
    postgres._sql(
        "SET search_path TO audit; ALTER TABLE old_entries DISABLE TRIGGER USER;"
        " UPDATE old_entries SET appended_at = appended_at - interval '2 years 1 day';"
        " ALTER TABLE old_entries ENABLE TRIGGER USER",
        DATABASE,
    )
    assert await end.destroy_if_due()
    assert await count() == 0
    async with audit.db.begin() as connection:
        rows = await connection.execute(
            text(
                "SELECT entry FROM entries WHERE kind IN ('log.closed', 'log.destroyed') ORDER BY seq"
            )
        )
        closed, destroyed = [json.loads(entry)["data"] for entry in rows.scalars()]
    assert (destroyed["origin"], destroyed["size"]) == (closed["origin"], there)
    assert destroyed["root_hash"] == closed["root_hash"]
