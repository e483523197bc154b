"""When a camera counts as silent or late, and how far its clock and place may be off, unless set otherwise."""

import pytest

from services.ingest.settings import Settings

DEFAULTS = {
    "ingest_silent_after_s": 4 * 3600,
    "ingest_late_after_s": 3600,
    "ingest_clock_skew_s": 300,
    "ingest_fixed_within_m": 200,
    "ingest_max_batch_reads": 10_000,
    "ingest_body_timeout_s": 60,
}


@pytest.mark.clause("468.3.1(c)/device-silence")
@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_a_camera_is_silent_after_four_hours_and_late_after_one(name, value):
    assert Settings.model_fields[name].default == value
