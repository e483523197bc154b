"""What the agent of OpenALPR and Rekor Scout posts: JSON, a group of reads of one vehicle or the reads of one frame."""

from collections.abc import Sequence

import msgspec

from services.ingest.actions.makers.posted import FormField, Maker, MakerRead, PassedOver, Posted
from services.ingest.actions.makers.translating import (
    LIKELY,
    document,
    identity,
    in_json,
    issuer,
    missing,
    moment,
    others,
    place,
    plate_of,
    present,
    share,
    text,
    unpacked,
    unread,
)


class _Candidate(msgspec.Struct):
    plate: str = ""
    confidence: float = 0.0


class _Named(msgspec.Struct):
    name: str = ""
    confidence: float = 0.0


class _Vehicle(msgspec.Struct):
    color: list[_Named] = []
    make: list[_Named] = []
    make_model: list[_Named] = []


class _Best(msgspec.Struct):
    plate_crop_jpeg: str | None = None


class _Post(msgspec.Struct):
    """A group, or another kind of post; its other fields do not matter."""

    data_type: str
    is_preview: bool = False
    epoch_start: int | float | None = None
    best_plate_number: str | None = None
    best_confidence: float | None = None
    best_region: str | None = None
    best_region_confidence: float = 100.0
    best_uuid: str | None = None
    candidates: list[_Candidate] = []
    gps_latitude: float | None = None
    gps_longitude: float | None = None
    vehicle: _Vehicle | None = None
    best_plate: _Best | None = None
    overview_jpeg: str | None = None
    vehicle_crop_jpeg: str | None = None


def translate(form: Sequence[FormField], home: str) -> Posted:
    """Translate a post; see `posted.Translate`. The frames of a group (`alpr_results`) are not stored beside it."""
    post = in_json(document(form), _Post)
    if post.data_type == "heartbeat":
        return Posted(passed_over=PassedOver.SIGN_OF_LIFE)
    if post.data_type not in ("alpr_group", "vehicle"):
        return Posted(passed_over=PassedOver.OTHER_EVENT)
    if post.is_preview:
        return Posted(passed_over=PassedOver.PREVIEW)
    if post.epoch_start is None:
        raise missing("epoch_start")
    captured_at = moment(post.epoch_start, "epoch_start", in_ms=True)
    frame = unpacked(post.overview_jpeg) or unpacked(post.vehicle_crop_jpeg)
    plate = plate_of(post.best_plate_number)
    where = place(post.gps_latitude, post.gps_longitude)
    if (as_frame := unread(plate, frame, captured_at, where)) is not None:
        return as_frame
    if post.best_confidence is None:
        raise missing("best_confidence")
    vehicle = post.vehicle or _Vehicle()
    fields = present(
        plate=plate,
        confidence=share(post.best_confidence, "best_confidence"),
        captured_at=captured_at,
        source_id=identity(post.best_uuid),
        region=issuer(post.best_region, home)
        if post.best_region_confidence / 100 >= LIKELY
        else None,
        alternatives=others(
            [(one.plate, one.confidence / 100) for one in post.candidates], plate or ""
        ),
        vehicle_make=_best(vehicle.make),
        vehicle_model=_best(vehicle.make_model),
        vehicle_colour=_best(vehicle.color),
        model="rekor",
        **where,
    )
    crop = unpacked(post.best_plate.plate_crop_jpeg) if post.best_plate else None
    return Posted(reads=[MakerRead(fields=fields, crop=crop)], frame=frame)


def _best(named: Sequence[_Named]) -> str | None:
    """Return the most probable word, if it is likely."""
    best = max(named, key=lambda one: one.confidence, default=None)
    return text(best.name) if best is not None and best.confidence / 100 >= LIKELY else None


EXAMPLE = {
    "data_type": "alpr_group",
    "is_preview": False,
    "epoch_start": 1780315198250,
    "best_plate_number": "7ABC123",
    "best_confidence": 93.6,
    "best_region": "us-ca",
    "best_region_confidence": 88.0,
    "best_uuid": "7RH1SCAM-3-1780315198250",
    "candidates": [
        {"plate": "7ABC123", "confidence": 93.6},
        {"plate": "7A8C123", "confidence": 81.2},
    ],
}

MAKER = Maker(name="OpenALPR and Rekor Scout", translate=translate, example=EXAMPLE)
