"""Copies of evidence on portable media: booked once each, by the digest read back from them, and never rewritten."""

import asyncio
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from services.retention.domain.signing import Signer, document_holds, load_public
from shared.core.permissions import Permission
from shared.events import AccessAttempted, EvidenceBooked
from tests.integration.pages import paged
from tests.integration.retention.conftest import verify_command
from tests.integration.retention.exporting import (
    BOOKING,
    book,
    bookings,
    current,
    download,
    exported,
    request,
)
from tests.integration.retention.holding import place
from tests.integration.retention.packaging import a_pictured_read

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
WRONG = hashlib.sha256(b"another copy").hexdigest()


@pytest.fixture
async def evidence(retention):
    """The service with an export that is ready."""
    await a_pictured_read(retention, "7ABC123")
    _, export = await exported(retention, plate="7ABC123")
    return retention, export


@pytest.fixture
async def on_media(evidence, tmp_path):
    """A copy on a medium, booked: the file, the department's key, and the booking's statement."""
    retention, export = evidence
    copy, key, statement = (tmp_path / n for n in ("evidence.zip", "public.pem", "booking.json"))
    copy.write_bytes((await download(retention, export)).content)
    key.write_text((await retention.client.get("/v1/signing-key")).json()["public_pem"])
    booking = await book(retention, export, sha256=hashlib.sha256(copy.read_bytes()).hexdigest())
    path = f"/v1/evidence-exports/{export['export_id']}/bookings/{booking['booking_id']}/statement"
    statement.write_text((await retention.get(path)).text)
    return copy, key, statement


@pytest.mark.clause("468.5/evidence")
async def test_a_copy_is_booked_with_number_custodian_medium_and_hash(evidence):
    retention, export = evidence
    booking = await book(retention, export)
    assert {name: booking[name] for name in BOOKING} == BOOKING
    assert booking["sha256"] == export["sha256"]
    assert booking["booked_by"]["name"] == "Officer Seven"
    assert datetime.fromisoformat(booking["booked_at"]) == NOON
    assert booking["in_force"]
    assert await bookings(retention, export) == [booking]
    assert (await current(retention, export))["copies_booked"] == 1
    [told] = await retention.emitted(EvidenceBooked)
    assert str(told.booking_id) == booking["booking_id"]
    assert (told.evidence_number, told.custodian_name) == ("E26-0417-3", "P. Room")
    assert (told.sha256, told.case_number) == (export["sha256"], "26-001234")
    assert told.actor.name == "Officer Seven"


@pytest.mark.clause("468.5/evidence")
async def test_the_statement_of_a_booking_names_the_copy_the_package_and_the_people(evidence):
    retention, export = evidence
    booking = await book(retention, export, note="handed over at the counter")
    path = f"/v1/evidence-exports/{export['export_id']}/bookings/{booking['booking_id']}/statement"
    statement = (await retention.get(path)).json()
    named = ("sha256", "size_bytes", "reads", "captures", "images", "signed_by")
    assert statement["package"] == {name: export[name] for name in named}
    assert len({export[name] for name in named[1:4]}) > 1
    assert statement["received_by"] == {"name": "P. Room", "title": "Property Officer"}
    assert statement["medium"] == {"description": "DVD-R, write once", "serial": "MID-0417-A"}
    assert statement["booked_by"]["name"] == "Officer Seven"
    assert datetime.fromisoformat(statement["booked_at"]) == NOON
    same = ("booking_id", "corrects", "evidence_number", "note")
    assert {name: statement[name] for name in same} == {name: booking[name] for name in same}
    of_export = ("export_id", "hold_id", "case_number")
    assert {n: statement[n] for n in of_export} == {n: export[n] for n in of_export}


@pytest.mark.clause("468.5/evidence")
async def test_a_copy_with_another_hash_is_refused_and_recorded(evidence):
    retention, export = evidence
    problem = await book(retention, export, 422, sha256=WRONG)
    assert problem["field"] == "sha256"
    assert "write it again" in problem["detail"]
    assert export["sha256"] not in json.dumps(problem)  # a refusal does not reveal it
    assert await bookings(retention, export) == []
    assert await retention.emitted(EvidenceBooked) == []
    refusal = (await retention.emitted(AccessAttempted))[-2]
    assert not refusal.allowed
    assert "differs from the exported package" in refusal.reason
    assert refusal.elements["body"]["sha256"] == WRONG
    for nonsense in ("", "abc", "z" * 64, WRONG + "00"):
        assert (await book(retention, export, 422, sha256=nonsense))["field"] == "body.sha256"
    await book(retention, export, sha256=export["sha256"].upper())


