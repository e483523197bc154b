"""Reads, captures and passes whole: each answer, and each format of a file, says all that is stored of a record."""

import csv
import hashlib
import io
import json
from datetime import timedelta
from uuid import UUID

import msgspec

from shared.core.ids import derive_id
from shared.core.permissions import Permission
from shared.events import (
    AccessAttempted,
    Box,
    Character,
    HitDisposed,
    HitVerified,
)
from tests.integration.retention.conftest import DEVICE, JPEG, a_hit, a_read
from tests.integration.retention.correcting import REASON, correct
from tests.integration.retention.evidence import OFFICER
from tests.integration.retention.packaging import NOON, a_known_read

PERSON, KEY = "00000000-0000-4000-8000-000000000007", "key-of-a-correction"
PLACE = {"latitude": 39.9277, "longitude": -122.1792, "heading_deg": 90.0}
WINDOW = {
    "captured_from": (NOON - timedelta(hours=1)).isoformat(),
    "captured_to": (NOON + timedelta(hours=1)).isoformat(),
}


async def store_all(retention):
    """Store a read of which everything is known, worked, outvoted in its pass by two others; return all."""
    capture, read = await a_known_read(retention, NOON + timedelta(milliseconds=200))
    hit = a_hit(read, hit_id=UUID(int=7), source="federal")
    named = {"hit_id": hit.hit_id, "read_id": read.read_id, "captured_on": NOON.date()}
    verified = HitVerified(
        occurred_at=NOON,
        verified_by=OFFICER,
        method="CLETS",
        reference="T26-1",
        outcome="misread",
        **named,
    )
    disposed = HitDisposed(
        occurred_at=NOON, disposed_by=OFFICER, disposition="let go", enforcement=False, **named
    )
    frames = {
        "source": "recognition",
        "box": Box(60, 50, 40, 20),
        "crop_key": "crops/one.jpg",
        "characters": [Character(c, 0.98) for c in "7ABC123"],
        "region": "US-CA",
    }
    others = [
        a_read("7ABC123", NOON + timedelta(milliseconds=n), **frames, misread_risk=0.02)
        for n in (0, 400)
    ]
    await retention.store(hit, verified, disposed, *others)
    retention.clock.advance(seconds=20)
    await retention.running.passes.work()
    await correct(retention, read, "7ABC123", region="NV", key=KEY)
    return capture, read, others


def answer_of(capture, read, pass_id):
    """Return a read as answers show it, but for the link to its picture."""
    sure = [{"text": c, "confidence": 0.9, "alternatives": []} for c in "7A8C12"]
    considered = [{"text": "8", "probability": 0.55}, {"text": "B", "probability": 0.45}]
    sure[2] = {"text": "8", "confidence": 0.55, "alternatives": considered}
    return {
        "read_id": str(read.read_id),
        "capture_id": str(capture.capture_id),
        "plate": "7A8C123",
        "plate_as_read": "7A8·C123",
        "region": "US-CA",
        "confidence": 0.55,
        "characters": [*sure, {"text": "3", "confidence": None, "alternatives": []}],
        "captured_at": "2026-06-01T12:00:00.200000Z",
        "received_at": "2026-06-01T14:00:00Z",
        "late": True,
        "device_id": str(DEVICE),
        "device_name": "Solano St at Third",
        "place": PLACE,
        "source": "recognition",
        "model": "plates@1",
        "box": {"x_px": 60, "y_px": 50, "width_px": 40, "height_px": 20},
        "has_crop": True,
        "has_image": True,
        "alternatives": [
            {"plate": "7A8C123", "probability": 0.5},
            {"plate": "7ABC123", "probability": 0.4},
        ],
        "misread_risk": 0.45,
        "vehicle": {
            "make": "Toyota", "model": "Camry", "colour": "silver", "direction": "receding", "speed_kmh": 48.0,
            "lane": 2,
        },
        "pass_id": pass_id,
        "pass_agrees": False,
        "hits": [
            {
                "hit_id": str(UUID(int=7)), "record_kind": "stolen_vehicle", "tier": "high", "source": "federal",
                "verification": "misread", "disposition": "let go",
            }
        ],
        "corrections": [
            {
                "correction_id": str(derive_id("correction of a read", read.read_id, PERSON, KEY)), "plate": "7ABC123", "region": "US-NV", "reason": REASON,
                "corrected_by": {
                    "person_id": PERSON, "name": "Officer Seven",
                    "title": "Police Officer", "agency_ori": "CA0520100",
                },
                "corrected_at": "2026-06-01T12:00:20Z",
            }
        ],
    }  # fmt: skip


