"""How many refusals an address has left, and that the sums include every refusal."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from shared.limits.refusals import GUARD, OVERALL, Allowance, LimitKey, RefusalTally, network_of

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HERE = LimitKey("192.0.2.1", GUARD)


class Seconds:
    """A monotonic clock that is set."""

    now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
def allowance(seconds):
    return Allowance(5, 60, most_buckets=3, monotonic=seconds)


def test_an_address_has_a_burst_that_refills_over_time(allowance, seconds):
    assert [allowance.reserve(HERE) for _ in range(7)] == [True] * 5 + [False] * 2
    assert allowance.wait_s(HERE) == 1
    seconds.now_s += 2
    assert [allowance.reserve(HERE) for _ in range(3)] == [True, True, False]
    seconds.now_s += 3600
    assert sum(allowance.reserve(HERE) for _ in range(20)) == 5


def test_an_allowance_that_is_given_back_is_not_used_up(allowance):
    for _ in range(50):
        assert allowance.reserve(HERE)
        allowance.give_back(HERE)
    assert sum(allowance.reserve(HERE) for _ in range(10)) == 5


def test_the_wait_lasts_until_the_next_allowance(seconds):
    allowance = Allowance(1, 6, monotonic=seconds)
    assert allowance.reserve(HERE)
    assert allowance.wait_s(HERE) == 10
    seconds.now_s += 9
    assert not allowance.reserve(HERE)
    seconds.now_s += 1
    assert allowance.wait_s(HERE) == 1, "never told to come again in no time"
    assert allowance.reserve(HERE)


def test_the_wait_is_in_whole_seconds_and_long_enough(seconds):
    allowance = Allowance(1, 7, monotonic=seconds)  # one in 8.6 s
    assert allowance.reserve(HERE)
    seconds.now_s += allowance.wait_s(HERE)
    assert allowance.reserve(HERE)


def test_addresses_and_routes_have_separate_allowances(allowance):
    while allowance.reserve(HERE):
        pass
    assert allowance.reserve(LimitKey("192.0.2.2", GUARD))
    assert allowance.reserve(LimitKey("192.0.2.1", "/v1/sessions"))


def test_a_route_whose_requests_cost_more_has_a_smaller_burst_and_never_a_larger_one(allowance):
    sign_in = LimitKey("192.0.2.1", "/v1/sessions")
    allowance.narrow("/v1/sessions", 2)
    assert sum(allowance.reserve(sign_in) for _ in range(10)) == 2
    allowance.narrow(GUARD, 50)
    assert sum(allowance.reserve(HERE) for _ in range(10)) == 5


def test_memory_is_bounded_and_an_active_address_is_not_evicted(allowance):
    while allowance.reserve(HERE):
        pass
    for number in range(10_000):
        allowance.reserve(LimitKey(f"2001:db8:0:{number:x}::/64", GUARD))
        assert not allowance.reserve(HERE)
        assert len(allowance) <= 3


def test_many_addresses_share_an_overall_allowance(allowance):
    taken = sum(
        allowance.reserve(LimitKey(f"10.0.{n // 250}.{n % 250}", GUARD)) for n in range(5000)
    )
    assert taken == 5 * OVERALL
    # Signing in is bounded by its password hashing; a flood elsewhere does not close it to others.
    assert allowance.reserve(LimitKey("198.51.100.1", "/v1/sessions"))


def test_the_overall_allowance_refills_and_is_given_back_as_an_addresss_is(seconds):
    allowance = Allowance(5, 60, monotonic=seconds)
    addresses = [LimitKey(f"10.0.{n // 250}.{n % 250}", GUARD) for n in range(5000)]
    taken = [key for key in addresses if allowance.reserve(key)]
    assert len(taken) == 5 * OVERALL
    for key in taken[:10]:
        allowance.give_back(key)
    fresh = [key for key in addresses if key not in taken]
    assert sum(map(allowance.reserve, fresh)) == 10
    seconds.now_s += 2
    assert sum(map(allowance.reserve, fresh[1000:])) == 2 * OVERALL


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("", ""),
        ("not an address", ""),
        ("1" * 100_000, ""),
    ],
)
def test_an_address_is_counted_by_its_network(host, place):
    assert network_of(host) == place


def test_a_minute_is_reported_once_it_has_ended():
    tally = RefusalTally()
    for second in (0, 1, 59, 60):
        tally.add(HERE, NOON + timedelta(seconds=second))
    assert tally.pop_before(NOON + timedelta(seconds=59)) == []
    [told] = tally.pop_before(NOON + timedelta(seconds=60))
    assert (told.key, told.count, told.first_at) == (HERE, 3, NOON)
    assert told.last_at == NOON + timedelta(seconds=59)
    [rest] = tally.pop_before(NOON + timedelta(hours=1))
    assert rest.count == 1
    assert len(tally) == 0


def test_a_clock_that_is_set_back_within_a_minute_does_not_move_its_last_refusal():
    tally = RefusalTally()
    for second in (30, 10):
        tally.add(HERE, NOON + timedelta(seconds=second))
    [told] = tally.pop_before(NOON + timedelta(minutes=1))
    assert told.last_at == NOON + timedelta(seconds=30)


def test_counts_of_many_addresses_are_few_entries_with_an_exact_sum():
    tally = RefusalTally(most_named=10, most_minutes=2)
    for number in range(6000):
        key = LimitKey(
            f"10.0.{number // 250}.{number % 250}", ("guard", "/v1/sessions")[number % 2]
        )
        tally.add(key, NOON + timedelta(minutes=number // 1000))
        assert len(tally) <= 3 * (10 + 2) + 3 * 2
    told = tally.pop_before(NOON + timedelta(hours=1))
    assert sum(counted.count for counted in told) == 6000
    counts = Counter()
    for counted in told:
        counts[counted.key.name] += counted.count
    assert counts == {"guard": 3000, "/v1/sessions": 3000}


def test_counts_that_could_not_be_published_are_returned_again_unchanged():
    tally = RefusalTally()
    tally.add(HERE, NOON)
    taken = tally.pop_before(NOON + timedelta(minutes=1))
    tally.put_back(taken)
    tally.add(HERE, NOON)  # a clock that was put back
    first, second = tally.pop_before(NOON + timedelta(minutes=2))
    assert [first] == taken
    assert (second.count, second.minute) == (1, NOON + timedelta(minutes=1))


def test_no_refusal_is_added_to_a_minute_that_is_published_already():
    tally, others = RefusalTally(), LimitKey("192.0.2.2", GUARD)
    for key in (HERE, others):
        tally.add(key, NOON)
    failed = tally.pop_before(NOON + timedelta(minutes=1))
    tally.add(HERE, NOON + timedelta(minutes=3))
    assert len(tally.pop_before(NOON + timedelta(minutes=4))) == 1
    tally.put_back(failed)
    assert tally.pop_before(NOON + timedelta(minutes=1)) == failed
    tally.add(HERE, NOON + timedelta(minutes=3))  # a clock that was set back
    [late] = tally.pop_before(NOON + timedelta(hours=1))
    assert late.minute == NOON + timedelta(minutes=4)
