"""Data of the commit before the walls, migrated: everything is there, and everything works (tests/fixtures/upgrade)."""

import hashlib
import json
from base64 import b64decode
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.audit.old_log import OldLogEnd
from services.audit.verify import verify_export
from shared.merkle import root_of
from shared.notes import Checkpoint, Verifier
from tests.integration.upgrade.conftest import DATABASE, ENDED, FACTS, FIXTURE

pytestmark = pytest.mark.enable_socket


def window(days=30):
    return {
        "captured_from": (ENDED - timedelta(days=days)).isoformat(),
        "captured_to": (ENDED + timedelta(hours=12)).isoformat(),
    }


async def test_people_sign_in_with_what_they_had_and_who_left_does_not(upgraded):
    for username, known in FACTS["people"].items():
        token = await upgraded.sign_in(username)
        me = (await upgraded.must("identity", "GET", "/v1/me", token)).json()
        assert me["account_id"] == known["account_id"]
    with pytest.raises(AssertionError, match="401"):
        await upgraded.sign_in(FACTS["separated"]["username"])


async def test_an_invitation_of_before_is_taken(upgraded):
    body = {"invitation_token": FACTS["invitation"], "password": "four plain words here"}
    begun = await upgraded.must("identity", "POST", "/v1/enrolment", json=body)
    assert begun.json()["totp_secret"]


async def another_administrator(upgraded, administrator):
    """A lieutenant who enrols and is trained after the upgrade; return the access token."""
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
    await upgraded.must("identity", "POST", "/v1/enrolment/confirm", json=token | code)
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
            "retention", "POST", "/v1/searches", detective, purpose=purpose, json=body
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


async def test_old_hits_are_shown_with_what_became_of_them(upgraded):
    officer = await upgraded.sign_in("o.lindqvist")
    purpose = await upgraded.declare(officer)
    page = (await upgraded.must("hotlist", "GET", "/v1/hits", officer, purpose=purpose)).json()
    shown = {hit["hit_id"]: hit for hit in page.get("items", page.get("hits", []))}
    purged = {"7HOT003"}  # before the upgrade, with its read; nobody had worked it
    expected = {hit: plate for hit, plate in FACTS["hits"].items() if plate not in purged}
    assert {hit_id: hit["plate_listed"] for hit_id, hit in shown.items()} == expected
    path = f"/v1/hits/{FACTS['verified_hit']}"
    one = await upgraded.must("hotlist", "GET", path, officer, purpose=purpose)
    assert one.json()["status"] == "verified"
    assert [d["disposition"] for d in one.json()["dispositions"]] == ["vehicle_recovered"]
    other = next(hit for hit in shown if hit != FACTS["verified_hit"])
    verified = {"method": "CLETS", "reference": "T26-99001", "outcome": "misread"}
    path = f"/v1/hits/{other}/verification"
    await upgraded.must("hotlist", "POST", path, officer, purpose=purpose, json=verified)


async def test_packages_evidence_and_documents_of_before_download_whole(upgraded):
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
    """Nobody knows who made the account and the agency that are there already."""
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
