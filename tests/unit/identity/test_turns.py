"""Strangers at sign-in: few at a time, those first whose address failed least, and no more wait than may."""

import asyncio
import contextlib

import pytest

from services.identity.actions import turns
from services.identity.actions.turns import Turns
from shared.core.errors import TooManyRequests

pytestmark = pytest.mark.clause("468.6(a)/strangers")


class Crowd:
    """Strangers who come, and those who got their turn."""

    def __init__(self, at_once=1, **limits):
        self.now_s = 0.0
        self.turns = Turns(at_once, monotonic=lambda: self.now_s, **limits)
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
        async with self.turns.turn(address):
            self.had.append(name)
            await self._leave[name].wait()

    async def go(self, name):
        self._leave[name].set()
        for _ in range(4):
            await asyncio.sleep(0)


async def test_who_has_failed_less_is_ahead_and_equals_are_in_order():
    door = Crowd()
    for number in range(3):  # 203.0.113.9 has failed three times
        await door.come(f"f{number}", "203.0.113.9")
        await door.go(f"f{number}")
    await door.come("first", "203.0.113.1")
    await door.come("flood", "203.0.113.9")
    await door.come("a", "203.0.113.2")
    await door.come("b", "203.0.113.3")
    for name in ("first", "a", "b", "flood"):
        await door.go(name)
    assert door.had[3:] == ["first", "a", "b", "flood"]


async def test_only_so_many_have_a_turn_at_once():
    door = Crowd(at_once=2)
    for name in "abc":
        await door.come(name)
    assert door.had == ["a", "b"]
    await door.go("a")
    assert door.had == ["a", "b", "c"]


async def test_where_too_many_wait_the_one_who_failed_most_is_turned_away():
    door = Crowd(most_waiting=2)
    await door.come("inside", "203.0.113.1")
    flood = [await door.come(f"flood {n}", "203.0.113.9") for n in range(3)]
    with pytest.raises(TooManyRequests, match="too many people"):
        await asyncio.wait_for(flood[2], 5)
    person = await door.come("person", "203.0.113.2")
    with pytest.raises(TooManyRequests):
        await asyncio.wait_for(flood[1], 5)
    await door.go("inside")
    assert door.had == ["inside", "person"]
    await door.go("person")
    assert door.had == ["inside", "person", "flood 0"]
    await person


async def test_the_first_guess_of_a_flood_does_not_wait_ahead_of_who_comes_later():
    door = Crowd(most_waiting=2)
    await door.come("inside", "203.0.113.1")
    await door.come("first guess", "203.0.113.9")
    for number in range(3):
        await door.come(f"guess {number}", "203.0.113.9")
    await door.come("person", "203.0.113.2")
    await door.go("inside")
    assert door.had == ["inside", "person"]


async def test_who_comes_in_is_not_counted_and_time_forgives():
    door = Crowd()
    for number in range(3):
        await door.come(f"r{number}", "203.0.113.9")
        door.turns.right("203.0.113.9")
        await door.go(f"r{number}")
    assert door.turns._count("203.0.113.9") == 0
    for _ in range(6):
        door.turns._count("203.0.113.8")
    door.now_s += 30
    assert door.turns._count("203.0.113.8") == pytest.approx(3)
    door.now_s += 3600
    assert door.turns._count("203.0.113.8") == 0


async def test_a_network_of_ipv6_is_one_address():
    door = Crowd()
    assert [door.turns._count(turns.network_of(f"2001:db8::{n}")) for n in range(3)] == [0, 1, 2]


async def test_who_gives_up_leaves_no_gap():
    door = Crowd()
    await door.come("inside")
    waiting = await door.come("waiting")
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await door.come("next")
    await door.go("inside")
    assert door.had == ["inside", "next"]
    await door.go("next")
    await door.come("later")
    assert door.had == ["inside", "next", "later"]


async def test_who_gives_up_as_the_turn_comes_passes_it_on():
    door = Crowd()
    await door.come("inside")
    waiting = await door.come("waiting")
    await door.come("next")
    door.turns._go()  # the turn is passed on, and has not arrived yet
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert door.had == ["inside", "next"]


async def test_addresses_are_counted_in_bounded_memory(monkeypatch):
    monkeypatch.setattr(turns, "MOST_PLACES", 3)
    door = Crowd()
    for number in range(10):
        door.turns._count(f"203.0.113.{number}")
    assert len(door.turns._asked) == 3
