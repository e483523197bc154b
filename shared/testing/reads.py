"""Reads that nobody may keep or match, as changes to a good one; retention and hotlist are tested with the same."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.events import Alternative, Character
from shared.types import PlateText

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
    "NUL in the make": {"vehicle_make": "Fo\x00rd"},
    "half a surrogate pair": {"device_name": "camera \ud800"},
    "NUL in a character": {"characters": [Character("\x00")]},
    "an alternative that is no plate": {"alternatives": [Alternative(PlateText("7abc"), 0.5)]},
}
BAD_PLATES = ("lower1", "ABCDEFGHIJKLM", "", "7ABC 23", "7ABC\u0660")
