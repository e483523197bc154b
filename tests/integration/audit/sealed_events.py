"""Events with values that the log seals, and the verdict of its verification."""

from datetime import timedelta
from uuid import uuid4

import pytest

from shared.events import HitRaised


@pytest.fixture
def verdict(verdict, writer):
    """Recompute the log once its end is signed."""

    async def signed(*kept):
        await writer.sign_if_grown()
        return await verdict(*kept)

    return signed


def a_hit(clock, **changes):
    """Return a hit on a plate that was seen an hour ago."""
    return HitRaised(
        **{
            "occurred_at": clock.now(),
            "hit_id": uuid4(),
            "read_id": uuid4(),
            "device_id": uuid4(),
            "agency_ori": "CA0520100",
            "captured_at": clock.now() - timedelta(hours=1),
            "plate_read": "7ABC123",
            "plate_listed": "7A8C123",
            "confidence": 0.9,
            "list_id": uuid4(),
            "list_name": "Stolen",
            "list_version": 3,
            "entry_id": uuid4(),
            "source": "state",
            "record_kind": "stolen_vehicle",
            "tier": "high",
            "list_age_s": 60,
            "crop_key": "crops/2026/06/01/x.jpg",
            **changes,
        }
    )
