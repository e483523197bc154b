"""Packages for approved releases, as tests build and read them."""

import zipfile
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from shared.events import (
    Actor,
    Alternative,
    Character,
    OtherCharacter,
    ReleaseApproved,
    ReleaseCriteria,
    ReleasePackaged,
)
from tests.integration.retention.conftest import JPEG, PLATE_BOX, a_capture, a_read

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


ADMINISTRATOR = Actor(
    person_id="a", name="Sgt. A", title="Administration Sergeant", agency_ori="CA0520100"
)


REQUESTER = Actor(
    person_id="r", name="Det. Tehama", title="Agency Requester", agency_ori="CA0520000"
)


def an_approval(**changes):
    criteria = {
        "captured_from": NOON - timedelta(days=10),
        "captured_to": NOON + timedelta(hours=1),
        "plate": "7ABC123",
        **changes.pop("criteria", {}),
    }
    fields = {
        "occurred_at": NOON,
        "actor": ADMINISTRATOR,
        "request_id": uuid4(),
        "agency_ori": "CA0520000",
        "agency_name": "Tehama County Sheriff",
        "requester": REQUESTER,
        "purpose": "locate a stolen vehicle",
        "expires_at": NOON + timedelta(days=14),
        "case_number": "T26-55",
        "offence_type": "vehicle theft",
    }
    return ReleaseApproved(**{**fields, **changes, "criteria": ReleaseCriteria(**criteria)})


async def build(retention, approval, tmp_path):
    """Have a package built and return the event and where its file lies."""
    await retention.store(approval)
    await retention.running.packager.work()
    [packaged] = [
        event
        for event in await retention.emitted(ReleasePackaged)
        if event.request_id == approval.request_id
    ]
    path = tmp_path / "package.zip"
    path.write_bytes(retention.objects.stored[packaged.package_key])
    return packaged, path


def content(path, name):
    with zipfile.ZipFile(path) as archive:
        [top] = {entry.split("/", 1)[0] for entry in archive.namelist()}
        return archive.read(f"{top}/{name}")


def names(path):
    with zipfile.ZipFile(path) as archive:
        return {entry.split("/", 1)[1] for entry in archive.namelist()}


async def a_pictured_read(retention, plate, at=NOON, *, seen=None, **changes):
    capture = a_capture(at, **changes)
    key = capture.capture.image.object_key
    read = a_read(
        plate,
        at,
        box=PLATE_BOX,
        capture_id=capture.capture.capture_id,
        image_key=key,
        crop_key=f"crops/{uuid4()}.jpg",
        **(seen or {}),
        **changes,
    )
    await retention.store(capture, read)
    await retention.objects.put(key, JPEG)
    await retention.objects.put(read.crop_key, JPEG)
    return capture.capture, read


async def a_known_read(retention, at=NOON):
    """Store a read, with its capture, of which everything is known; return both."""
    characters = [Character(c, 0.9) for c in "7A8C12"] + [Character("3")]
    characters[2] = Character("8", 0.55, [OtherCharacter("8", 0.55), OtherCharacter("B", 0.45)])
    return await a_pictured_read(
        retention,
        "7A8C123",
        at,
        seen={
            "plate_as_read": "7A8·C123", "region": "US-CA", "late": True, "model": "plates@1", "confidence": 0.55,
            "characters": characters, "misread_risk": 0.45, "source": "recognition",
            "alternatives": [Alternative("7A8C123", 0.5), Alternative("7ABC123", 0.4)],
            "received_at": NOON + timedelta(hours=2), "vehicle_make": "Toyota", "vehicle_model": "Camry",
            "vehicle_colour": "silver", "direction": "receding", "speed_kmh": 48.0, "lane": 2,
        },
    )  # fmt: skip
