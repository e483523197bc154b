"""What a correction seals may have another shape, if retention is taken over: the rules go on."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from services.audit.store.corrections import _corrected

ENTRY = json.dumps({"data": {"captured_on": "2026-06-01"}}).encode()


def disclosed(value):
    return urlsafe_b64encode(json.dumps(["salt", "sighting", value]).encode()).decode().rstrip("=")


def row(disclosure, entry=ENTRY):
    at = datetime(2026, 6, 2, tzinfo=UTC)
    return SimpleNamespace(seq=7, person_id="p", occurred_at=at, entry=entry, disclosure=disclosure)


def test_a_correction_is_read_with_what_it_seals():
    sealed = {"read_id": "r", "plate_before": "7ABC123", "plate": None, "reason": "dirt"}
    one = _corrected(row(disclosed(sealed)))
    assert (one.read_id, one.plate_before, one.plate) == ("r", "7ABC123", None)
    assert one.is_of_another_plate


@pytest.mark.parametrize(
    "value", [[], "text", {"read_id": ["r"]}, {"plate_before": {}}, {"plate": 7}]
)
def test_what_has_another_shape_counts_towards_no_plate(value):
    one = _corrected(row(disclosed(value)))
    assert (one.seq, one.read_id, one.is_of_another_plate) == (7, None, False)


def test_an_entry_without_a_day_is_none():
    assert _corrected(row(None, b'{"data":{}}')) is None
    assert _corrected(row(None)).is_of_another_plate is False
