"""How much a device may send: its rate, and the bytes that a process holds at once."""

from contextlib import suppress
from uuid import uuid4

import pytest

from services.ingest.domain.in_flight import InFlight
from services.ingest.domain.problem_codes import Code
from services.ingest.domain.rate import Rates
from shared.core.errors import TooManyRequests, Unavailable
from tests.unit.ingest.devices import Ticking


def test_a_rate_limit_applies_over_time_and_reports_the_wait():
    ticking, device = Ticking(), uuid4()
    rates = Rates("frames", monotonic=ticking)
    for _ in range(20):  # ten seconds' worth at once
        rates.spend(device, 2)
    with pytest.raises(TooManyRequests) as refused:
        rates.spend(device, 2)
    assert refused.value.retry_after_s == 1
    assert refused.value.code == "device_rate_exceeded"
    assert refused.value.params == {"per_s": 2, "what": "frames"}
    ticking.now_s += 0.5
    rates.spend(device, 2)
    with pytest.raises(TooManyRequests):
        rates.spend(device, 2)
    rates.spend(uuid4(), 2)  # another device is not held back by this one


def test_a_large_batch_goes_into_debt_that_time_pays_off():
    ticking, device = Ticking(), uuid4()
    rates = Rates("reads", monotonic=ticking)
    rates.spend(device, 100)
    with rates.charged(device, 1_999):
        pass
    with pytest.raises(TooManyRequests) as refused:
        rates.spend(device, 100)
    assert refused.value.retry_after_s == 11
    ticking.now_s += 10.02
    rates.spend(device, 100)


def test_a_request_that_fails_for_our_own_fault_costs_its_device_one_item_alone():
    ticking, device = Ticking(), uuid4()
    rates = Rates("reads", monotonic=ticking)
    rates.spend(device, 1)
    with pytest.raises(Unavailable), rates.charged(device, 9):
        raise Unavailable(Code.TOO_MUCH_IN_FLIGHT)
    with pytest.raises(ValueError, match="the device's"), rates.charged(device, 8):
        raise ValueError("the device's")
    rates.spend(device, 1)
    with pytest.raises(TooManyRequests):
        rates.spend(device, 1)


def test_a_device_that_was_silent_for_long_may_send_ten_seconds_worth():
    ticking, device = Ticking(), uuid4()
    rates = Rates("frames", monotonic=ticking)
    rates.spend(device, 1)
    ticking.now_s += 86_400
    for _ in range(10):
        rates.spend(device, 1)
    with pytest.raises(TooManyRequests):
        rates.spend(device, 1)


def test_a_slow_device_may_send_one_item_at_once():
    ticking, device = Ticking(), uuid4()
    rates = Rates("frames", monotonic=ticking)
    rates.spend(device, 0.05)
    with pytest.raises(TooManyRequests) as refused:
        rates.spend(device, 0.05)
    assert refused.value.retry_after_s == 20


def test_bodies_in_flight_are_counted_and_released():
    in_flight, device = InFlight(100, 70), uuid4()
    with in_flight.body(device) as one, in_flight.body(uuid4()) as other:
        one.add(60)
        with pytest.raises(Unavailable):
            other.add(60)
        with in_flight.body(device) as another, pytest.raises(Unavailable):
            another.add(20)
        other.add(40)
        assert in_flight.held_bytes == 100
    assert in_flight.held_bytes == 0
    with in_flight.body(device) as one:
        one.add(70)


def test_a_body_beyond_a_limit_is_refused_for_now_and_holds_nothing():
    in_flight, device = InFlight(100, 70), uuid4()
    with in_flight.body(device) as one:
        with pytest.raises(Unavailable) as refused:
            one.add(71)
        assert (refused.value.code, refused.value.retry_after_s) == ("too_much_in_flight", 2)
        assert (in_flight.held_bytes, one.count_bytes) == (0, 0)
        one.add(30)
        one.add(40)
        with in_flight.body(device) as another, pytest.raises(Unavailable):
            another.add(1)
        assert (in_flight.held_bytes, one.count_bytes) == (70, 70)


def test_bodies_that_failed_are_released_too():
    in_flight, device = InFlight(100, 70), uuid4()
    with suppress(Unavailable), in_flight.body(device) as one:
        one.add(70)
        one.add(1)
    assert in_flight.held_bytes == 0
    assert not in_flight._of_device, "a device that is gone takes no memory"
