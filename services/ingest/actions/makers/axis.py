"""The events of AXIS License Plate Verifier: JSON, with pictures in base64 if the app is set to send them."""

from collections.abc import Sequence

import msgspec

from services.ingest.actions.makers.posted import FormField, Maker, MakerRead, PassedOver, Posted
from services.ingest.actions.makers.translating import (
    document,
    identity,
    in_json,
    issuer_by_itself,
    moment,
    place,
    plate_of,
    present,
    share,
    unpacked,
    unread,
)

_DIRECTIONS = {"in": "approaching", "out": "receding"}


class _Camera(msgspec.Struct, rename="pascal"):
    serial_number: str | None = None


class _Picture(msgspec.Struct, rename="pascal"):
    image_type: str | None = None
    binary_image: str | None = None


class _Geotag(msgspec.Struct):
    lat: str | float | None = None
    lon: str | float | None = None


_NAMES = {
    "plate": "plateUTF8",
    "confidence": "plateConfidence",
    "country": "plateCountry",
    "state": "carState",
    "car": "carID",
    "direction": "carMoveDirection",
    "camera": "camera_info",
    "pictures": "ImageArray",
}


class _Event(msgspec.Struct, rename=_NAMES):
    """An event of one car; its other fields do not matter."""

    plate: str
    confidence: str | float
    capture_timestamp: str | int
    country: str | None = None
    state: str | None = None
    car: str | int | None = None
    direction: str | None = None
    geotag: _Geotag | None = None
    camera: _Camera | None = None
    pictures: list[_Picture] = []


def translate(form: Sequence[FormField], home: str) -> Posted:
    """Translate an event; see `posted.Translate`. Of the events of a car, the last one (`lost`) is the read."""
    event = in_json(document(form), _Event)
    if (event.state or "lost").lower() in ("new", "update"):
        return Posted(passed_over=PassedOver.PREVIEW)
    pictures = {
        (one.image_type or "").lower(): unpacked(one.binary_image) for one in event.pictures
    }
    frame = next(
        (found for kind in ("vehicle", "full", "frame") if (found := pictures.get(kind))), None
    )
    captured_at = moment(event.capture_timestamp, "capture_timestamp", in_ms=True)
    plate = plate_of(event.plate)
    where = place(event.geotag.lat, event.geotag.lon) if event.geotag else {}
    if (post := unread(plate, frame, captured_at, where)) is not None:
        return post
    serial = event.camera.serial_number if event.camera else None
    fields = present(
        plate=plate,
        confidence=share(event.confidence, "plateConfidence", of=1),
        captured_at=captured_at,
        source_id=identity(serial, event.car) if event.car not in (None, "") else None,
        region=issuer_by_itself(event.country),
        direction=_DIRECTIONS.get((event.direction or "").lower()),
        model="axis",
        **where,
    )
    return Posted(reads=[MakerRead(fields=fields, crop=pictures.get("plate"))], frame=frame)


EXAMPLE = {
    "plateUTF8": "7ABC123",
    "plateConfidence": "0.940034",
    "plateCountry": "USA",
    "capture_timestamp": "1780315198250",
    "carState": "lost",
    "carID": "481",
    "carMoveDirection": "in",
    "camera_info": {"SerialNumber": "ACCC8E000000"},
}

MAKER = Maker(name="AXIS License Plate Verifier", translate=translate, example=EXAMPLE)
