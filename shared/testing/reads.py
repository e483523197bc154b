"""Invalid reads, as changes to a valid one; the tests of all services use the same."""

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import msgspec

from shared.core.types import PlateText
from shared.events import (
    Alternative,
    Box,
    Character,
    OtherCharacter,
    Place,
    Read,
    ReadsRecorded,
    RecordedRead,
)

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
"""The clock of the tests."""

BAD_READS: dict[str, dict[str, Any]] = {
    "ages ago": {"captured_at": datetime(1970, 1, 1, tzinfo=UTC)},
    "before our calendar": {"captured_at": datetime(1, 1, 1, tzinfo=UTC)},
    "two days ahead": {"captured_at": NOON + timedelta(days=2)},
    "without a zone": {"captured_at": NOON.replace(tzinfo=None)},
    "received without a zone": {"received_at": NOON.replace(tzinfo=None)},
    "NUL in the text read": {"plate_as_read": "7ABC\x00123"},
    "NUL in the model": {"model": "m\x00"},
    "NUL in a key": {"crop_key": "crops/\x00"},
    "a package as a crop": {"crop_key": "evidence/0b.zip"},
    "a crop outside the store": {"crop_key": "crops/../evidence/0b.zip"},
    "a crop of another name": {"crop_key": "crops//0b.jpg"},
    "a crop beside its folder": {"crop_key": "crops/./0b.jpg"},
    "a folder as a crop": {"crop_key": "crops/0b/"},
    "a key that no store takes": {"crop_key": "crops/" + 500 * "a"},
    "a crop as a frame": {"image_key": "crops/0b.jpg"},
    "NUL in the make": {"vehicle_make": "Fo\x00rd"},
    "NUL in the vehicle's model": {"vehicle_model": "Tran\x00sit"},
    "half a surrogate pair": {"device_name": "camera \ud800"},
    "NUL in a character": {"characters": [Character("\x00")]},
    "NUL in another character of a place": {
        "characters": [Character("7", 0.9, [OtherCharacter("7", 0.9), OtherCharacter("\x00", 0.1)])]
    },
    "a box larger than any picture": {"box": Box(0, 0, 10**400, 40)},
    "a box beside any picture": {"box": Box(-(10**400), 0, 130, 40)},
    "NUL in the region": {"region": "US-\x00"},
    "a heading of no compass": {"place": Place(39.9277, -122.1792, 1e39)},
    "a heading below north": {"place": Place(39.9277, -122.1792, -1.0)},
    "an alternative that is no plate": {"alternatives": [Alternative(PlateText("7abc"), 0.5)]},
}
BAD_PLATES = ("lower1", "ABCDEFGHIJKLM", "", "7ABC 23", "7ABC\u0660")


def recorded(*reads: Read) -> list[ReadsRecorded]:
    """Return the events that ingest publishes for reads, those with equal common fields in one."""
    return [
        _event(common, list(run))
        for common, run in groupby(reads, key=lambda r: tuple(getattr(r, name) for name in _COMMON))
    ]


def _event(common: tuple[Any, ...], reads: list[Read]) -> ReadsRecorded:
    items = [
        RecordedRead(
            engine=read.model,
            **{name: getattr(read, name) for name in _OWN},
        )
        for read in reads
    ]
    fields = dict(zip(_COMMON, common, strict=True))
    return ReadsRecorded(
        event_id=ReadsRecorded.id_of(items), occurred_at=reads[0].received_at, reads=items, **fields
    )


_COMMON = ("device_id", "device_name", "agency_ori", "received_at", "source")
_OWN = frozenset(Read.__struct_fields__) & frozenset(RecordedRead.__struct_fields__)


def as_sent(changes: dict[str, Any]) -> dict[str, Any]:
    """Return changes of a read in the form in which a camera would send them."""
    sent: dict[str, Any] = {}
    for name, value in changes.items():
        if isinstance(value, Place):
            sent |= msgspec.to_builtins(value)
        elif isinstance(value, datetime):
            sent[name] = value.isoformat()
        else:
            sent["plate" if name == "plate_as_read" else name] = msgspec.to_builtins(value)
    return sent


FOLDED = (
    "ß7A1",
    "\ufb017A",
    "\u01317A1",
    "7A\u017f1",
    "7A1\u2122",
    "\u212a7A1",
    "7A-1$",
    "7A!1",
    "7A|1",
)
"""Texts that upper-casing or compatibility forms would turn into other letters: sharp s, the ligature fi, dotless i,
long s, the trade mark, the kelvin sign; and symbols typed for a letter or digit, which a plate would lose. A plate that
changes so is another vehicle's."""
