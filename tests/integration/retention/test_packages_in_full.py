"""Packages, each line and each page of them whole: nothing is dropped, and nothing is said of another."""

import csv
import hashlib
import io
import json
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from shared.core.matching import Difference
from shared.events import (
    AccessAttempted,
    Actor,
    Box,
    DisplayedCaution,
    DisplayedEntry,
    HitDisposed,
    HitVerified,
    Place,
)
from tests.integration.retention.conftest import JPEG, ORI, a_capture, a_hit, a_read
from tests.integration.retention.evidence import Page, lines, written
from tests.integration.retention.exporting import exported
from tests.integration.retention.packaging import (
    NOON,
    a_known_read,
    a_pictured_read,
    an_approval,
    build,
    content,
)


def officer(name):
    return Actor(person_id=name, name=f"Officer {name}", title=f"{name}'s rank", agency_ori=ORI)


HIT = UUID(int=0x417)
ENTRY = DisplayedEntry(
    plate_listed_as="7ABC-123", entering_ori="CA0340000", reason="taken at Third St", entering_reference="FCN 417",
    make="Toyota", model="Camry", colour="grey", year=2019, caution="armed", valid_from=NOON - timedelta(days=3),
    expires_at=NOON + timedelta(days=30), listed_by=officer("Lister"),
)  # fmt: skip


async def a_full_read(retention):
    """Store a read of which everything is known, with a hit that was worked, and return both."""
    capture, read = await a_known_read(retention)
    hit = a_hit(
        read, hit_id=HIT, occurred_at=NOON + timedelta(hours=3), plate_listed="7ABC123", list_version=4,
        list_age_s=90, list_stale=True, region_read="US-CA", region_listed="US-NV", late=True, entry=ENTRY,
        differences=[Difference(2, "8", "B")],
        cautions=[DisplayedCaution("old", "The list is old."), DisplayedCaution("state", "Another state.")],
    )  # fmt: skip
    named = {"hit_id": HIT, "read_id": read.read_id, "captured_on": NOON.date()}
    verified = HitVerified(
        occurred_at=NOON + timedelta(hours=4), verified_by=officer("Verifier"), method="CLETS", reference="T26-1",
        outcome="list_out_of_date", note="recovered last week", **named,
    )  # fmt: skip
    disposed = [
        HitDisposed(
            occurred_at=NOON + timedelta(hours=hours), disposed_by=officer(who), disposition=words, **named, **more
        )
        for hours, who, words, more in (
            (5, "First", "held for an hour", {"enforcement": True, "result": "stopped_released", "unverified_reason": "it fled"}),
            (6, "Second", "let go", {"enforcement": False}),
        )
    ]  # fmt: skip
    await retention.store(hit, verified, *disposed)
    return capture, read


DIGEST = hashlib.sha256(JPEG).hexdigest()
CAMERA = "00000000-0000-4000-8000-00000000d001"
PLACE = {"latitude": 39.9277, "longitude": -122.1792, "heading_deg": 90.0}


async def a_full_package(retention, tmp_path):
    """Return the path of a package of a read and of a frame without one, with both."""
    capture, read = await a_full_read(retention)
    empty = a_capture(NOON - timedelta(minutes=5), outcome="failed", reason="too dark", late=True)
    await retention.objects.put(empty.capture.image.object_key, JPEG)
    await retention.store(empty)
    retention.clock.advance(hours=7)
    hour = timedelta(hours=1)
    window = {"captured_from": (NOON - hour).isoformat(), "captured_to": (NOON + hour).isoformat()}
    hold, export = await exported(retention, device_ids=[CAMERA], **window)
    path = await written(retention, export, tmp_path / "evidence.zip")
    return path, hold, export, capture, read, empty.capture


