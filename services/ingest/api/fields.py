"""Request models of the device registry; reads cameras' requests: bodies piece by piece, and frames as sent."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Annotated

from fastapi import Request
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from services.ingest.actions.captures import Upload
from services.ingest.actions.makers.posted import FormField
from services.ingest.actions.registry import Changes, NewDevice
from services.ingest.domain.devices import DeviceKind
from services.ingest.domain.in_flight import Reservation
from services.ingest.domain.problem_codes import Code
from services.ingest.settings import FORM_OVERHEAD_BYTES
from shared.core.errors import (
    InvalidInput,
    Malformed,
    RequestTimeout,
    TooLarge,
    UnsupportedMedia,
    ValueRefused,
)
from shared.core.problem_codes import Common
from shared.events import Place
from shared.http.areas import Latitude, Longitude
from shared.http.models import Reason, RequestBody
from shared.http.multipart import MultipartCallbacks

# python-multipart logs each broken form. The sender gets an error anyway, and must not be able to fill the log.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)

MAX_PART_COUNT = 16
MAX_FIELD_BYTES = 256

MAX_OVERLAP_MINUTES = 24 * 60
MAX_BUFFER_H = 366 * 24


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueRefused(Common.TEXT_UNPRINTABLE)
    return text


Line = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_printable)]
Name = Annotated[Line, Field(min_length=1, max_length=80, examples=["Main St at 3rd, northbound"])]
Hours = Annotated[float, Field(ge=0, le=MAX_BUFFER_H, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]


class PlaceIn(RequestBody):
    """Position of a fixed camera: WGS 84 degrees, heading clockwise from north."""

    latitude: Annotated[Latitude, Field(examples=[39.9277])]
    longitude: Annotated[Longitude, Field(examples=[-122.1792])]
    heading_deg: Annotated[float | None, Field(ge=0, lt=360, examples=[90])] = None

    def place(self) -> Place:
        """Return it in the format of events."""
        return Place(self.latitude, self.longitude, self.heading_deg)


class DeviceIn(RequestBody):
    """A device to register; a missing rate defaults to the setting."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: Name
    kind: DeviceKind
    place: PlaceIn | None = None
    frames_per_s: Rate | None = None
    reads_per_s: Rate | None = None
    may_buffer_h: Hours | None = None
    """How many hours it may keep captures back; later ones are late. Default: the most that the policy allows its
    kind."""

    def device(self) -> NewDevice:
        """Return the device to register."""
        return NewDevice(
            name=self.name,
            kind=self.kind,
            place=self.place.place() if self.place else None,
            frames_per_s=self.frames_per_s,
            reads_per_s=self.reads_per_s,
            may_buffer_h=self.may_buffer_h,
        )


class DeviceChangesIn(RequestBody):
    """The fields to change; fields left out stay unchanged."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: Name | None = None
    place: PlaceIn | None = None
    frames_per_s: Rate | None = None
    reads_per_s: Rate | None = None
    may_buffer_h: Hours | None = None

    def changes(self) -> Changes:
        """Return the changes."""
        return Changes(
            name=self.name,
            place=self.place.place() if self.place else None,
            frames_per_s=self.frames_per_s,
            reads_per_s=self.reads_per_s,
            may_buffer_h=self.may_buffer_h,
        )


class RotationIn(RequestBody):
    """How to replace a credential."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    overlap_minutes: Annotated[float, Field(ge=0, le=MAX_OVERLAP_MINUTES, examples=[10])] = 0
    """How long the old one stays valid; 0 ends it at once."""

    def overlap(self) -> timedelta:
        """Return how long the old one stays valid."""
        return timedelta(minutes=self.overlap_minutes)


