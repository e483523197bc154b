"""The webhook of Plate Recognizer Stream: JSON, or a form of `json` and the frame (`upload`)."""

from collections.abc import Sequence

import msgspec

from services.ingest.actions.makers.posted import FormField, Maker, MakerRead, PassedOver, Posted
from services.ingest.actions.makers.translating import (
    LIKELY,
    document,
    identity,
    in_json,
    issuer_by_itself,
    others,
    pictures,
    plate_of,
    present,
    share,
    text,
    unread,
    written,
)

_DIRECTIONS = {"front": "approaching", "rear": "receding"}


class _Region(msgspec.Struct):
    code: str = ""
    score: float = 0.0


class _Candidate(msgspec.Struct):
    plate: str = ""
    score: float = 0.0


class _Model(msgspec.Struct):
    make: str = ""
    model: str = ""
    score: float = 0.0


class _Colour(msgspec.Struct):
    color: str = ""
    score: float = 0.0


class _Orientation(msgspec.Struct):
    orientation: str = ""
    score: float = 0.0


class _Result(msgspec.Struct):
    plate: str
    score: float
    region: _Region | None = None
    candidates: list[_Candidate] = []
    model_make: list[_Model] = []
    color: list[_Colour] = []
    orientation: list[_Orientation] = []


class _Data(msgspec.Struct):
    timestamp: str = ""
    filename: str | None = None
    results: list[_Result] | None = None


class _Post(msgspec.Struct):
    """A webhook's post; its other fields do not matter."""

    data: _Data | None = None


def translate(form: Sequence[FormField], home: str) -> Posted:
    """Translate a post; see `posted.Translate`. It has a result for each vehicle of the frame."""
    data = in_json(document(form), _Post).data
    if data is None or data.results is None:
        return Posted(passed_over=PassedOver.OTHER_EVENT)
    frame = max((part.data for part in pictures(form)), key=len, default=None)
    captured_at = written(data.timestamp)
    found = [one for one in data.results if unread(plate_of(one.plate), frame, None) is None]
    if not found and (post := unread(None, frame, captured_at or None)) is not None:
        return post
    reads = [
        MakerRead(
            fields=_read(one)
            | present(
                captured_at=captured_at,
                source_id=identity(data.filename, *([n] if len(found) > 1 else [])),
            )
        )
        for n, one in enumerate(found)
    ]
    return Posted(reads=reads, frame=frame)


def _read(result: _Result) -> dict[str, object]:
    plate = (plate_of(result.plate) or "").upper()
    region = result.region
    model = max(result.model_make, key=lambda one: one.score, default=_Model())
    colour = max(result.color, key=lambda one: one.score, default=_Colour())
    direction = max(result.orientation, key=lambda one: one.score, default=_Orientation())
    is_car = model.score >= LIKELY
    return present(
        plate=plate,
        confidence=share(result.score, "data.results[].score", of=1),
        region=issuer_by_itself(region.code) if region and region.score >= LIKELY else None,
        alternatives=others([(one.plate.upper(), one.score) for one in result.candidates], plate),
        vehicle_make=text(model.make) if is_car else None,
        vehicle_model=text(model.model) if is_car else None,
        vehicle_colour=text(colour.color) if colour.score >= LIKELY else None,
        direction=_DIRECTIONS.get(direction.orientation.lower())
        if direction.score >= LIKELY
        else None,
        model="plate-recognizer",
    )


EXAMPLE = {
    "hook": {"event": "recognition", "id": "camera-1"},
    "data": {
        "camera_id": "camera-1",
        "filename": "camera-1_screenshots/26-06-01/11-59-58.250000.jpg",
        "timestamp": "2026-06-01T11:59:58.250000Z",
        "results": [
            {
                "plate": "7abc123",
                "score": 0.94,
                "region": {"code": "us-ca", "score": 0.91},
                "candidates": [
                    {"plate": "7abc123", "score": 0.94},
                    {"plate": "7a8c123", "score": 0.71},
                ],
                "orientation": [{"orientation": "Rear", "score": 0.88}],
            }
        ],
    },
}

MAKER = Maker(name="Plate Recognizer Stream", translate=translate, example=EXAMPLE, is_form=True)
