"""The search for traces finds a trace in every spelling, and finds zero in clean data."""

import base64
import gzip
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from uuid import UUID

import cramjam
import pytest

from services.retention.domain.plates import plate_number
from tests.e2e.traces import DEVICE, PICTURE, PLATE, TIME, Traces

DEVICE_ID = UUID("5b1c7a9e-3f52-4d7e-9c11-7d2f8a64b0c3")
AT = datetime(2025, 10, 22, 11, 36, 41, 123456, tzinfo=UTC)
IMAGE = bytes(range(256)) * 4
TRACES = Traces(["6ABE347"], [DEVICE_ID], [AT], [IMAGE])
MICROSECONDS = 814_448_201_123_456  # since 2000, the epoch of Postgres


def zipped(data: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("reads.csv", data)
    return file.getvalue()


SPELLED = {
    "plain": (b'{"plate":"6ABE347"}', PLATE),
    "lower case": (b"6abe347", PLATE),
    "with spaces": (b"6 ABE 347", PLATE),
    "with a dash": (b"6ABE-347", PLATE),
    "look-alikes folded": (b"6A8E347", PLATE),
    "characters apart": (b'["6","A","B","E","3","4","7"]', PLATE),
    "a number": (str(plate_number("6ABE347")).encode(), PLATE),
    "a number of eight bytes": (plate_number("6ABE347").to_bytes(8, "little"), PLATE),
    "hexadecimal": (b"xx" + b"6ABE347".hex().encode() + b"xx", PLATE),
    "UTF-16": ("6ABE347".encode("utf-16-le"), PLATE),
    "the device": (str(DEVICE_ID).upper().encode(), DEVICE),
    "the device without dashes": (DEVICE_ID.hex.encode(), DEVICE),
    "the device as bytes": (DEVICE_ID.bytes, DEVICE),
    "the time": (b"2025-10-22T11:36:41.123456Z", TIME),
    "the time with an offset": (b"2025-10-22 11:36:41.123456+00:00", TIME),
    "the time in milliseconds": (str(int(AT.timestamp() * 1000)).encode(), TIME),
    "the time in nanoseconds": (f"{int(AT.timestamp())}123456000".encode(), TIME),
    "the time in an id": (str(UUID(int=int(AT.timestamp() * 1000) << 80)).encode(), TIME),
    "the time as Postgres has it": (MICROSECONDS.to_bytes(8, "big"), TIME),
    "the picture": (IMAGE, PICTURE),
}
WRAPPED = {
    "as it is": lambda data: b"before" + data + b"after",
    "base64": lambda data: b'"' + base64.b64encode(b"x" + data + b"some more") + b'"',
    "base64 for URLs": lambda data: base64.urlsafe_b64encode(b'["salt",' + data + b"]"),
    "hexadecimal": lambda data: b"\\x" + (b"some" + data).hex().encode(),
    "gzip": lambda data: b"header" + gzip.compress(data * 3),
    "zstd": lambda data: bytes(cramjam.zstd.compress(data * 3)),
    "zip": zipped,
    "gzip in base64": lambda data: base64.b64encode(gzip.compress(data)),
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize(("data", "kind"), SPELLED.values(), ids=SPELLED)
def test_a_trace_is_found_in_any_encoding(data, kind, wrap):
    assert kind in TRACES.within(wrap(data))


@pytest.mark.parametrize(
    "data",
    [
        b'{"plate":"6ABE348"}',
        b"6ABE 34 7",
        str(UUID("5b1c7a9e-3f52-4d7e-9c11-7d2f8a64b0c4")).encode(),
        b"2025-10-22T11:36:42.123456Z",
        b"2025-10-22",
        bytes(range(255, -1, -1)) * 4,
    ],
)
def test_data_without_the_traces_is_not_found(data):
    assert TRACES.within(data) == set()
