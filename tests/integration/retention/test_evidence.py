"""Exports of held records: whole, signed, asked for once, downloaded on record, gone with their hold."""

import asyncio
import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest

from services.retention.actions import exports, packaging
from services.retention.domain import bag
from services.retention.domain.signing import load_public
from services.retention.domain.verifying import verify_package
from services.retention.store.exports import ExportQueue
from services.retention.workers import evidence
from shared.core.errors import Unavailable
from shared.core.periodic import cancelled
from shared.core.permissions import Permission
from shared.events import (
    AccessAttempted,
    Alternative,
    EvidenceBooked,
    EvidenceChanged,
    RecordsDisclosed,
)
from tests.integration.locking import locked_while
from tests.integration.retention.conftest import JPEG, SOLANO, a_capture, a_read
from tests.integration.retention.evidence import lines, public_key, written
from tests.integration.retention.exporting import (
    BOOKING,
    book,
    current,
    download,
    exported,
    request,
    send,
    withdraw,
)
from tests.integration.retention.holding import LONG_AGO, OTHER, RELEASER, place, release
from tests.integration.retention.packaging import a_pictured_read, content, names
from tests.integration.retention.purging import purge
from tests.integration.serving import received_until_cut_off

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
OTHER_ORI = "CA0520000"
SLOW_S = 3.0
"""How long each slow step of a large package takes in a test."""


async def changes(retention):
    return [event.change for event in await retention.emitted(EvidenceChanged)]


