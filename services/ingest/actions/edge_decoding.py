"""The format of reads that a camera made itself, and how a body with a batch of them is decoded. The hot path."""

import zlib
from collections.abc import Callable
from typing import Annotated, get_args

import msgspec
from msgspec import Meta

from services.ingest.domain.in_flight import Reservation
from services.ingest.domain.problem_codes import Code
from services.ingest.domain.read_shapes import shape_fault
from shared.core.errors import InvalidInput, Malformed, TooLarge, UnsupportedMedia
from shared.core.json_position import not_decoded
from shared.core.types import Confidence, Direction, Latitude, Longitude

MAX_TEXT = 128

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
PlateAsSent = Annotated[str, Meta(min_length=1, max_length=32)]


class EdgeOther(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another character that the camera considered in the same place, with its probability."""

    text: Annotated[str, Meta(min_length=1, max_length=4)]
    confidence: Confidence


class EdgeCharacter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One character as the camera read it."""

    text: Annotated[str, Meta(min_length=1, max_length=4)]
    confidence: Confidence | None = None
    alternatives: Annotated[list[EdgeOther], Meta(max_length=4)] = []


class EdgePlate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another plate that the camera considered, with its probability."""

    plate: PlateAsSent
    confidence: Confidence


class EdgeRead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One read in a camera's format."""

    plate: PlateAsSent
    confidence: Confidence
    captured_at: msgspec.Raw
    """Decoded by `Batch`, since the read's id covers the time as the device wrote it."""

    source_id: Text | None = None
    region: str | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    heading_deg: Annotated[float, Meta(ge=0, lt=360)] | None = None
    characters: Annotated[list[EdgeCharacter], Meta(max_length=16)] = []
    alternatives: Annotated[list[EdgePlate], Meta(max_length=9)] = []
    """Other plates that the camera considered, without `plate` itself."""

    model: Text | None = None
    vehicle_make: Text | None = None
    vehicle_model: Text | None = None
    vehicle_colour: Text | None = None
    direction: Direction | None = None
    """As the camera sees the vehicle."""

    speed_kmh: Annotated[float, Meta(ge=0, le=400)] | None = None
    lane: Annotated[int, Meta(ge=0, le=99)] | None = None
    """As the camera counts its lanes."""

    sequence: Annotated[int, Meta(ge=0, le=2**53 - 1)] | None = None
    """The camera's own count of its reads."""


_array = msgspec.json.Decoder(list[EdgeRead])
_line = msgspec.json.Decoder(EdgeRead)

FIELDS = {
    "": EdgeRead.__struct_fields__,
    "characters": EdgeCharacter.__struct_fields__,
    "characters[].alternatives": EdgeOther.__struct_fields__,
    "alternatives": EdgePlate.__struct_fields__,
}
CHOICES = {"direction": get_args(Direction)}

DECODERS: dict[str, Callable[[bytes], list[EdgeRead]]] = {
    "application/json": _array.decode,
    "application/x-ndjson": _line.decode_lines,
    "application/ndjson": _line.decode_lines,
    "application/jsonl": _line.decode_lines,
}


def reads_in(
    body: bytes,
    held: Reservation,
    *,
    encoding: str,
    media_type: str,
    most_bytes: int,
    most_reads: int,
) -> list[EdgeRead]:
    """Unpack and decode a batch, and count its unpacked bytes in `held`.

    Raises: the errors of `unpack` and `decode`; Unavailable if this process holds too many bytes already.
    """
    plain = unpack(body, encoding, most_bytes)
    held.add(len(plain))
    return decode(plain, media_type, most_reads)


def unpack(body: bytes, encoding: str, most_bytes: int) -> bytes:
    """Return `body` without its content encoding.

    Raises: TooLarge if it unpacks to more than `most_bytes`, without unpacking the rest; Malformed if it is broken;
    UnsupportedMedia for encodings other than gzip.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise UnsupportedMedia(Code.READS_ENCODING_UNKNOWN, field="Content-Encoding")
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        data = unpacker.decompress(body, most_bytes + 1)
    except zlib.error:
        raise Malformed(Code.READS_NOT_GZIP, field="Content-Encoding") from None
    if len(data) > most_bytes:
        raise TooLarge(Code.READS_UNPACK_TOO_LARGE, max_bytes=most_bytes)
    if not unpacker.eof or unpacker.unused_data:
        raise Malformed(Code.READS_GZIP_CUT_OFF, field="Content-Encoding")
    return data


def decode(body: bytes, media_type: str, most: int) -> list[EdgeRead]:
    """Decode the reads in `body`.

    Raises: UnsupportedMedia, Malformed, TooLarge for more than `most`, InvalidInput naming the
    first faulty read and its field.
    """
    decoder = DECODERS.get(media_type)
    if decoder is None:
        first, second, *_ = DECODERS
        raise UnsupportedMedia(
            Code.READS_MEDIA_UNKNOWN, field="Content-Type", first=first, second=second
        )
    try:
        reads = decoder(body)
    except msgspec.ValidationError as exc:
        raise _of_shape(str(exc)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise not_decoded(body, str(exc)) from None
    except RecursionError:
        raise Malformed(Code.JSON_NESTED_TOO_DEEP) from None
    if not reads:
        raise InvalidInput(Code.READS_EMPTY)
    if len(reads) > most:
        raise TooLarge(Code.READS_TOO_MANY, max_reads=most, reads=len(reads))
    return reads


def _of_shape(message: str) -> InvalidInput:
    """Return the refusal of a batch for msgspec's message about its shape."""
    fault = shape_fault(message, FIELDS, CHOICES)
    if fault.index is None or fault.field is None:
        return fault.why.at(fault.field)
    return InvalidInput(Code.READ_REFUSED, field=fault.field, index=fault.index, because=fault.why)