@pytest.mark.clause("468.5/readable-package")
async def test_the_files_of_evidence_have_every_particular_of_a_record(retention, tmp_path):
    path, _, _, capture, read, empty = await a_full_package(retention, tmp_path)
    [line] = lines(path, "data/records.jsonl")
    sure = [{"text": c, "confidence": 0.9, "alternatives": []} for c in "7A8C12"]
    sure[2] = {
        "text": "8",
        "confidence": 0.55,
        "alternatives": [
            {"text": "8", "probability": 0.55},
            {"text": "B", "probability": 0.45},
        ],
    }
    of_read = {
        "read_id": str(read.read_id),
        "captured_at": "2026-06-01T12:00:00+00:00",
        "received_at": "2026-06-01T14:00:00+00:00",
        "late": True,
        "plate": "7A8C123",
        "plate_as_read": "7A8·C123",
        "region": "US-CA",
        "confidence": 0.55,
        "characters": [*sure, {"text": "3", "confidence": None, "alternatives": []}],
        "box_px": [60, 50, 40, 20],
        "vehicle": {
            "make": "Toyota", "model": "Camry", "colour": "silver", "direction": "receding", "speed_kmh": 48.0,
            "lane": 2,
        },
        **PLACE,
        "device_id": CAMERA,
        "device_name": "Solano St at Third",
        "capture_id": str(capture.capture_id),
        "source": "recognition",
        "model": "plates@1",
        "image": f"images/{capture.capture_id}.jpg",
        "crop": f"crops/{read.read_id}.jpg",
        "corrections": [],
        "misread_risk": 0.45,
        "alternatives": [
            {"plate": "7A8C123", "probability": 0.5},
            {"plate": "7ABC123", "probability": 0.4},
        ],
        "pass_id": None,
        "pass_agrees": None,
        "hits": [str(HIT)],
    }  # fmt: skip
    assert line == of_read
    [row] = csv.DictReader(io.StringIO(content(path, "data/records.csv").decode()))
    listed = ("corrections", "alternatives", "hits")
    apart = ("characters", "box_px", "vehicle", *listed)
    assert {name: json.loads(row.pop(name)) for name in listed} == {
        name: of_read[name] for name in listed
    }
    assert row == {
        name: "" if value is None else str(value)
        for name, value in of_read.items()
        if name not in apart
    }
    frame = {
        "time_source": "device", "device_id": CAMERA, "device_name": "Solano St at Third", **PLACE, "reads": 0,
        "model": "m@1", "sha256": DIGEST, "media_type": "image/jpeg", "size_bytes": len(JPEG), "width_px": 1920,
        "height_px": 1080,
    }  # fmt: skip
    assert lines(path, "data/captures.jsonl") == [
        {
            **frame,
            "capture_id": str(one.capture_id),
            "captured_at": f"2026-06-01T{captured}+00:00",
            "received_at": f"2026-06-01T{received}+00:00",
            "late": late,
            "outcome": outcome,
            "reason": reason,
            "image": f"images/{one.capture_id}.jpg",
        }
        for one, captured, received, late, outcome, reason in (
            (empty, "11:55:00", "11:55:01", True, "failed", "too dark"),
            (capture, "12:00:00", "12:00:01", None, "plates", None),
        )
    ]


