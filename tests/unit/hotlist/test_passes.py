"""One hit per pass, for captures in any order."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.hotlist.domain.passes import Pass, Passes

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
ENTRY, DEVICE = uuid4(), uuid4()


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def hits(times, window_s=120):
    """Return how many hits the captures at these seconds give, processed in this order."""
    passes, count = Passes(window_s), 0
    for n, seconds in enumerate(times):
        if passes.join(ENTRY, DEVICE, at(seconds), "high") is None:
            passes.add(ENTRY, DEVICE, Pass(UUID(int=n), at(seconds), at(seconds), "high"))
            count += 1
    return count


@pytest.mark.parametrize(
    ("times", "count"),
    [
        ([0], 1),
        ([0, 120], 1),
        ([0, 121], 2),
        ([0, -120], 1),
        ([0, -121], 2),
        ([0, 100, 200, 300], 1),  # one vehicle that stays
        ([0, 1000, 2000], 3),
        ([1000, 0, 1050, 60], 2),
    ],
)
def test_captures_within_the_window_are_one_pass(times, count):
    assert hits(times) == count


def test_separate_passes_stay_separate_in_any_order():
    times = [0, 30, 60, 1000, 1030, 1060, 2000, 2030]
    for seed in range(50):
        shuffled = random.Random(seed).sample(times, len(times))
        assert hits(shuffled) == 3, shuffled


def test_a_vehicle_that_stays_raises_a_hit_each_half_hour():
    times = range(0, 4 * 3600, 60)
    assert hits(times) == 8


def test_a_capture_between_two_passes_joins_the_nearer():
    passes = Passes(120)
    near, far = Pass(UUID(int=1), at(0), at(0), "high"), Pass(UUID(int=2), at(150), at(150), "high")
    passes.add(ENTRY, DEVICE, far)
    passes.add(ENTRY, DEVICE, near)
    assert passes.join(ENTRY, DEVICE, at(70), "high") == near.hit_id
    assert (near.last_at, near.sightings) == (at(70), 2)
    assert list(passes.extended) == [near]


def test_a_capture_nearer_to_the_later_of_two_passes_joins_that_one():
    passes = Passes(120)
    for n, seconds in enumerate((0, 200)):
        passes.add(ENTRY, DEVICE, Pass(UUID(int=n), at(seconds), at(seconds), "high"))
    assert passes.join(ENTRY, DEVICE, at(110), "high") == UUID(int=1)


def test_other_entries_and_devices_are_other_passes():
    passes = Passes(120)
    passes.add(ENTRY, DEVICE, Pass(uuid4(), NOON, NOON, "high"))
    assert passes.join(uuid4(), DEVICE, NOON, "high") is None
    assert passes.join(ENTRY, uuid4(), NOON, "high") is None


def test_a_window_longer_than_the_longest_pass_is_applied():
    assert hits([0, 3600], window_s=3600) == 1


@pytest.mark.parametrize("known", ["high", "medium", "low", "information"])
@pytest.mark.parametrize("tier", ["high", "medium", "low", "information"])
def test_a_capture_joins_a_pass_whose_hit_is_at_least_as_urgent(known, tier):
    order = ["high", "medium", "low", "information"]
    passes = Passes(120)
    first = Pass(UUID(int=1), at(0), at(0), known)
    passes.add(ENTRY, DEVICE, first)
    joins = order.index(known) <= order.index(tier)
    assert passes.join(ENTRY, DEVICE, at(1), tier) == (first.hit_id if joins else None)
    assert first.sightings == (2 if joins else 1)


def test_of_two_hits_of_a_pass_a_capture_joins_one_that_is_urgent_enough():
    passes = Passes(120)
    low, high = (
        Pass(UUID(int=1), at(0), at(10), "low"),
        Pass(UUID(int=2), at(1), at(2), "high"),
    )
    for known in (low, high):
        passes.add(ENTRY, DEVICE, known)
    assert passes.join(ENTRY, DEVICE, at(5), "medium") == high.hit_id
    assert passes.join(ENTRY, DEVICE, at(6), "information") == low.hit_id
