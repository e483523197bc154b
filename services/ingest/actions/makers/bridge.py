"""Our own reads with pictures, in one JSON document: for the bridge of a maker that is not known here."""

from collections.abc import Sequence
from typing import Any

import msgspec

from services.ingest.actions.makers.posted import FormField, Maker, MakerRead, Posted
from services.ingest.actions.makers.translating import document, in_json, unpacked
from services.ingest.domain.problem_codes import Code
from shared.core.errors import InvalidInput, ValueRefused
from shared.core.problem_codes import Common

MOST_READS = 100


class _Post(msgspec.Struct, forbid_unknown_fields=True):
    """A post; each read is as `POST /v1/reads` takes it, and may have the picture of its plate."""

    reads: list[dict[str, Any]]
    frame: str | None = None


def translate(form: Sequence[FormField], home: str) -> Posted:
    """Translate a post; see `posted.Translate`. Its reads are of one moment if they have a frame."""
    post = in_json(document(form), _Post)
    if not post.reads:
        raise InvalidInput(Code.READS_EMPTY)
    if len(post.reads) > MOST_READS:
        raise InvalidInput(Code.READS_WITH_PICTURES_TOO_MANY, field="reads", max_reads=MOST_READS)
    moments = {msgspec.json.encode(one.get("captured_at")) for one in post.reads}
    if post.frame is not None and len(moments) > 1:
        raise InvalidInput(Code.READS_OF_SEVERAL_MOMENTS, field="captured_at")
    reads = [_read(one, index) for index, one in enumerate(post.reads)]
    return Posted(reads=reads, frame=unpacked(post.frame))


def _read(said: dict[str, Any], index: int) -> MakerRead:
    """Return a read and its picture apart. Raises: InvalidInput."""
    crop = said.get("crop")
    if crop is not None and not isinstance(crop, str):
        why = ValueRefused(Common.FIELD_TYPE_WRONG, name="crop", expected="string")
        raise InvalidInput(Code.READ_REFUSED, field="crop", index=index, because=why)
    fields = {name: value for name, value in said.items() if name != "crop"}
    return MakerRead(fields={"model": "bridge", **fields}, crop=unpacked(crop))


EXAMPLE = {
    "reads": [
        {
            "plate": "7ABC123",
            "confidence": 0.94,
            "captured_at": "2026-06-01T11:59:58.250Z",
            "source_id": "gate-000481",
            "region": "US-CA",
        }
    ]
}

MAKER = Maker(
    name="a bridge for another maker",
    translate=translate,
    example=EXAMPLE,
    about_pictures="Each read is as `POST /v1/reads` takes it, and may have `crop`, a JPEG of its plate in base64;"
    " `frame` beside `reads` is the scene in which they were read at one moment, in base64 too.",
)