@pytest.mark.clause("468.5/readable-package")
async def test_the_page_of_evidence_says_all_that_its_files_say(retention, tmp_path):
    path, hold, export, capture, read, empty = await a_full_package(retention, tmp_path)
    page = Page(path, "index.html")
    cover, _, records = page.text.partition("In order of time. ")
    officer_seven = (
        "Name Officer Seven Title Police Officer Agency ori CA0520100"
        " Person id 00000000-0000-4000-8000-000000000007"
    )
    at = "2026-06-01 19:00:00.000 UTC; local 2026-06-01 12:00:00.000 PDT (-0700)"
    assert (
        f"What was exported Export id {export['export_id']} Hold Hold id {hold['hold_id']} Basis criminal_action"
        " Case number 26-001234 Description homicide on Solano Street"
        " Criteria Captured from 2026-06-01 11:00:00.000 UTC; local 2026-06-01 04:00:00.000 PDT (-0700)"
        " Captured to 2026-06-01 13:00:00.000 UTC; local 2026-06-01 06:00:00.000 PDT (-0700)"
        f" Device ids {CAMERA} Placed by {officer_seven} Placed at {at} Requested by {officer_seven} Requested at {at}"
        " Purpose Kind criminal_investigation Offence type vehicle theft Case number 26-001234 Purpose id "
    ) in cover
    assert records == (
        "Times are in UTC and in local time of America/Los_Angeles."
        " 1. Frame LATE It arrived later than its device may keep it back."
        f" Frame as captured. File images/{empty.capture_id}.jpg , SHA-256 {DIGEST}"
        f" Capture id {empty.capture_id}"
        " Captured at 2026-06-01 11:55:00.000 UTC; local 2026-06-01 04:55:00.000 PDT (-0700)"
        " Received at 2026-06-01 11:55:01.000 UTC; local 2026-06-01 04:55:01.000 PDT (-0700)"
        f" Time source device Device name Solano St at Third ({CAMERA}) Outcome failed Reason too dark Reads 0"
        f" Model m@1 Sha256 {DIGEST} Media type image/jpeg Size bytes {len(JPEG)} Width px 1920 Height px 1080"
        " Place latitude 39.9277, longitude -122.1792, facing 90.0 degrees from north"
        " 2. Read 7A8·C123 LATE It arrived later than its device may keep it back."
        f" Plate. File crops/{read.read_id}.jpg , SHA-256 {DIGEST}"
        f" Frame as captured. File images/{capture.capture_id}.jpg , SHA-256 {DIGEST}"
        " Plate as read 7A8·C123 Plate as searched 7A8C123 State of the plate US-CA"
        " Probability of the least certain character 0.55 Risk of a misread 0.45"
        " Other plates that were possible 7A8C123 (0.5); 7ABC123 (0.4)"
        " Captured at 2026-06-01 12:00:00.000 UTC; local 2026-06-01 05:00:00.000 PDT (-0700)"
        " Received at 2026-06-01 14:00:00.000 UTC; local 2026-06-01 07:00:00.000 PDT (-0700)"
        f" Camera Solano St at Third ({CAMERA})"
        " Place latitude 39.9277, longitude -122.1792, facing 90.0 degrees from north"
        " Vehicle as described Make Toyota Model Camry Colour silver Direction receding Speed kmh 48.0 Lane 2"
        " Read by recognition, plates@1 Box in the frame in pixels 60, 50, 40, 20"
        f" Read id {read.read_id} Capture id {capture.capture_id}"
        " Characters as read Character Probability Others that were possible"
        " 7 0.9 A 0.9 8 0.55 8 0.55; B 0.45 C 0.9 1 0.9 2 0.9 3 not given"
        " Hit Verified: list out of date List SVS (state), version 4 Age of the list in seconds 90"
        " List was out of date yes Record kind stolen vehicle Tier high"
        " Raised at 2026-06-01 15:00:00.000 UTC; local 2026-06-01 08:00:00.000 PDT (-0700)"
        " Plate read 7A8C123 Plate listed 7ABC123 State read US-CA State listed US-NV"
        " Differs character 3 read as 8, listed as B Vehicle listed 2019 grey Toyota Camry"
        " Reason listed taken at Third St Caution by the entering agency armed"
        " Entering agency CA0340000 Entering reference FCN 417 Listed by Officer Lister, Lister's rank"
        " Entry valid from 2026-05-29 12:00:00.000 UTC; local 2026-05-29 05:00:00.000 PDT (-0700)"
        " Entry expires at 2026-07-01 12:00:00.000 UTC; local 2026-07-01 05:00:00.000 PDT (-0700)"
        f" Late yes Cautions shown The list is old.; Another state. Hit id {HIT}"
        " Verification Outcome list out of date Method CLETS Reference T26-1 By Officer Verifier, Verifier's rank"
        " Recorded at 2026-06-01 16:00:00.000 UTC; local 2026-06-01 09:00:00.000 PDT (-0700)"
        " Note recovered last week"
        " Disposition Result stopped released Disposition held for an hour Enforcement action yes"
        " Reason for acting on an unverified hit it fled By Officer First, First's rank"
        " Recorded at 2026-06-01 17:00:00.000 UTC; local 2026-06-01 10:00:00.000 PDT (-0700)"
        " Disposition Disposition let go Enforcement action no By Officer Second, Second's rank"
        " Recorded at 2026-06-01 18:00:00.000 UTC; local 2026-06-01 11:00:00.000 PDT (-0700)"
    )