async def test_answers_show_all_that_is_stored_of_a_read(retention):
    capture, read, others = await store_all(retention)
    found = await retention.search(plate="7A8C123", region="ca")
    [settled] = await retention.passes()
    expected = answer_of(capture, read, str(settled.pass_id))
    [item] = found.pop("items")
    link = item.pop("crop_url")
    assert item == expected
    assert link.startswith(f"/v1/reads/{read.read_id}/crop?link_token=")
    await retention.get(link)
    assert found == {
        "next": None,
        "count": {"value": 1, "at_least": False},
        "captured_from": "2026-05-02T12:00:20Z",
        "captured_to": "2026-06-01T13:00:20Z",
        "searched_from": None,
        "region": "US-CA",
        "taken_from": "CA",
    }
    one = (await retention.get(f"/v1/reads/{read.read_id}")).json()
    assert one.pop("crop_url")
    assert one == expected
    permissions = [Permission.RECORD_SEARCH]
    unseen = await retention.search(
        plate="7A8C123", headers=retention.authority.headers(*permissions)
    )
    assert unseen["items"] == [expected | {"crop_url": None}]
    alike = await retention.post("/v1/reads/lookalikes", {**WINDOW, "plate": "7ABC123"})
    assert alike["more"] is False
    first, second = alike["items"]
    assert (first["plate"], first["likelihood"]) == ("7ABC123", 1.0)
    assert (first["newest"]["read_id"], first["newest"]["late"]) == (str(others[1].read_id), None)
    assert (first["newest"]["has_crop"], first["newest"]["has_image"]) == (True, False)
    assert (second["plate"], second["likelihood"]) == ("7A8C123", 0.1)
    assert second["newest"].pop("crop_url")
    assert second["newest"] == expected


async def test_answers_show_all_that_is_stored_of_a_capture_and_of_a_pass(retention):
    capture, read, others = await store_all(retention)
    assert (await retention.get(f"/v1/captures/{capture.capture_id}")).json() == {
        "capture_id": str(capture.capture_id),
        "captured_at": "2026-06-01T12:00:00.200000Z",
        "received_at": "2026-06-01T12:00:01.200000Z",
        "late": None,
        "time_source": "device",
        "device_id": str(DEVICE),
        "device_name": "Solano St at Third",
        "place": PLACE,
        "outcome": "plates",
        "reason": None,
        "reads": 0,
        "model": "m@1",
        "sha256": hashlib.sha256(JPEG).hexdigest(),
        "media_type": "image/jpeg",
        "size_bytes": len(JPEG),
        "width_px": 1920,
        "height_px": 1080,
    }
    [settled] = await retention.passes()
    answer = (await retention.get(f"/v1/passes/{settled.pass_id}")).json()
    reads = answer.pop("reads")
    assert [one["read_id"] for one in reads] == [
        str(one.read_id) for one in (others[0], read, others[1])
    ]
    assert reads[1].pop("crop_url")
    assert reads[1] == answer_of(capture, read, str(settled.pass_id))
    sure = [one.pop("confidence") for one in answer["characters"]]
    assert answer == {
        "pass_id": str(settled.pass_id),
        "plate": "7ABC123",
        "confidence": min(sure),
        "characters": [{"text": c, "alternatives": []} for c in "7ABC123"],
        "agreed": False,
        "other_readings": [
            {"plate": "7A8C123", "reads": 1, "share": answer["other_readings"][0]["share"]}
        ],
        "readings_withheld": 0,
        "dissent": [
            {"place": 2, "others": [{"text": "8", "share": answer["other_readings"][0]["share"]}]}
        ],
        "region": "US-CA",
        "misread_risk": settled.misread_risk,
        "first_seen_at": "2026-06-01T12:00:00Z",
        "last_seen_at": "2026-06-01T12:00:00.400000Z",
        "device_id": str(DEVICE),
        "device_name": "Solano St at Third",
        "best_read_id": str(settled.best_read_id),
        "late_read_ids": [],
    }
    assert settled.best_read_id in {one.read_id for one in others}


