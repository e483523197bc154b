"""Dead letters past their time, by the times in their bodies, whole or damaged."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from shared.kafka.dead_letter_ends import DeadLetterEnds, captured_times

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SCHEDULE = timedelta(days=400)
PAST = NOW - SCHEDULE - timedelta(seconds=1)
FRESH = NOW - SCHEDULE + timedelta(seconds=1)


def a_letter(body: str, *, dead_at: datetime | None = NOW, appended_at: datetime = NOW):
    headers = [] if dead_at is None else [("dead_at", dead_at.isoformat().encode())]
    timestamp = int(appended_at.timestamp() * 1000)
    return SimpleNamespace(headers=headers, timestamp=timestamp, value=body.encode())


def is_over(letter) -> bool:
    return DeadLetterEnds("127.0.0.1:1", SCHEDULE)._is_over(letter, NOW)


BODIES = {
    "a read": '{{"plate":"7ABC123","captured_at":"{0}"}}',
    "cut off": '{{"plate":"7ABC123","captured_at":"{0}","model":"ven',
    "with spaces": '{{"captured_at" : "{0}"}}',
    "a pass": '{{"first_seen_at":"{0}","last_seen_at":"2026-06-01T00:00:00Z"}}',
    "the end of a pass without its beginning": 'seen":1,"last_seen_at":"{0}"}}',
    "a signed capture": r'{{"capture":{{"body":"{{\"captured_at\":\"{0}\"}}"}}}}',
    "one of several days": '{{"records":[{{"captured_on":"2026-05-01"}},{{"captured_on":"{0}"}}]}}',
}


@pytest.mark.clause("468.5/schedule")
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_dead_letter_ends_when_its_sighting_is_past_the_schedule(body: str) -> None:
    assert is_over(a_letter(body.format(PAST.isoformat())))
    assert not is_over(a_letter(body.format(NOW.isoformat())))


def test_a_dead_letter_ends_exactly_at_the_schedule() -> None:
    body = BODIES["a read"]
    assert not is_over(a_letter(body.format(FRESH.isoformat())))
    assert is_over(a_letter(body.format(PAST.strftime("%Y-%m-%dT%H:%M:%SZ"))))


@pytest.mark.clause("468.5/schedule")
@pytest.mark.parametrize("body", ["", "no JSON", '{"captured_at":"soon"}', '{"at":"2001-01-01"}'])
def test_a_dead_letter_without_a_time_ends_28_days_after_it_was_stored(body: str) -> None:
    """It ends then although a late move behind others begins the topic's own retention anew."""
    aside = NOW - timedelta(days=28)
    assert is_over(a_letter(body, dead_at=aside - timedelta(seconds=1)))
    assert not is_over(a_letter(body, dead_at=aside + timedelta(seconds=1)))
    assert is_over(a_letter(body, dead_at=None, appended_at=aside - timedelta(seconds=1)))


def test_a_date_counts_as_the_beginning_of_its_day() -> None:
    assert captured_times(b'{"captured_on":"2026-05-01"}') == [datetime(2026, 5, 1, tzinfo=UTC)]