@pytest.mark.clause("468.5/readable-package")
async def test_the_page_says_what_is_not_known_of_a_record(retention, tmp_path):
    """A read of which little is known, with a hit that was not verified; and one whose pass has another plate."""
    read = a_read("8XYZ987", NOON, place=Place(39.9277, -122.1792, 0.0))
    nowhere = a_read("8XYZ987", NOON - timedelta(hours=2), place=None)
    frames = {"source": "recognition", "box": Box(500, 300, 120, 40), "crop_key": "crops/one.jpg"}
    vehicle = [
        a_read(plate, NOON + timedelta(milliseconds=200 * n), **frames)
        for n, plate in enumerate(("7ABC123", "7A8C123", "7ABC123"))
    ]
    await retention.store(*vehicle, read, nowhere, a_hit(read, record_kind="wanted_person"))
    retention.clock.advance(seconds=11)
    await retention.running.passes.work()
    _, export = await exported(retention, plate="8XYZ987")
    path = await written(retention, export, tmp_path / "little.zip")
    records = Page(path, "index.html").text.partition("of America/Los_Angeles. ")[2]
    little = (
        "Plate as read 8XYZ987 Plate as searched 8XYZ987 State of the plate not determined"
        " Probability of the least certain character 0.95"
    )
    assert records == (
        f"1. Read 8XYZ987 {little}"
        " Captured at 2026-06-01 10:00:00.000 UTC; local 2026-06-01 03:00:00.000 PDT (-0700)"
        " Received at 2026-06-01 10:00:01.000 UTC; local 2026-06-01 03:00:01.000 PDT (-0700)"
        f" Camera Solano St at Third ({CAMERA}) Place not known Read by edge, vendor@1 Read id {nowhere.read_id}"
        " Hits none"
        f" 2. Read 8XYZ987 {little}"
        " Captured at 2026-06-01 12:00:00.000 UTC; local 2026-06-01 05:00:00.000 PDT (-0700)"
        " Received at 2026-06-01 12:00:01.000 UTC; local 2026-06-01 05:00:01.000 PDT (-0700)"
        f" Camera Solano St at Third ({CAMERA})"
        " Place latitude 39.9277, longitude -122.1792, facing 0.0 degrees from north"
        f" Read by edge, vendor@1 Read id {read.read_id}"
        " Hit UNVERIFIED A match by the machine: no verification with the entering agency is on record."
        " List SVS (state), version 1 Age of the list in seconds 60 Record kind wanted person Tier high"
        " Raised at 2026-06-01 12:00:00.000 UTC; local 2026-06-01 05:00:00.000 PDT (-0700)"
        " Plate read 8XYZ987 Plate listed 8XYZ987 State read not determined Differs in no character"
        " Hit id 00000000-0000-0000-0000-000000000001"
    )
    assert [line["late"] for line in lines(path, "data/records.jsonl")] == [None, None]
    corners = [[-122.2, 39.9], [-122.1, 39.9], [-122.1, 40.0], [-122.2, 40.0]]
    _, export = await exported(retention, plate="7A8C123", area={"points": corners})
    path = await written(retention, export, tmp_path / "outvoted.zip")
    [line] = lines(path, "data/records.jsonl")
    [settled] = await retention.passes()
    assert (line["pass_id"], line["pass_agrees"]) == (str(settled.pass_id), False)
    text = Page(path, "index.html").text
    assert f"Pass {settled.pass_id} Agrees with its pass no" in text
    assert (
        "Criteria Plate 7A8C123 Area Type polygon"
        " Points -122.2, 39.9; -122.1, 39.9; -122.1, 40.0; -122.2, 40.0 Placed by"
    ) in text