class ReasonIn(RequestBody):
    """The reason; the audit log records it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "unit 12 was stolen"}]})

    reason: Reason


async def pour(
    request: Request,
    into: Callable[[bytes], object],
    held: Reservation,
    *,
    most_bytes: int,
    within_s: float,
) -> None:
    """Write a request's body to `into`, piece by piece as it arrives.

    Raises: TooLarge as soon as the size is known; RequestTimeout if it does not arrive in time, which it may when it is
    sent again; Malformed if it is cut off; Unavailable if this process holds too many bytes already.
    """
    check_length(request, most_bytes)
    count_bytes = 0
    try:
        async with asyncio.timeout(within_s):
            async for piece in request.stream():
                count_bytes += len(piece)
                if count_bytes > most_bytes:
                    raise _too_large(most_bytes)
                held.add(len(piece))
                into(piece)
    except TimeoutError:
        raise RequestTimeout(Common.BODY_TOO_SLOW, within_s=within_s) from None
    except ClientDisconnect:
        raise Malformed(Common.UPLOAD_CUT_OFF) from None


async def body_of(
    request: Request, held: Reservation, *, most_bytes: int, within_s: float
) -> bytes:
    """Return a request's body. Raises: the errors of `pour`."""
    pieces: list[bytes] = []
    await pour(request, pieces.append, held, most_bytes=most_bytes, within_s=within_s)
    return b"".join(pieces)


def content_encoding(request: Request) -> str:
    """Return the encoding of a request's body, in lower case; empty if it has none."""
    return request.headers.get("content-encoding", "").lower()


def media_type(request: Request) -> str:
    """Return the media type of a request's body, in lower case, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def check_parameters(request: Request) -> None:
    """Refuse parameters where an address takes none. Raises: InvalidInput."""
    for name in request.query_params:
        raise InvalidInput(Code.MAKER_PARAMETER_UNKNOWN, field=name[:64])


def ids_wanted(query: Mapping[str, str]) -> bool:
    """Return whether a batch asks for the ids of its reads. Raises: InvalidInput for another parameter."""
    for name in query:
        if name != "ids":
            raise InvalidInput(Code.READS_PARAMETER_UNKNOWN, field=name[:64])
    asked = query.get("ids", "false").lower()
    if asked not in ("true", "false"):
        raise InvalidInput(Code.READS_IDS_NOT_BOOLEAN, field="ids")
    return asked == "true"


def check_length(request: Request, most_bytes: int) -> None:
    """Refuse a body by its declared length, before reading it. Raises: TooLarge."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most_bytes:
        raise _too_large(most_bytes)


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(Common.UPLOAD_TOO_LARGE, max_bytes=most_bytes)


async def receive(
    request: Request, held: Reservation, *, most_bytes: int, within_s: float
) -> Upload:
    """Read the frame in a request.

    Raises: the errors of `pour`; UnsupportedMedia, InvalidInput.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMedia(Code.FRAME_ENCODED, field="Content-Encoding")
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    into: _Form | _Raw = _Raw()
    if kind == b"multipart/form-data":
        into = _Form(options.get(b"boundary", b""), most_bytes)
        most_bytes += FORM_OVERHEAD_BYTES
    await pour(request, into.write, held, most_bytes=most_bytes, within_s=within_s)
    return into.upload()


async def form_of(
    request: Request, held: Reservation, *, most_bytes: int, within_s: float
) -> tuple[list[FormField], bytes]:
    """Return the fields of a form, or a body that is one document as the only one; and the body as it came.

    Raises: TooLarge, Malformed, UnsupportedMedia, InvalidInput, Unavailable.
    """
    check_parameters(request)
    if content_encoding(request) not in ("", "identity"):
        raise UnsupportedMedia(Code.FRAME_ENCODED, field="Content-Encoding")
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    body = await body_of(request, held, most_bytes=most_bytes, within_s=within_s)
    held.add(len(body))  # its fields, or the pictures in it, are copies
    if kind != b"multipart/form-data":
        return [FormField("", body)], body
    return _AnyForm(options.get(b"boundary", b"")).fields(body), body


class _AnyForm(MultipartCallbacks):
    """Collects the fields of a form, whatever they are called: a file has the name of its file."""

    def __init__(self, boundary: bytes) -> None:
        super().__init__()
        self._found: list[FormField] = []
        self._name = ""
        self._data = bytearray()
        self._parser = _parser(boundary, self)

    def fields(self, body: bytes) -> list[FormField]:
        """Return the fields of a whole form."""
        try:
            self._parser.write(body)
        except FormParserError:
            raise Malformed(Code.FORM_UNREADABLE) from None
        if not self.ended:
            raise Malformed(Code.FORM_CUT_OFF)
        return self._found

    def field_begun(self) -> None:
        """Begin a field; refuse too many."""
        if len(self._found) == MAX_PART_COUNT:
            raise TooLarge(Code.FORM_TOO_MANY_PARTS, max_parts=MAX_PART_COUNT)
        self._data = bytearray()

    def field_named(self, disposition: bytes) -> None:
        """Note the name of a field; some cameras send fields without one."""
        _, options = parse_options_header(disposition)
        name = options.get(b"filename") or options.get(b"name") or b""
        self._name = name.decode("utf-8", "replace")[:128]

    def field_data(self, data: bytes) -> None:
        """Add to a field."""
        self._data += data

    def field_ended(self) -> None:
        """Store a complete field."""
        self._found.append(FormField(self._name, bytes(self._data)))


def _parser(boundary: bytes, form: MultipartCallbacks) -> MultipartParser:
    if not boundary:
        raise Malformed(Code.FORM_BOUNDARY_MISSING, field="Content-Type")
    try:
        return MultipartParser(boundary, form.callbacks())
    except FormParserError:
        raise Malformed(Code.FORM_BOUNDARY_INVALID, field="Content-Type") from None


class _Raw:
    """Collects a body that is the frame itself, and hashes it on arrival."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._seen = sha256()

    def write(self, piece: bytes) -> None:
        """Add a piece of the body."""
        self._seen.update(piece)
        self._pieces.append(piece)

    def upload(self) -> Upload:
        """Return the frame."""
        return Upload(b"".join(self._pieces), self._seen.digest())


