"""Times in requests: written out, with a zone, and within the range of Postgres and Python."""

from base64 import b64encode
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.core.fields import Moment, is_key, storable

MOMENT = TypeAdapter(Moment)


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("2026-06-01T05:00:00-07:00", datetime(2026, 6, 1, 12, tzinfo=UTC)),
        ("2026-06-01t12:00:00z", datetime(2026, 6, 1, 12, tzinfo=UTC)),
        ("1900-01-01T00:00:00Z", datetime(1900, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_with_a_zone_is_accepted(said, moment):
    assert MOMENT.validate_python(said) == moment


@pytest.mark.parametrize("size", [31, 33, 48])
def test_a_key_of_another_size_or_with_other_characters_is_none(size):
    assert is_key(b64encode(bytes(32)).decode())
    assert not is_key(b64encode(bytes(size)).decode())
    assert not is_key(b64encode(bytes(32)).decode() + "!")


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("2026-06-01T12:00:00", "timezone"),
        ("2026-06-01", "the form of RFC 3339"),
        ("1780315200", "the form of RFC 3339"),
        (1780315200, "the form of RFC 3339"),
        ("2200-01-01T00:00:00Z", "between the years"),
        ("1899-12-31T23:59:59Z", "between the years"),
        ("0001-01-01T00:00:00+23:59", "between the years"),
        ("9999-12-31T23:59:59-23:59", "between the years"),
    ],
)
def test_a_time_that_is_ambiguous_or_cannot_be_kept_is_refused(said, fault):
    with pytest.raises(ValidationError, match=fault):
        MOMENT.validate_python(said)


@pytest.mark.parametrize("given", ["a\x00b", "a\ud800b"])
def test_text_that_cannot_be_stored_is_refused(given):
    with pytest.raises(ValueError, match=r"NUL|surrogate"):
        storable(given)


def test_other_text_is_stored_as_it_is():
    assert storable("Zoë \U0001f697\t") == "Zoë \U0001f697\t"