@pytest.mark.clause("468.7/package")
async def test_a_release_says_whose_request_it_is_and_is_on_record_for_them(retention, tmp_path):
    capture, _ = await a_full_read(retention)
    gone, _ = await a_pictured_read(retention, "7A8C123", NOON - timedelta(minutes=1))
    await retention.store(a_read("7A8C123", NOON - timedelta(minutes=2)))
    del retention.objects.stored[gone.image.object_key]
    approval = an_approval(
        requester_name="Dana Ruiz", requester_title="Detective", originals=[capture.capture_id],
        list_sources=["state"], criteria={"plate": "7A8C123"}, reason="scoped to one plate",
    )  # fmt: skip
    packaged, path = await build(retention, approval, tmp_path)
    window = {"captured_from": "2026-05-22T12:00:00Z", "captured_to": "2026-06-01T13:00:00Z"}
    request_id = str(approval.request_id)
    assert json.loads(content(path, "data/request.json")) == {
        "request_id": request_id,
        "agency": {"name": "Tehama County Sheriff", "ori": "CA0520000"},
        "requester": {"name": "Dana Ruiz", "title": "Detective"},
        "purpose": "locate a stolen vehicle",
        "case_number": "T26-55",
        "offence_type": "vehicle theft",
        "criteria": {**window, "plate": "7A8C123"},
        "approved_by": {"name": "Sgt. A", "title": "Administration Sergeant"},
        "approved_at": "2026-06-01T12:00:00+00:00",
        "expires_at": "2026-06-15T12:00:00+00:00",
        "pictures": {
            "cut": "outside the part around the released plates every pixel is of one flat colour",
            "margin_plate_widths": retention.runtime.policy.sharing.frame_margin_widths,
            "originals": [str(capture.capture_id)],
        },
        "list_sources": ["state"],
    }
    package = path.read_bytes()
    signing_key = (await retention.get("/v1/signing-key")).json()["key_id"]
    told = msgspec.to_builtins(packaged)
    assert told == {
        "event_id": told["event_id"],
        "occurred_at": "2026-06-01T12:00:00Z",
        "request_id": request_id,
        "package_key": f"packages/{request_id}.zip",
        "sha256": hashlib.sha256(package).hexdigest(),
        "size_bytes": len(package),
        "reads": 3,
        "images": 4,
        "omitted": 1,
        "manifest_signed_by": signing_key,
    }
    [attempt] = [a for a in await retention.emitted(AccessAttempted) if a.method == "EVENT"]
    assert attempt.actor == approval.requester
    assert attempt.elements == {"request_id": request_id, **window, "plate": "7A8C123"}
    assert msgspec.to_builtins(attempt.purpose) == {
        "kind": "release",
        "offence_type": "vehicle theft",
        "case_number": "T26-55",
        "justification": "locate a stolen vehicle",
    }
    page = Page(path, "index.html").text
    for said in (
        f"Request id {request_id} Agency Name Tehama County Sheriff Ori CA0520000 Requester Name Dana Ruiz"
        " Title Detective Purpose locate a stolen vehicle Case number T26-55 Offence type vehicle theft Criteria",
        "Approved by Name Sgt. A Title Administration Sergeant"
        " Approved at 2026-06-01 12:00:00.000 UTC; local 2026-06-01 05:00:00.000 PDT (-0700)"
        " Expires at 2026-06-15 12:00:00.000 UTC; local 2026-06-15 05:00:00.000 PDT (-0700)",
        f"Originals {capture.capture_id} List sources state",
        "Late-Reads 1 Images 4 Omitted 1",
        "Frame, cut to the released part: not in this package, not in the object store"
        f" ( images/{gone.capture_id}.png )",
        "Hit Verified: list out of date List SVS (state), version 4",
    ):
        assert said in page, said
