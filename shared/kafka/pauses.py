"""Pauses between the fetches of an idle consumer: the embedded broker has no long poll (ADR-0003)."""

import asyncio
import contextlib
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer


class Pauses(NamedTuple):
    """Pauses after fetches that found nothing, in multiples of `KAFKA_EMPTY_FETCH_PAUSE_MS` (ADR-0003)."""

    first: int
    """After the first one; each further pause is longer."""
    longest: int


PROMPT, UNHURRIED = Pauses(1, 10), Pauses(2, 100)
"""For events that people wait for, and for those that may be a second late."""


def pace(consumer: AIOKafkaConsumer, pause_s: float, longest_s: float) -> None:
    """Pause after each empty fetch, longer each time: the embedded broker has no long poll (ADR-0003).

    While a fetch runs, aiokafka sends no other to that node, so delaying its end delays the next one. aiokafka has
    no public hook for this; this wraps the pinned version's fetcher, and a test checks that it does.
    """
    fetcher = consumer._fetcher
    fetch = fetcher._proc_fetch_request
    idle_s = pause_s

    async def paced(*args: Any) -> bool:
        nonlocal idle_s
        found = bool(await fetch(*args))
        if found:
            idle_s = pause_s
        else:
            # aiokafka awaits a fetch after cancelling it, so the fetch must return normally, as aiokafka's
            # own fetches do: otherwise the cancellation escapes from consumer.stop().
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(idle_s)
            idle_s = min(idle_s * 1.2, longest_s)
        return found

    fetcher._proc_fetch_request = paced