@pytest.mark.clause("468.5/evidence")
async def test_an_export_is_a_signed_package_of_all_that_the_hold_keeps(retention, tmp_path):
    capture, read = await a_pictured_read(retention, "7ABC123")
    _, old = await a_pictured_read(
        retention, "7ABC123", LONG_AGO, seen={"vehicle_make": "Ford", "lane": 2}
    )
    await a_pictured_read(retention, "8XYZ987")  # not held
    await a_pictured_read(retention, "7ABC123", NOON, agency_ori=OTHER_ORI)  # not ours
    hold = await place(retention, plate="7ABC123")
    await purge(retention)  # records past the schedule are with those that only holds retain
    asked = await request(retention, hold)
    assert (asked["state"], asked["case_number"]) == ("requested", "26-001234")
    await retention.running.evidence.work()
    export = await current(retention, asked)
    figures = [export[name] for name in ("state", "reads", "captures", "images", "omitted")]
    assert figures == ["ready", 2, 2, 4, 0]
    path = await written(retention, export, tmp_path / "evidence.zip")
    assert export["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert export["size_bytes"] == path.stat().st_size
    verdict = verify_package(path, load_public(await public_key(retention)))
    assert verdict.holds
    assert verdict.key_id == export["signed_by"]
    reads = lines(path, "data/records.jsonl")
    assert [r["read_id"] for r in reads] == [str(old.read_id), str(read.read_id)]
    seen = [
        r["vehicle"] and {k: v for k, v in r["vehicle"].items() if v is not None} for r in reads
    ]
    assert seen == [{"make": "Ford", "lane": 2}, None]
    assert content(path, f"data/{reads[1]['image']}") == JPEG
    assert content(path, f"data/{reads[1]['crop']}") == JPEG
    frames = lines(path, "data/captures.jsonl")
    assert str(capture.capture_id) in {frame["capture_id"] for frame in frames}
    assert {frame["sha256"] for frame in frames} == {hashlib.sha256(JPEG).hexdigest()}
    cover = json.loads(content(path, "data/evidence.json"))
    assert cover["hold"]["hold_id"] == hold["hold_id"]
    assert cover["hold"]["basis"] == "criminal_action"
    assert cover["hold"]["criteria"] == {"plate": "7ABC123"}
    assert cover["requested_by"]["name"] == "Officer Seven"
    assert cover["purpose"]["case_number"] == "26-001234"
    info = content(path, "bag-info.txt").decode()
    assert f"External-Identifier: {export['export_id']}\n" in info
    assert await changes(retention) == ["requested", "packaged", "downloaded"]


PEOPLE = {
    name: {"account_id": f"00000000-0000-4000-8000-0000000000e{n}", "name": name}
    for n, name in enumerate(("Placer", "Confirmer", "Requester", "Taker", "Withdrawer", "Booker"))
}


@pytest.mark.clause("468.5/evidence")
async def test_each_step_of_evidence_is_recorded_for_the_person_who_took_it(retention, tmp_path):
    def headers(name):
        authority, who = retention.authority, PEOPLE[name]
        purpose = authority.purpose_token(account_id=who["account_id"], case_number="26-001234")
        return authority.headers(**who) | {"X-ALPR-Purpose": purpose}

    async def step(name, path, body, status=200):
        own = headers(name) | {"Idempotency-Key": f"key of {name}".replace(" ", "-")}
        answer = await retention.client.post(path, json=body, headers=own)
        assert answer.status_code == status, answer.text
        return answer.json()

    await a_pictured_read(retention, "7ABC123")
    body = {"basis": "evidence", "case_number": "26-001234", "description": "of a case"}
    hold = await step("Placer", "/v1/holds", {**body, "criteria": {"plate": "7A*"}}, 201)
    path = f"/v1/holds/{hold['hold_id']}/confirmation"
    await step("Confirmer", path, {"reason": "the court's order names them"})
    body = {"hold_id": hold["hold_id"]}
    export = await step("Requester", "/v1/evidence-exports", body, 202)
    dropped = await step("Withdrawer", "/v1/evidence-exports", body, 202)
    await retention.running.evidence.work()
    export = await current(retention, export)
    copy = tmp_path / "evidence.zip"
    copy.write_bytes((await download(retention, export, **PEOPLE["Taker"])).content)
    path = f"/v1/evidence-exports/{export['export_id']}/bookings"
    booking = await step("Booker", path, {**BOOKING, "sha256": export["sha256"]}, 201)
    dropped = await withdraw(retention, dropped, **PEOPLE["Taker"])

    cover = json.loads(content(copy, "data/evidence.json"))
    assert cover["requested_by"]["name"] == "Requester"
    assert cover["hold"]["placed_by"]["name"] == "Placer"
    assert cover["hold"]["confirmed_by"]["name"] == "Confirmer"
    assert dropped["requested_by"]["name"] == "Withdrawer"
    assert dropped["withdrawn_by"]["name"] == "Taker"
    assert booking["booked_by"]["name"] == "Booker"
    statement = (await retention.get(f"{path}/{booking['booking_id']}/statement")).json()
    assert statement["booked_by"]["name"] == "Booker"
    [booked] = await retention.emitted(EvidenceBooked)
    assert booked.actor.name == "Booker"
    told = await retention.emitted(EvidenceChanged)
    assert {(e.change, e.actor.name) for e in told if e.change != "packaged"} == {
        ("requested", "Requester"),
        ("requested", "Withdrawer"),
        ("downloaded", "Taker"),
        ("withdrawn", "Taker"),
    }


async def test_a_tampered_copy_of_evidence_does_not_verify(retention, tmp_path):
    await a_pictured_read(retention, "7ABC123")
    _, export = await exported(retention, plate="7ABC123")
    path = await written(retention, export, tmp_path / "evidence.zip")
    key = load_public(await public_key(retention))
    whole = path.read_bytes()
    assert verify_package(path, key).holds
    path.write_bytes(whole.replace(JPEG, JPEG[:-1] + b"!", 1))
    assert not verify_package(path, key).holds
    path.write_bytes(whole[:-10])
    assert not verify_package(path, key).holds


async def test_a_frame_without_a_plate_is_evidence_where_its_place_is_held(retention, tmp_path):
    empty = a_capture(NOON, outcome="no_plate")
    elsewhere = a_capture(NOON, outcome="no_plate", device_id=OTHER)
    for event in (empty, elsewhere):
        await retention.objects.put(event.capture.image.object_key, JPEG)
    await retention.store(empty, elsewhere)
    area = {"latitude": SOLANO.latitude, "longitude": SOLANO.longitude, "radius_m": 50}
    _, export = await exported(
        retention,
        area=area,
        device_ids=[str(empty.capture.device_id)],
        captured_from=NOON.isoformat(),
        captured_to=(NOON + timedelta(days=1)).isoformat(),
    )
    path = await written(retention, export, tmp_path / "evidence.zip")
    assert (export["reads"], export["captures"], export["images"]) == (0, 1, 1)
    [frame] = lines(path, "data/captures.jsonl")
    assert (frame["capture_id"], frame["outcome"]) == (str(empty.capture.capture_id), "no_plate")
    assert content(path, f"data/{frame['image']}") == JPEG


async def test_evidence_contains_the_misread_risk_and_alternatives_of_a_read(retention, tmp_path):
    read = a_read(
        "7ABC123",
        NOON,
        misread_risk=0.4,
        alternatives=[Alternative("7ABC123", 0.6), Alternative("7A8C123", 0.4)],
    )
    await retention.store(read)
    _, export = await exported(retention, plate="7ABC123")
    path = await written(retention, export, tmp_path / "evidence.zip")
    [told] = lines(path, "data/records.jsonl")
    assert told["misread_risk"] == 0.4
    assert told["alternatives"][1] == {"plate": "7A8C123", "probability": 0.4}
    assert told["pass_id"] is None


async def test_a_frame_whose_record_never_came_is_listed_as_omitted(retention, tmp_path):
    """The hold keeps the frame, and without its record nothing says which bytes the camera sent."""
    frame = a_capture(NOON).capture
    named = {"capture_id": frame.capture_id, "image_key": frame.image.object_key}
    await retention.objects.put(frame.image.object_key, JPEG)
    await retention.store(a_read("7ABC123", NOON, **named), a_read("7ABC128", NOON, **named))
    _, export = await exported(retention, plate="7ABC12?")
    assert (export["reads"], export["images"], export["omitted"]) == (2, 0, 1)
    path = await written(retention, export, tmp_path / "evidence.zip")
    omitted = content(path, "data/omitted.csv").decode().splitlines()[1:]
    assert omitted == [f"images/{frame.capture_id},the record of this frame has not arrived"]
    await retention.store(a_capture(NOON, capture_id=frame.capture_id, image=JPEG))
    _, export = await exported(retention, plate="7ABC12?")
    assert (export["images"], export["omitted"]) == (1, 0)


async def test_a_missing_image_is_listed_and_counted_as_omitted(retention, tmp_path):
    capture, _ = await a_pictured_read(retention, "7ABC123")
    del retention.objects.stored[capture.image.object_key]
    _, export = await exported(retention, plate="7ABC123")
    assert (export["images"], export["omitted"]) == (1, 1)
    path = await written(retention, export, tmp_path / "evidence.zip")
    assert "data/omitted.csv" in names(path)
    assert verify_package(path).holds


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_building_an_export_is_recorded_for_the_requester_with_every_record(retention):
    capture, read = await a_pictured_read(retention, "7ABC123")
    hold, export = await exported(retention, plate="7ABC123")
    attempts = [a for a in await retention.emitted(AccessAttempted) if a.method == "EVENT"]
    [attempt] = attempts
    assert attempt.actor.name == "Officer Seven"
    assert attempt.permission == "hold:manage"
    assert attempt.purpose.case_number == "26-001234"
    assert attempt.elements == {
        "export_id": export["export_id"],
        "hold_id": hold["hold_id"],
        "plate": "7ABC123",
    }
    disclosed = await retention.emitted(RecordsDisclosed)
    made = {(e.record_kind, *e.all_ids) for e in disclosed if e.attempt_id == attempt.attempt_id}
    assert made == {
        ("hold", hold["hold_id"]),
        ("read", str(read.read_id)),
        ("capture", str(capture.capture_id)),
    }
    [packaged] = [e for e in await retention.emitted(EvidenceChanged) if e.change == "packaged"]
    assert packaged.details["attempt_id"] == str(attempt.attempt_id)
    assert packaged.details["sha256"] == export["sha256"]
    assert packaged.actor.person_id == "system:retention"
    await download(retention, export)
    assert ("package", export["export_id"]) in {
        (e.record_kind, *e.all_ids) for e in await retention.emitted(RecordsDisclosed)
    }


async def test_a_repeated_export_request_makes_one_export(retention):
    await retention.store(a_read("7ABC123", NOON))
    hold = await place(retention, plate="7ABC123")
    first = await request(retention, hold, key="drawn-once")
    again = await request(retention, hold, key="drawn-once")
    await retention.running.evidence.work()
    later = await request(retention, hold, key="drawn-once")
    assert first["export_id"] == again["export_id"] == later["export_id"]
    assert later["state"] == "ready"
    assert (await changes(retention)).count("requested") == 1
    another = await request(retention, hold, key="drawn-anew")
    theirs = await request(retention, hold, key="drawn-once", account_id=str(uuid4()))
    of_another_hold = await request(
        retention, await place(retention, plate="7ABC12*"), key="drawn-once"
    )
    assert len({e["export_id"] for e in (first, another, theirs, of_another_hold)}) == 4
    await send(retention, "/v1/evidence-exports", {"hold_id": hold["hold_id"]}, 422, key="short")


async def test_a_hold_without_records_or_released_cannot_be_exported(retention):
    await retention.store(a_read("8XYZ987", NOON))
    empty = await place(retention, plate="7ABC123")
    assert "no record" in (await request(retention, empty, 409))["detail"]
    over = await place(retention, plate="8XYZ987")
    await release(retention, over)
    assert "released" in (await request(retention, over, 409))["detail"]
    await request(retention, {"hold_id": str(uuid4())}, 404)
    await request(retention, over, 404, ori=OTHER_ORI)
    assert await retention.fetch("SELECT 1 FROM evidence_exports") == []
    assert await changes(retention) == []


async def test_an_export_whose_records_are_gone_fails_with_its_reason(retention):
    await retention.store(a_read("7ABC123", NOON))
    hold = await place(retention, plate="7ABC123")
    export = await request(retention, hold)
    await retention.fetch("DELETE FROM reads RETURNING 1")
    await retention.running.evidence.work()
    export = await current(retention, export)
    assert export["state"] == "failed"
    assert "no record" in export["fault"]
    assert await changes(retention) == ["requested", "failed"]
    await download(retention, export, 409)
    await withdraw(retention, export, 409)
    await release(retention, hold)  # it blocks no other export


async def test_an_export_waits_while_the_object_store_is_down(retention):
    await a_pictured_read(retention, "7ABC123")
    hold = await place(retention, plate="7ABC123")
    export = await request(retention, hold)
    retention.objects.down = True
    await retention.running.evidence.work()
    waiting = await current(retention, export)
    assert waiting["state"] == "requested"
    assert "object store" in waiting["fault"]
    retention.objects.down = False
    await retention.running.evidence.work()  # too early
    assert (await current(retention, export))["state"] == "requested"
    retention.clock.advance(seconds=2)
    await retention.running.evidence.work()
    ready = await current(retention, export)
    assert (ready["state"], ready["fault"]) == ("ready", None)


async def test_an_export_fails_after_the_maximum_number_of_attempts(retention, monkeypatch):
    monkeypatch.setattr(evidence, "MAX_ATTEMPTS", 2)
    await a_pictured_read(retention, "7ABC123")
    export = await request(retention, await place(retention, plate="7ABC123"))
    for _ in range(2):
        retention.objects.down = True
        await retention.running.evidence._one()
        retention.clock.advance(minutes=1)
    retention.objects.down = False
    assert (await current(retention, export))["state"] == "failed"
    assert await changes(retention) == ["requested", "failed"]
    assert not await retention.running.evidence._one()
    key = f"evidence/{export['export_id']}.zip"
    await retention.objects.put(key, b"a package of which the database knows nothing")
    await retention.running.evidence.work()
    assert key not in retention.objects.stored


@pytest.mark.parametrize("attempts", [1, 2], ids=["the last attempt", "not the last attempt"])
async def test_an_export_that_is_withdrawn_as_its_attempt_fails_stays_withdrawn(
    retention, monkeypatch, attempts
):
    monkeypatch.setattr(evidence, "MAX_ATTEMPTS", attempts)
    await a_pictured_read(retention, "7ABC123")
    export = await request(retention, await place(retention, plate="7ABC123"))
    worker = retention.running.evidence
    not_built = worker._not_built

    async def withdrawn_first(*arguments, **named):
        await withdraw(retention, export)
        await not_built(*arguments, **named)

    monkeypatch.setattr(type(worker), "_not_built", lambda _, *a, **k: withdrawn_first(*a, **k))
    retention.objects.down = True
    assert await worker._one()
    retention.objects.down = False
    export = await current(retention, export)
    assert (export["state"], export["fault"]) == ("withdrawn", None)
    assert await changes(retention) == ["requested", "withdrawn"]


REFUSED = [
    ({"permissions": [Permission.HOLD_READ]}, Permission.HOLD_MANAGE.words),
    ({"purpose": False}, "purpose"),
    ({"trained_until": None}, "training"),
]


@pytest.mark.clause("468.5/evidence")
@pytest.mark.parametrize(("claims", "word"), REFUSED, ids=[word for _, word in REFUSED])
async def test_evidence_is_refused_without_permission_purpose_and_training(retention, claims, word):
    await a_pictured_read(retention, "7ABC123")
    hold, export = await exported(retention, plate="7ABC123")
    claims = dict(claims)
    headers = retention.authority.headers(*claims.pop("permissions", ()), **claims)
    before = len(await retention.emitted(AccessAttempted))
    base = f"/v1/evidence-exports/{export['export_id']}"
    problems = [
        await request(retention, hold, 403, headers=headers),
        await book(retention, export, 403, headers=headers),
        await send(retention, f"{base}/withdrawal", {"reason": "why not"}, 403, headers=headers),
        (await retention.client.get(f"{base}/package", headers=headers)).json(),
    ]
    assert all(word in problem["detail"] for problem in problems)
    attempts = (await retention.emitted(AccessAttempted))[before:]
    assert [attempt.allowed for attempt in attempts] == [False] * 4
    assert len(await retention.fetch("SELECT 1 FROM evidence_exports")) == 1
    assert await retention.fetch("SELECT 1 FROM evidence_bookings") == []
    assert await changes(retention) == ["requested", "packaged"]


@pytest.mark.clause("468.5/evidence")
@pytest.mark.clause("468.6(b)/contained")
async def test_a_purpose_narrower_than_the_hold_gets_no_evidence(retention):
    await a_pictured_read(retention, "7ABC123")
    hold, export = await exported(retention, plate="7ABC123")
    headers = retention.authority.headers()
    scope = {"captured_to": (NOON - timedelta(hours=1)).isoformat()}
    headers["X-ALPR-Purpose"] = retention.authority.purpose_token(scope=scope)
    before = len(await retention.emitted(AccessAttempted))
    assert "outside" in (await request(retention, hold, 403, headers=headers))["detail"]
    path = f"/v1/evidence-exports/{export['export_id']}/package"
    assert (await retention.client.get(path, headers=headers)).status_code == 403
    path = f"/v1/evidence-exports/{export['export_id']}/withdrawal"
    reason = {"reason": "not this case's evidence"}
    refused = await retention.client.post(path, json=reason, headers=headers)
    assert refused.status_code == 403
    assert "outside" in (await book(retention, export, 403, headers=headers))["detail"]
    attempts = (await retention.emitted(AccessAttempted))[before:]
    assert [attempt.allowed for attempt in attempts] == [True, False] * 4
    assert (await current(retention, export))["state"] == "ready"
    assert (await current(retention, export))["copies_booked"] == 0


@pytest.mark.clause("468.6/separation")
async def test_a_download_of_evidence_is_cut_off_once_the_account_of_its_person_ends(
    retention, monkeypatch
):
    await a_pictured_read(retention, "7ABC123")
    _, export = await exported(retention, plate="7ABC123")
    whole = (await download(retention, export)).content
    pieces = [whole[start : start + 1000] for start in range(0, len(whole), 1000)]
    headers = retention.authority.headers()

    async def stream(key):
        for number, piece in enumerate(pieces):
            if number == 3:
                account = "00000000-0000-4000-8000-000000000007"
                ended = retention.authority.account(account, "locked", retention.clock.now())
                retention.authority.people.know(ended)
            yield piece

    monkeypatch.setattr(retention.runtime.objects, "stream", stream)
    path = f"/v1/evidence-exports/{export['export_id']}/package"
    status, received = await received_until_cut_off(retention.app, "GET", path, headers)
    assert (status, received) == (200, b"".join(pieces[:2]))
    assert await changes(retention) == ["requested", "packaged", "downloaded"], "the whole one"


@pytest.mark.clause("468.5/evidence")
async def test_another_agencys_exports_are_not_found(retention):
    await a_pictured_read(retention, "7ABC123")
    hold, export = await exported(retention, plate="7ABC123")
    booking = await book(retention, export)
    path = f"/v1/evidence-exports/{export['export_id']}"
    statement = f"{path}/bookings/{booking['booking_id']}/statement"
    await retention.get(statement)
    await retention.get(statement, 404, ori=OTHER_ORI)
    await retention.get(path, 404, ori=OTHER_ORI)
    await download(retention, export, 404, ori=OTHER_ORI)
    await retention.get(f"{path}/bookings", 404, ori=OTHER_ORI)
    await retention.post(f"{path}/withdrawal", {"reason": "not ours"}, 404, ori=OTHER_ORI)
    await withdraw(retention, await request(retention, hold))
    for theirs in (await retention.get("/v1/evidence-exports")).json()["items"]:
        headers = retention.authority.headers(ori=OTHER_ORI)
        await book(retention, theirs | {"sha256": export["sha256"]}, 404, headers=headers)
    listed = (await retention.get("/v1/evidence-exports", ori=OTHER_ORI)).json()
    assert listed["items"] == []


async def test_an_agency_exports_its_own_records_only(retention, tmp_path):
    await retention.store(
        a_read("7ABC123", NOON), a_read("7ABC123", NOON - timedelta(1), agency_ori=OTHER_ORI)
    )
    body = {
        "basis": "evidence",
        "case_number": "S-1",
        "description": "the sheriff's own",
        "criteria": {"plate": "7ABC123"},
    }
    hold = await retention.post("/v1/holds", body, 201, ori=OTHER_ORI)
    export = await request(retention, hold, ori=OTHER_ORI)
    await retention.running.evidence.work()
    path = tmp_path / "theirs.zip"
    path.write_bytes((await download(retention, export, ori=OTHER_ORI)).content)
    [told] = lines(path, "data/records.jsonl")
    assert datetime.fromisoformat(told["captured_at"]) == NOON - timedelta(1)


@pytest.mark.clause("468.5/evidence")
async def test_frames_of_another_agency_are_no_evidence_of_this_one(retention):
    ours = a_capture(NOON, outcome="no_plate")
    theirs = a_capture(NOON, outcome="no_plate", agency_ori=OTHER_ORI)
    for event in (ours, theirs):
        await retention.objects.put(event.capture.image.object_key, JPEG)
    await retention.store(ours, theirs)
    window = {
        "captured_from": NOON.isoformat(),
        "captured_to": (NOON + timedelta(days=1)).isoformat(),
    }
    _, export = await exported(retention, device_ids=[str(ours.capture.device_id)], **window)
    assert (export["reads"], export["captures"], export["images"]) == (0, 1, 1)


@pytest.mark.clause("468.5/evidence")
async def test_a_hold_of_which_only_another_agency_has_records_is_not_exported(retention):
    theirs = a_capture(NOON, outcome="no_plate", agency_ori=OTHER_ORI)
    await retention.store(a_read("7ABC123", NOON, agency_ori=OTHER_ORI), theirs)
    window = {
        "captured_from": NOON.isoformat(),
        "captured_to": (NOON + timedelta(days=1)).isoformat(),
    }
    hold = await place(retention, device_ids=[str(theirs.capture.device_id)], **window)
    assert (await request(retention, hold, 409))["code"] == "export_of_empty_hold"
    records = await retention.get(f"/v1/holds/{hold['hold_id']}/records")
    assert records.json()["items"] == []


@pytest.mark.clause("468.5/evidence")
async def test_a_frame_that_only_its_hold_keeps_is_exported(retention):
    frame = a_capture(LONG_AGO, outcome="no_plate")
    await retention.objects.put(frame.capture.image.object_key, JPEG)
    await retention.store(frame)
    window = {
        "captured_from": LONG_AGO.isoformat(),
        "captured_to": (LONG_AGO + timedelta(days=1)).isoformat(),
    }
    hold = await place(retention, device_ids=[str(frame.capture.device_id)], **window)
    await purge(retention)
    export = await request(retention, hold)
    await retention.running.evidence.work()
    export = await current(retention, export)
    assert (export["state"], export["captures"], export["images"]) == ("ready", 1, 1)


@pytest.mark.clause("468.5/evidence")
async def test_a_read_that_only_its_hold_keeps_is_exported(retention):
    await retention.store(a_read("7ABC123", LONG_AGO))
    hold = await place(retention, plate="7ABC123")
    await purge(retention)
    export = await request(retention, hold)
    await retention.running.evidence.work()
    export = await current(retention, export)
    assert (export["state"], export["reads"]) == ("ready", 1)


@pytest.mark.clause("468.5/evidence")
async def test_a_hold_is_released_or_exported_but_not_both_at_once(retention):
    await a_pictured_read(retention, "7ABC123")
    hold = await place(retention, plate="7ABC123")
    releaser = retention.authority.headers(**RELEASER)
    requester = retention.authority.headers() | {"Idempotency-Key": f"key-{uuid4()}"}
    post, hold_id = retention.client.post, hold["hold_id"]
    answers = await locked_while(
        retention.runtime.db,
        f"SELECT FROM holds WHERE hold_id = '{hold_id}' FOR UPDATE",
        post(f"/v1/holds/{hold_id}/release", json={"reason": "case closed"}, headers=releaser),
        post("/v1/evidence-exports", json={"hold_id": hold_id}, headers=requester),
    )
    assert sorted(answer.is_success for answer in answers) == [False, True]
    assert {answer.status_code for answer in answers} <= {200, 202, 409}


@pytest.mark.clause("468.5/evidence")
@pytest.mark.parametrize("people", ["one person", "two people"])
async def test_an_export_is_withdrawn_or_booked_but_not_both_at_once(retention, people):
    await a_pictured_read(retention, "7ABC123")
    _, export = await exported(retention, plate="7ABC123")
    path = f"/v1/evidence-exports/{export['export_id']}"

    def send_json(door, body):
        own = {"account_id": str(uuid4())} if people == "two people" else {}
        headers = retention.authority.headers(**own) | {"Idempotency-Key": f"key-{uuid4()}"}
        return retention.client.post(f"{path}/{door}", json=body, headers=headers)

    answers = await locked_while(
        retention.runtime.db,
        f"SELECT FROM evidence_exports WHERE export_id = '{export['export_id']}' FOR UPDATE",
        send_json("withdrawal", {"reason": "written to no medium"}),
        send_json("bookings", {**BOOKING, "sha256": export["sha256"]}),
    )
    assert sorted(answer.is_success for answer in answers) == [False, True]
    assert {answer.status_code for answer in answers} <= {200, 201, 409}


async def test_a_download_has_its_digest_and_is_recorded_each_time(retention):
    await a_pictured_read(retention, "7ABC123")
    _, export = await exported(retention, plate="7ABC123")
    answer = await download(retention, export)
    assert answer.headers["x-content-sha256"] == export["sha256"]
    assert answer.headers["content-length"] == str(export["size_bytes"])
    assert answer.headers["content-type"] == "application/zip"
    assert export["export_id"] in answer.headers["content-disposition"]
    await download(retention, export)
    taken = [e for e in await retention.emitted(EvidenceChanged) if e.change == "downloaded"]
    assert [e.actor.name for e in taken] == ["Officer Seven"] * 2
    assert {e.details["sha256"] for e in taken} == {export["sha256"]}


async def test_a_package_changed_in_the_store_is_not_delivered(retention):
    await a_pictured_read(retention, "7ABC123")
    _, export = await exported(retention, plate="7ABC123")
    [key] = [key for key in retention.objects.stored if key.startswith("evidence/")]
    retention.objects.stored[key] = retention.objects.stored[key][:-1] + b"!"
    transport = httpx.ASGITransport(retention.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        path = f"/v1/evidence-exports/{export['export_id']}/package"
        answer = await client.get(path, headers=retention.authority.headers())
    assert answer.content == b""
    assert "downloaded" not in await changes(retention)


@pytest.mark.clause("468.5/evidence")
async def test_a_hold_is_not_released_while_exported_evidence_is_not_booked(retention):
    await a_pictured_read(retention, "7ABC123", LONG_AGO)
    hold = await place(retention, plate="7ABC123")
    export = await request(retention, hold)
    problem = await release(retention, hold, 409)  # not even made yet
    assert problem["params"]["export_ids"] == [export["export_id"]]
    await retention.running.evidence.work()
    export = await current(retention, export)
    problem = await release(retention, hold, 409)
    assert problem["params"]["export_ids"] == [export["export_id"]]
    assert "withdraw" in problem["detail"]
    await book(retention, export)
    await release(retention, hold)


async def test_the_package_is_deleted_after_its_hold_and_not_counted_as_a_record(retention):
    await a_pictured_read(retention, "7ABC123", LONG_AGO)
    hold, export = await exported(retention, plate="7ABC123")
    await book(retention, export)
    run = await purge(retention)
    assert (run["state"], run["reads"], run["kept_under_hold"]) == ("certified", 0, 2)
    await release(retention, hold)
    await download(retention, export, 409)
    await retention.running.evidence.work()
    assert (await current(retention, export))["removed_at"] is not None
    retention.clock.advance(seconds=1)
    run = await purge(retention)
    assert (run["state"], run["reads"], run["captures"], run["objects"]) == ("certified", 1, 1, 2)
    assert retention.stored_keys == []
    later = await book(retention, export, media_serial="a second copy")  # the digest is still known
    assert later["in_force"]


@pytest.mark.clause("468.5/evidence")
async def test_an_export_that_will_not_be_booked_is_withdrawn_with_a_reason(retention):
    await a_pictured_read(retention, "7ABC123")
    hold, export = await exported(retention, plate="7ABC123")
    given_up = await withdraw(retention, export)
    assert given_up["state"] == "withdrawn"
    assert given_up["withdrawal_reason"] == "written to no medium"
    assert given_up["withdrawn_by"]["name"] == "Officer Seven"
    await withdraw(retention, export, 409)
    await download(retention, export, 409)
    await book(retention, export, 409)
    await retention.running.evidence.work()
    assert not any(key.startswith("evidence/") for key in retention.objects.stored)
    await release(retention, hold)
    [told] = [e for e in await retention.emitted(EvidenceChanged) if e.change == "withdrawn"]
    assert told.details == {"reason": "written to no medium"}


async def test_a_booked_export_or_one_being_built_cannot_be_withdrawn(retention):
    await a_pictured_read(retention, "7ABC123")
    hold, export = await exported(retention, plate="7ABC123")
    await book(retention, export)
    assert "booked" in (await withdraw(retention, export, 409))["detail"]
    making = await request(retention, hold)
    async with retention.runtime.db.begin() as connection:
        claimed = await ExportQueue(connection).claim(retention.clock.now())
        assert str(claimed.export_id) == making["export_id"]
        assert "being built" in (await withdraw(retention, making, 409))["detail"]
    assert (await withdraw(retention, making))["state"] == "withdrawn"
    await retention.running.evidence.work()
    assert (await current(retention, making))["state"] == "withdrawn"


async def test_a_large_package_keeps_the_service_from_no_other_work(retention, monkeypatch):
    """Compressing a million reads and hashing a package of many frames take a minute and more."""
    write, slow = bag._Hashed.write, set()

    class SlowDigest:
        """As slow as if the piece were large."""

        def __init__(self, digest):
            self._digest = digest
            self.hexdigest = digest.hexdigest

        def update(self, piece):
            if piece.startswith(b"PK"):
                time.sleep(SLOW_S)
                slow.add("hashing")
            self._digest.update(piece)

    def slow_write(file, piece):
        if piece.startswith(b'{"read_id"'):
            time.sleep(SLOW_S)
            slow.add("compressing")
        write(file, piece)

    longest_s = 0.0

    async def watch():
        nonlocal longest_s
        while True:
            began_s = time.monotonic()
            await asyncio.sleep(0.01)
            longest_s = max(longest_s, time.monotonic() - began_s)

    sha256 = hashlib.sha256
    await a_pictured_read(retention, "7ABC123")
    watching = asyncio.create_task(watch())
    with monkeypatch.context() as patched:
        slow_hashes = SimpleNamespace(sha256=lambda: SlowDigest(sha256()))
        patched.setattr(packaging, "hashlib", slow_hashes)
        patched.setattr(bag._Hashed, "write", slow_write)
        _, export = await exported(retention, plate="7ABC123")
    await cancelled(watching)
    assert slow == {"hashing", "compressing"}
    assert longest_s < SLOW_S * 0.8
    await download(retention, export)


async def test_packages_that_the_object_store_does_not_send_hold_up_no_other_work(
    retention, monkeypatch
):
    await a_pictured_read(retention, "7ABC123")
    _, export = await exported(retention, plate="7ABC123")
    waiting = asyncio.Semaphore(0)

    async def hangs(key):
        waiting.release()
        await asyncio.Event().wait()
        yield b""

    async with asyncio.timeout(60):
        with monkeypatch.context() as patched:
            patched.setattr(exports, "OPENED_WITHIN_S", 5.0)
            patched.setattr(retention.objects, "stream", hangs)
            # As many as there are connections, all of one person.
            downloads = [asyncio.create_task(download(retention, export, 503)) for _ in range(6)]
            for _ in downloads:
                await waiting.acquire()
            assert await retention.plates(plate="7ABC123") == ["7ABC123"]
            await asyncio.gather(*downloads)
    disclosed = {event.record_kind for event in await retention.emitted(RecordsDisclosed)}
    assert "package" not in disclosed
    await download(retention, export)


async def test_a_package_that_the_object_store_does_not_delete_keeps_no_export_locked(
    retention, monkeypatch
):
    await a_pictured_read(retention, "7ABC123")
    hold, export = await exported(retention, plate="7ABC123")
    await book(retention, export)
    await release(retention, hold)
    deleting = asyncio.Event()

    async def hangs(key):
        deleting.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(retention.objects, "delete", hangs)
        working = asyncio.create_task(retention.running.evidence.work())
        await deleting.wait()
        await book(retention, export, media_serial="a second copy")
        await cancelled(working)
    retention.objects.down = True
    with pytest.raises(Unavailable):
        await retention.running.evidence.work()
    assert (await current(retention, export))["removed_at"] is None
    retention.objects.down = False
    await retention.running.evidence.work()
    assert (await current(retention, export))["removed_at"] is not None
    assert not any(key.startswith("evidence/") for key in retention.objects.stored)


async def test_exports_are_listed_by_hold_and_by_what_awaits_a_booking(retention):
    await retention.store(a_read("7ABC123", NOON), a_read("8XYZ987", NOON))
    hold, first = await exported(retention, plate="7ABC123")
    retention.clock.advance(seconds=1)
    _, second = await exported(retention, plate="8XYZ987")
    await book(retention, first)

    async def listed(query):
        page = (await retention.get(f"/v1/evidence-exports?{query}")).json()
        return [e["export_id"] for e in page["items"]], page["next"]

    assert await listed("") == ([second["export_id"], first["export_id"]], None)
    ids, after = await listed("limit=1")
    assert ids == [second["export_id"]]
    assert await listed(f"limit=1&after={after}") == ([first["export_id"]], None)
    assert await listed(f"hold_id={hold['hold_id']}") == ([first["export_id"]], None)
    assert await listed("unbooked=true") == ([second["export_id"]], None)
    assert await listed("unbooked=false") == ([first["export_id"]], None)
