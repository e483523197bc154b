"""A message of Frigate on `frigate/tracked_object_update`, which a bridge takes from MQTT and posts as it is."""

from collections.abc import Sequence

import msgspec

from services.ingest.actions.makers.posted import FormField, Maker, MakerRead, PassedOver, Posted
from services.ingest.actions.makers.translating import (
    document,
    identity,
    in_json,
    missing,
    moment,
    plate_of,
    present,
    share,
    unread,
)


class _Update(msgspec.Struct):
    """An update about a tracked object; its other fields do not matter."""

    type: str
    id: str | None = None
    plate: str | None = None
    score: float | None = None
    timestamp: float | None = None


def translate(form: Sequence[FormField], home: str) -> Posted:
    """Translate an update; see `posted.Translate`."""
    update = in_json(document(form), _Update)
    if update.type != "lpr":
        return Posted(passed_over=PassedOver.OTHER_EVENT)
    plate = plate_of(update.plate)
    if (post := unread(plate, None, None)) is not None:
        return post
    for name in ("score", "timestamp"):
        if getattr(update, name) is None:
            raise missing(name)
    fields = present(
        plate=plate,
        confidence=share(update.score, "score", of=1),
        captured_at=moment(update.timestamp, "timestamp", in_ms=False),
        source_id=identity(update.id),
        model="frigate",
    )
    return Posted(reads=[MakerRead(fields=fields)])


EXAMPLE = {
    "type": "lpr",
    "id": "1780315198.25-4kq2ab",
    "camera": "driveway",
    "plate": "7ABC123",
    "score": 0.94,
    "timestamp": 1780315198.25,
}

MAKER = Maker(name="Frigate", translate=translate, example=EXAMPLE)