async def test_files_have_all_that_is_stored_of_a_read_and_whose_access_they_are(retention):
    capture, read, _ = await store_all(retention)
    [settled] = await retention.passes()
    expected = answer_of(capture, read, str(settled.pass_id))
    policy = retention.runtime.policy

    async def file(form):
        body = {**WINDOW, "plate": "7A8C123", "format": form}
        headers = retention.authority.headers()
        answer = await retention.client.post("/v1/reads/export", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        [*_, attempt] = await retention.emitted(AccessAttempted)
        return attempt, answer

    def head(attempt, answer):
        assert answer.headers["x-alpr-attempt"] == str(attempt.attempt_id)
        purpose = {**msgspec.to_builtins(attempt.purpose), "call_number": None}
        return {
            "attempt_id": str(attempt.attempt_id),
            "request_id": answer.headers["x-request-id"],
            "exported_at": "2026-06-01T12:00:20Z",
            "agency_ori": "CA0520100",
            "purpose": purpose,
            "policy_version": policy.version,
            "policy_digest": policy.digest,
            "captured_from": "2026-06-01T11:00:00Z",
            "captured_to": "2026-06-01T13:00:00Z",
        }

    end = {"complete": True, "records": 1}
    attempt, answer = await file("ndjson")
    assert [json.loads(line) for line in answer.text.splitlines()] == [
        {"export": head(attempt, answer)},
        expected,
        {"end": end},
    ]
    attempt, answer = await file("geojson")
    properties = {name: value for name, value in expected.items() if name != "place"}
    assert answer.json() == {
        "type": "FeatureCollection",
        "export": head(attempt, answer),
        "features": [
            {
                "type": "Feature",
                "id": str(read.read_id),
                "geometry": {"type": "Point", "coordinates": [-122.1792, 39.9277]},
                "properties": properties | {"heading_deg": 90.0},
            }
        ],
        "end": end,
    }
    attempt, answer = await file("csv")
    names, row, last = csv.reader(io.StringIO(answer.text))
    flat = {
        **expected,
        **{
            f"{group}.{name}": value
            for group in ("place", "vehicle")
            for name, value in expected[group].items()
        },
    }
    texts = {True: "true", False: "false"}
    assert dict(zip(names, row, strict=True)) == {
        name: json.dumps(flat[name], separators=(",", ":"))
        if isinstance(flat[name], list)
        else texts.get(flat[name], str(flat[name]))
        for name in names
    }
    begun = head(attempt, answer)
    assert last[0] == (
        f"# end: complete=true records=1 attempt_id={begun['attempt_id']}"
        f" purpose_id={begun['purpose']['purpose_id']} policy_digest={policy.digest}"
    )


async def test_a_file_names_the_window_that_was_searched_and_not_the_one_asked_for(retention):
    asked = {**WINDOW, "captured_from": "2020-01-01T00:00:00Z", "plate": "7ABC123"}
    headers = retention.authority.headers()
    body = {**asked, "format": "ndjson"}
    answer = await retention.client.post("/v1/reads/export", json=body, headers=headers)
    begun = json.loads(answer.text.splitlines()[0])["export"]
    oldest = NOON - timedelta(days=retention.runtime.policy.retention.schedule_days)
    assert begun["captured_from"] == oldest.isoformat().replace("+00:00", "Z")