class _Form(MultipartCallbacks):
    """Collects one file and a few short fields; refuses anything else as soon as it appears."""

    def __init__(self, boundary: bytes, most_bytes: int) -> None:
        super().__init__()
        self._most_bytes = most_bytes
        self._part_count = 0
        self._file: bytearray | None = None
        self._fields: dict[str, str] = {}
        self._name = ""
        self._part = bytearray()
        self._is_file = False
        self._parser = _parser(boundary, self)

    def write(self, piece: bytes) -> None:
        """Add a piece of the body."""
        try:
            self._parser.write(piece)
        except FormParserError:
            raise Malformed(Code.FORM_UNREADABLE) from None

    def upload(self) -> Upload:
        """Return the frame, once complete."""
        if not self.ended:
            raise Malformed(Code.FORM_CUT_OFF)
        if self._file is None:
            raise InvalidInput(Code.FORM_FILE_MISSING, field="image")
        data = bytes(self._file)
        return Upload(data, sha256(data).digest(), self._fields)

    def field_begun(self) -> None:
        """Begin a field; refuse too many."""
        self._part_count += 1
        if self._part_count > MAX_PART_COUNT:
            raise TooLarge(Code.FORM_TOO_MANY_PARTS, max_parts=MAX_PART_COUNT)
        self._part = bytearray()

    def field_named(self, disposition: bytes) -> None:
        """Note the name of a field, and whether it is the file; refuse one that came before."""
        _, options = parse_options_header(disposition)
        name = options.get(b"name")
        if name is None:
            raise Malformed(Code.FORM_PART_UNNAMED)
        self._name = name.decode("utf-8", "replace")[:64]
        self._is_file = b"filename" in options
        if self._is_file and self._file is not None:
            raise InvalidInput(Code.FORM_FILE_TWICE, field=self._name)
        if not self._is_file and self._name in self._fields:
            raise InvalidInput(Code.FORM_FIELD_TWICE, field=self._name)

    def field_data(self, data: bytes) -> None:
        """Add to a field, up to its length."""
        self._part += data
        most_bytes = self._most_bytes if self._is_file else MAX_FIELD_BYTES
        if len(self._part) > most_bytes:
            raise TooLarge(Code.FORM_PART_TOO_LARGE, field=self._name, max_bytes=most_bytes)

    def field_ended(self) -> None:
        """Store a complete field, or the file."""
        if self._is_file:
            self._file = self._part
            return
        try:
            self._fields[self._name] = self._part.decode()
        except UnicodeDecodeError:
            raise InvalidInput(Code.FORM_FIELD_NOT_UTF8, field=self._name) from None
