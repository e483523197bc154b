"""Strangers at sign-in: few at a time, those first whose address failed least, and no more wait than may."""

import asyncio
import contextlib

import pytest

from services.identity.actions import sign_in_queue
from services.identity.actions.sign_in_queue import SignInQueue
from shared.core.errors import TooManyRequests

pytestmark = pytest.mark.clause("468.6(a)/strangers")


class Crowd:
    """Strangers who come, and those who got their turn."""

    def __init__(self, at_once=1, **limits):
        self.now_s = 0.0
        self.sign_in_queue = SignInQueue(at_once, monotonic=lambda: self.now_s, **limits)
        self.had: list[str] = []
        self._leave: dict[str, asyncio.Event] = {}

    async def come(self, name, address=None):
        """Start a person's turn; it lasts until the test ends it."""
        self._leave[name] = asyncio.Event()
        task = asyncio.create_task(self._stay(name, address or name))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return task

    async def _stay(self, name, address):
        async with self.sign_in_queue.enqueue(address):
            self.had.append(name)
            await self._leave[name].wait()

    async def go(self, name):
        self._leave[name].set()
        for _ in range(4):
            await asyncio.sleep(0)


async def test_addresses_with_fewer_failures_go_first_and_equals_in_order():
    crowd = Crowd()
    for number in range(3):  # 203.0.113.9 has failed three times
        await crowd.come(f"f{number}", "203.0.113.9")
        await crowd.go(f"f{number}")
    await crowd.come("first", "203.0.113.1")
    await crowd.come("flood", "203.0.113.9")
    await crowd.come("a", "203.0.113.2")
    await crowd.come("b", "203.0.113.3")
    for name in ("first", "a", "b", "flood"):
        await crowd.go(name)
    assert crowd.had[3:] == ["first", "a", "b", "flood"]


async def test_the_number_of_concurrent_turns_is_limited():
    crowd = Crowd(at_once=2)
    for name in "abc":
        await crowd.come(name)
    assert crowd.had == ["a", "b"]
    await crowd.go("a")
    assert crowd.had == ["a", "b", "c"]


async def test_a_full_queue_refuses_the_address_with_the_most_failures():
    crowd = Crowd(most_waiting=2)
    await crowd.come("inside", "203.0.113.1")
    flood = [await crowd.come(f"flood {n}", "203.0.113.9") for n in range(3)]
    with pytest.raises(TooManyRequests, match="too many people"):
        await asyncio.wait_for(flood[2], 5)
    person = await crowd.come("person", "203.0.113.2")
    with pytest.raises(TooManyRequests):
        await asyncio.wait_for(flood[1], 5)
    await crowd.go("inside")
    assert crowd.had == ["inside", "person"]
    await crowd.go("person")
    assert crowd.had == ["inside", "person", "flood 0"]
    await person


async def test_the_first_guess_of_a_flood_does_not_go_before_a_later_person():
    crowd = Crowd(most_waiting=2)
    await crowd.come("inside", "203.0.113.1")
    await crowd.come("first guess", "203.0.113.9")
    for number in range(3):
        await crowd.come(f"guess {number}", "203.0.113.9")
    await crowd.come("person", "203.0.113.2")
    await crowd.go("inside")
    assert crowd.had == ["inside", "person"]


async def test_a_forgiven_attempt_is_not_counted_and_failures_decay():
    crowd = Crowd()
    for number in range(3):
        await crowd.come(f"r{number}", "203.0.113.9")
        crowd.sign_in_queue.forgive("203.0.113.9")
        await crowd.go(f"r{number}")
    assert crowd.sign_in_queue._count("203.0.113.9") == 0
    for _ in range(6):
        crowd.sign_in_queue._count("203.0.113.8")
    crowd.now_s += 30
    assert crowd.sign_in_queue._count("203.0.113.8") == pytest.approx(3)
    crowd.now_s += 3600
    assert crowd.sign_in_queue._count("203.0.113.8") == 0


async def test_an_ipv6_network_counts_as_one_address():
    crowd = Crowd()
    assert [
        crowd.sign_in_queue._count(sign_in_queue.network_of(f"2001:db8::{n}")) for n in range(3)
    ] == [0, 1, 2]


async def test_a_cancelled_waiter_leaves_no_gap_in_the_queue():
    crowd = Crowd()
    await crowd.come("inside")
    waiting = await crowd.come("waiting")
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await crowd.come("next")
    await crowd.go("inside")
    assert crowd.had == ["inside", "next"]
    await crowd.go("next")
    await crowd.come("later")
    assert crowd.had == ["inside", "next", "later"]


async def test_a_waiter_cancelled_at_its_turn_passes_the_turn_on():
    crowd = Crowd()
    await crowd.come("inside")
    waiting = await crowd.come("waiting")
    await crowd.come("next")
    crowd.sign_in_queue._release()  # the turn is passed on, and has not arrived yet
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert crowd.had == ["inside", "next"]


async def test_addresses_are_counted_in_bounded_memory(monkeypatch):
    monkeypatch.setattr(sign_in_queue, "MOST_NETWORKS", 3)
    crowd = Crowd()
    for number in range(10):
        crowd.sign_in_queue._count(f"203.0.113.{number}")
    assert len(crowd.sign_in_queue._failures) == 3