@pytest.mark.clause("468.5/evidence")
async def test_a_copy_on_one_medium_is_booked_once_and_another_medium_separately(evidence):
    retention, export = evidence
    first = await book(retention, export)
    problem = await book(retention, export, 409, media_serial=" mid-0417-a ")
    assert problem["field"] == "media_serial"
    assert problem["params"]["booking_id"] == first["booking_id"]
    await book(retention, export, media_serial="MID-0417-B", evidence_number="E26-0417-4")
    assert (await current(retention, export))["copies_booked"] == 2


async def test_concurrent_bookings_of_one_copy_succeed_once(evidence):
    retention, export = evidence

    async def try_to():
        headers = retention.authority.headers() | {"Idempotency-Key": str(uuid4())}
        path = f"/v1/evidence-exports/{export['export_id']}/bookings"
        body = {**BOOKING, "sha256": export["sha256"]}
        return (await retention.client.post(path, json=body, headers=headers)).status_code

    assert sorted(await asyncio.gather(*(try_to() for _ in range(3)))) == [201, 409, 409]
    assert len(await bookings(retention, export)) == 1


async def test_a_repeated_booking_request_makes_one_booking(evidence):
    retention, export = evidence
    first = await book(retention, export, key="drawn-once")
    assert await book(retention, export, key="drawn-once") == first
    problem = await book(retention, export, 409, key="drawn-once", evidence_number="E26-1")
    assert "Idempotency-Key" in problem["detail"]
    assert len(await retention.emitted(EvidenceBooked)) == 1
    theirs = retention.authority.headers(account_id=str(uuid4()))
    problem = await book(retention, export, 409, key="drawn-once", headers=theirs)
    assert problem["code"] == "booking_of_same_copy"
    _, of_another_hold = await exported(retention, plate="7ABC12*")
    other = await book(retention, of_another_hold, key="drawn-once")
    assert other["booking_id"] != first["booking_id"]


CORRECTED_AGAIN = (
    "INSERT INTO evidence_bookings SELECT (jsonb_populate_record(b,"
    " jsonb_build_object('booking_id', gen_random_uuid()))).*"
    " FROM evidence_bookings b WHERE corrects IS NOT NULL RETURNING booking_id"
)


@pytest.mark.clause("468.5/evidence")
async def test_a_booking_is_corrected_by_a_further_one_and_stays_unchanged(evidence):
    retention, export = evidence
    wrong = await book(retention, export, evidence_number="E26-0471-3")
    without_reason = await book(retention, export, 422, corrects=wrong["booking_id"])
    assert without_reason["field"] == "note"
    retention.clock.advance(minutes=5)
    note = "the number's digits were swapped"
    right = await book(retention, export, corrects=wrong["booking_id"], note=note)
    first, second = await bookings(retention, export)
    assert (first["evidence_number"], first["in_force"]) == ("E26-0471-3", False)
    assert first["corrected_by"] == right["booking_id"]
    assert (second["evidence_number"], second["in_force"]) == ("E26-0417-3", True)
    assert second["corrects"] == wrong["booking_id"]
    assert (await current(retention, export))["copies_booked"] == 1
    again = await book(retention, export, 409, corrects=wrong["booking_id"], note=note)
    assert again["field"] == "corrects"
    await book(retention, export, 409, corrects=str(uuid4()), note=note)
    assert len(await bookings(retention, export)) == 2
    assert [str(e.corrects) for e in await retention.emitted(EvidenceBooked)] == [
        "None",
        wrong["booking_id"],
    ]
    with pytest.raises(IntegrityError, match="corrects"):
        await retention.fetch(CORRECTED_AGAIN)


async def test_a_correction_cannot_use_the_serial_of_another_copy(evidence):
    retention, export = evidence
    first = await book(retention, export)
    await book(retention, export, media_serial="MID-0417-B")
    how = {"corrects": first["booking_id"], "note": "the serial was another"}
    await book(retention, export, 409, media_serial="mid-0417-b", **how)
    await book(retention, export, media_serial="MID-0417-C", **how)
    await book(retention, export)  # the serial that was wrong is free again
    assert (await current(retention, export))["copies_booked"] == 3


CHANGES = [
    "UPDATE evidence_bookings SET evidence_number = 'E0'",
    "DELETE FROM evidence_bookings",
    "TRUNCATE evidence_bookings CASCADE",  # with the custody of the booked copies
]


@pytest.mark.clause("468.5/evidence")
@pytest.mark.parametrize("change", CHANGES)
async def test_a_booking_cannot_be_changed_even_in_the_database(evidence, change, as_owner):
    retention, export = evidence
    booking = await book(retention, export)
    with pytest.raises(ProgrammingError, match="permission denied"):
        await retention.fetch(change)
    with pytest.raises(IntegrityError, match="corrected by a further one"):
        async with as_owner("retention") as connection:
            await connection.execute(text(change))
    assert await bookings(retention, export) == [booking]


