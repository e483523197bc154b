"""A read of Genetec AutoVu: JSON, with the picture of the scene in base64."""

import re
from collections.abc import Sequence

import msgspec

from services.ingest.actions.makers.posted import FormField, Maker, MakerRead, Posted
from services.ingest.actions.makers.translating import (
    document,
    in_json,
    issuer,
    missing,
    plate_of,
    present,
    share,
    unpacked,
    unread,
)
from services.ingest.domain.problem_codes import Code
from shared.core.errors import InvalidInput

_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")


class _Read(msgspec.Struct, rename="pascal"):
    """A read; its other fields do not matter."""

    date_utc: str
    time_utc: str
    plate: str | None = None
    confidence_score: str | float | None = None
    state: str | None = None
    context_image: str | None = None


def translate(form: Sequence[FormField], home: str) -> Posted:
    """Translate a read; see `posted.Translate`."""
    read = in_json(document(form), _Read)
    frame, captured_at = unpacked(read.context_image), _time(read)
    plate = plate_of(read.plate)
    if (post := unread(plate, frame, captured_at)) is not None:
        return post
    if read.confidence_score is None:
        raise missing("ConfidenceScore")
    fields = present(
        plate=plate,
        confidence=share(read.confidence_score, "ConfidenceScore"),
        captured_at=captured_at,
        region=issuer(read.state, home),
        model="genetec",
    )
    return Posted(reads=[MakerRead(fields=fields)], frame=frame)


def _time(read: _Read) -> str:
    """Return the time of a read: its day is written day/month/year."""
    if (day := _DAY.fullmatch(read.date_utc.strip())) is None:
        raise InvalidInput(Code.MAKER_DAY_UNREADABLE, field="DateUtc", name="DateUtc")
    return f"{day[3]}-{day[2]:>02}-{day[1]:>02}T{read.time_utc.strip().removesuffix('Z')}Z"


EXAMPLE = {
    "CameraName": "Main St at 3rd",
    "DateUtc": "01/06/2026",
    "TimeUtc": "11:59:58",
    "Plate": "7ABC123",
    "State": "CA",
    "ConfidenceScore": 94,
    "Attributes": {},
}

MAKER = Maker(name="Genetec AutoVu", translate=translate, example=EXAMPLE)
