"""What Blue Iris posts of CodeProject.AI's plates: JSON, with the picture in base64."""

from collections.abc import Sequence

import msgspec

from services.ingest.actions.makers.posted import FormField, Maker, MakerRead, Posted
from services.ingest.actions.makers.translating import (
    document,
    identity,
    in_json,
    moment,
    plate_of,
    present,
    share,
    unpacked,
    unread,
    written,
)

FIRST_IN_MS = 100_000_000_000
"""Larger numbers of a time are milliseconds since 1970: as seconds they would be after the year 5000."""


class _Prediction(msgspec.Struct):
    plate: str | None = None
    confidence: float = 0.0


class _Found(msgspec.Struct):
    predictions: list[_Prediction] | None = None


class _Finding(msgspec.Struct):
    found: _Found | None = None


class _Post(msgspec.Struct, rename={"image": "Image", "alert_path": "ALERT_PATH"}):
    """A post by Blue Iris; its other fields do not matter."""

    timestamp: str | float
    ai_dump: msgspec.Raw = msgspec.Raw(b"null")
    image: str | None = None
    alert_path: str | None = None


def translate(form: Sequence[FormField], home: str) -> Posted:
    """Translate a post; see `posted.Translate`."""
    post = in_json(document(form), _Post)
    captured_at, frame = _time(post.timestamp), unpacked(post.image)
    found = [
        one
        for finding in _findings(post.ai_dump)
        for one in (finding.found.predictions or [] if finding.found else [])
        if unread(plate_of(one.plate), frame, None) is None
    ]
    if not found and (without := unread(None, frame, captured_at)) is not None:
        return without
    reads = [
        MakerRead(
            fields=present(
                plate=plate_of(one.plate),
                confidence=share(one.confidence, "ai_dump[].found.predictions[].confidence", of=1),
                captured_at=captured_at,
                source_id=identity(post.alert_path, *([n] if len(found) > 1 else [])),
                model="codeproject",
            )
        )
        for n, one in enumerate(found)
    ]
    return Posted(reads=reads, frame=frame)


def _findings(dump: msgspec.Raw) -> list[_Finding]:
    """Return what was found: `ai_dump` is a list, or the text of one."""
    data = bytes(dump)
    if data.startswith(b'"'):
        data = in_json(data, str).encode(errors="replace")
    return [] if data.strip() in (b"", b"null") else in_json(data, list[_Finding])


def _time(value: str | float) -> str:
    if isinstance(value, str) and not value.strip().isdecimal():
        return written(value)
    seconds = float(value)
    return moment(seconds, "timestamp", in_ms=seconds >= FIRST_IN_MS)


EXAMPLE = {
    "camera": "cam1",
    "timestamp": 1780315198,
    "ALERT_PATH": "@1234567890/cam1.20260601_115958.jpg",
    "ai_dump": [
        {
            "api": "alpr",
            "found": {"success": True, "predictions": [{"plate": "7ABC123", "confidence": 0.94}]},
        }
    ],
}

MAKER = Maker(name="Blue Iris with CodeProject.AI", translate=translate, example=EXAMPLE)
