"""The stored records, and those in the bytes of an answer, independent of the service's own claims."""

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import cv2
import msgspec
import numpy as np

from shared.core.ids import derive_id
from shared.events import Box, CaptureProcessed, CaptureReceived, Image, Place, ReadsRecognised
from shared.testing.captures import recognised, signed

DEVICE = UUID("00000000-0000-4000-8000-00000000d0d0")
DEVICE_NAME = "Solano St at Third"
SOLANO = Place(39.9277, -122.1792, 90.0)
PLATE = re.compile(rb"7KX\d{3}")
MARK = re.compile(rb"picture-of-7KX\d{3}")
_JPEG = cv2.imencode(".jpg", np.full((108, 192, 3), (40, 90, 200), np.uint8))[1].tobytes()


@dataclass(frozen=True)
class Record:
    """One vehicle, as one camera saw it."""

    number: int
    plate: str
    capture: CaptureReceived
    recognised: ReadsRecognised
    picture: bytes
    """Bytes that its frame and its crop both hold, and no other picture."""

    @property
    def captured_at(self) -> datetime:
        """When."""
        return self.capture.captured_at

    @property
    def read_id(self) -> UUID:
        """Of its first read."""
        return self.recognised.reads[0].read_id


def a_record(number: int, captured_at: datetime, ori: str) -> Record:
    """Return a record that differs from every other in plate, time and picture."""
    plate = f"7KX{number:03}"
    captured_at = captured_at.replace(microsecond=100_000 + number)
    picture = _JPEG + f"picture-of-{plate}".encode()
    capture_id = derive_id("insiders", captured_at.isoformat())
    capture = signed(
        CaptureReceived(
            occurred_at=captured_at,
            capture_id=capture_id,
            device_id=DEVICE,
            device_name=DEVICE_NAME,
            agency_ori=ori,
            captured_at=captured_at,
            received_at=captured_at + timedelta(seconds=1),
            time_source="device",
            image=Image(
                object_key=f"captures/{capture_id}",
                sha256=_sha256(picture),
                media_type="image/jpeg",
                size_bytes=len(picture),
                width_px=192,
                height_px=108,
            ),
            place=SOLANO,
        )
    )
    read = recognised(capture, plate, box=Box(60, 50, 40, 20))
    return Record(number, plate, capture, read, picture)


def outcome(record: Record) -> CaptureProcessed:
    """Return recognition's result for a record's frame."""
    return CaptureProcessed(
        occurred_at=record.captured_at,
        capture=record.capture,
        outcome="plates",
        model="m@1",
        duration_ms=5.0,
        read_ids=[read.read_id for read in record.recognised.reads],
    )


def _sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


@dataclass
class Store:
    """All records that there are."""

    records: Sequence[Record]
    _by_time: dict[bytes, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_time = {
            f"{r.captured_at:%Y-%m-%dT%H:%M:%S.%f}".encode(): r.plate for r in self.records
        }
        self._times = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")

    @property
    def named(self) -> Sequence[Record]:
        """The few whose plates requests name: the log has in the open which plates people asked for."""
        return self.records[:: len(self.records) // 3]

    @property
    def plates(self) -> frozenset[str]:
        """Every plate."""
        return frozenset(r.plate for r in self.records)

    def revealed(self, body: bytes) -> "Revealed":
        """Return the records that a body shows; for a package, those that its files show."""
        plates, times, pictures = set[str](), set[str](), set[str]()
        for part in _members(body):
            plates |= {m.decode() for m in PLATE.findall(part)} & self.plates
            times |= {self._by_time[t] for t in self._times.findall(part) if t in self._by_time}
            pictures |= {m[-6:].decode() for m in MARK.findall(part)}
        return Revealed(frozenset(plates - pictures), frozenset(times), frozenset(pictures))


@dataclass(frozen=True)
class Revealed:
    """Records by their plate, as an answer showed them."""

    plates: frozenset[str]
    times: frozenset[str]
    """By the moment of their capture."""
    pictures: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        """Every record of which an answer showed anything."""
        return self.plates | self.times | self.pictures

    def without(self, asked: Iterable[str]) -> "Revealed":
        """Return it without plates that the request named, if the answer showed no other fact about them."""
        echoed = frozenset(asked) - self.times - self.pictures
        return Revealed(self.plates - echoed, self.times, self.pictures)


def _members(body: bytes) -> Iterable[bytes]:
    if not body.startswith(b"PK\x03\x04"):
        yield body
        return
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        for name in packed.namelist():
            yield name.encode()
            yield packed.read(name)


def plain(value: object) -> bytes:
    """Return a request as it would be found in an answer."""
    return msgspec.json.encode(value)