async def test_a_booking_before_the_package_exists_is_refused(retention):
    await a_pictured_read(retention, "7ABC123")
    export = await request(retention, await place(retention, plate="7ABC123"))
    problem = await book(retention, {**export, "sha256": WRONG}, 409)
    assert "requested" in problem["detail"]
    await book(retention, {"export_id": str(uuid4()), "sha256": WRONG}, 404)


async def test_a_reader_of_holds_may_list_bookings_but_not_make_them(evidence):
    retention, export = evidence
    await book(retention, export, 403, Permission.HOLD_READ)
    await book(retention, export)
    path = f"/v1/evidence-exports/{export['export_id']}/bookings"
    reader = retention.authority.headers(Permission.HOLD_READ)
    answer = await retention.client.get(path, headers=reader)
    assert len(answer.json()["items"]) == 1
    stranger = retention.authority.headers(Permission.RECORD_SEARCH)
    assert (await retention.client.get(path, headers=stranger)).status_code == 403


INCOMPLETE = ["evidence_number", "custodian_name", "media_description", "media_serial", "sha256"]


@pytest.mark.parametrize("name", INCOMPLETE)
async def test_a_booking_without_its_particulars_is_refused_naming_the_field(evidence, name):
    retention, export = evidence
    assert (await book(retention, export, 422, **{name: " "}))["field"] == f"body.{name}"
    assert await bookings(retention, export) == []


@pytest.mark.clause("468.5/evidence")
async def test_a_copy_on_a_medium_is_verified_offline_against_its_booking(on_media, capsys):
    copy, key, statement = on_media
    command = [sys.executable, "-m", "services.retention", "verify-package", str(copy)]
    command += ["--key", str(key), "--booking", str(statement)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert hashlib.sha256(copy.read_bytes()).hexdigest() in run.stdout
    assert "booked into evidence" in run.stdout
    document = json.loads(statement.read_text())
    assert document_holds(document, load_public(key.read_bytes()))
    assert document["evidence_number"] == "E26-0417-3"
    assert document["received_by"] == {"name": "P. Room", "title": "Property Officer"}
    assert document["medium"]["serial"] == "MID-0417-A"


def checked(copy, key, statement, *more):
    return verify_command([str(copy), "--key", str(key), "--booking", str(statement), *more])


async def test_verification_detects_a_copy_that_is_not_the_booked_one(on_media, tmp_path, capsys):
    copy, key, statement = on_media
    whole = copy.read_bytes()
    # A byte that no manifest covers: the time of the first file, in its header within the archive.
    touched = tmp_path / "touched.zip"
    touched.write_bytes(whole[:10] + bytes([whole[10] ^ 1]) + whole[11:])
    assert verify_command([str(touched), "--key", str(key)]) == 0
    assert checked(touched, key, statement) == 1
    assert "not the copy that was booked" in capsys.readouterr().out
    assert checked(touched, key, statement, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["booked"]) == (False, False)
    forged = json.loads(statement.read_text())
    forged["package"]["sha256"] = hashlib.sha256(touched.read_bytes()).hexdigest()
    lie = tmp_path / "lie.json"
    lie.write_text(json.dumps(forged))
    assert checked(touched, key, lie) == 1
    assert "was changed" in capsys.readouterr().out
    lie.write_text("no statement")
    assert checked(copy, key, lie) == 1
    assert checked(tmp_path / "absent.zip", key, statement) == 1
    assert checked(copy, key, statement) == 0


async def test_a_booking_signed_by_a_later_key_is_checked_with_that(on_media, tmp_path, capsys):
    copy, key, statement = on_media
    later = Signer.new()
    later_key = tmp_path / "later.pem"
    later_key.write_text(later.public_pem)
    content = json.loads(statement.read_text())
    del content["signature"]
    resigned = tmp_path / "resigned.json"
    resigned.write_text(json.dumps(later.signed(content)))
    assert checked(copy, key, resigned) == 1
    command = [str(copy), "--key", str(key), "--booking", str(resigned)]
    assert verify_command([*command, "--booking-key", str(later_key)]) == 0
    assert verify_command([str(copy), "--booking", str(statement)]) == 2
    assert "give --key" in capsys.readouterr().err


async def test_bookings_are_read_page_by_page(evidence):
    retention, export = evidence
    made = [await book(retention, export, media_serial=serial) for serial in ("1", "2", "3")]

    async def fetch(path):
        return (await retention.get(path)).json()

    listed = await paged(fetch, f"/v1/evidence-exports/{export['export_id']}/bookings")
    assert {one["booking_id"] for one in listed} == {one["booking_id"] for one in made}
