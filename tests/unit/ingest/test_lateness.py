"""What is known of a device's posts, live and late, as they arrive in several processes."""

from datetime import timedelta

from services.ingest.domain.lateness import NO_ARRIVALS, Arrivals, a_late_one, a_live_one
from tests.unit.ingest.devices import NOON

LATER, LATEST = NOON + timedelta(hours=1), NOON + timedelta(hours=2)


def test_late_posts_are_counted_from_the_first_to_the_last():
    assert a_late_one(NOON) == Arrivals(late_since=NOON, late_until=NOON, late_posts=1)
    two = a_late_one(NOON).then(a_late_one(LATER))
    assert two == Arrivals(late_since=NOON, late_until=LATER, late_posts=2)
    three = two.then(a_late_one(LATEST))
    assert three == Arrivals(late_since=NOON, late_until=LATEST, late_posts=3)
    assert NO_ARRIVALS.then(two) == two
    assert two.then(NO_ARRIVALS) == two


def test_a_live_post_ends_the_late_ones_before_it_and_not_those_after():
    assert a_live_one(NOON) == Arrivals(live_at=NOON)
    assert a_late_one(NOON).then(a_live_one(LATER)) == a_live_one(LATER)
    after = a_live_one(NOON).then(a_late_one(LATER))
    assert after == Arrivals(live_at=NOON, late_since=LATER, late_until=LATER, late_posts=1)
    assert a_late_one(NOON).then(after) == after
