"""Sightings for tests: a plate, a moment, and where in the frame it was."""

from datetime import UTC, datetime, timedelta

from services.retention.domain.sightings import Box, Sighting
from shared.core.ids import derive_id

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def sighting(plate, seconds=0.0, *, sure=0.98, at=None, **changes):
    """Return a read; `sure` is one probability or one for each character, `at` the box's left edge in px."""
    each = (sure,) * len(plate) if isinstance(sure, float) else tuple(sure)
    box = None if at is None else Box(at, 300, 120, 40)
    fields = {
        "read_id": derive_id("test", plate, seconds, at, each),
        "captured_at": NOON + timedelta(seconds=seconds),
        "plate": plate,
        "agency_ori": "CA0520100",
        "sureness": each,
        "confidence": min(each),
        "box": box,
    }
    return Sighting(**{**fields, **changes})
