"""Polls until a condition is true, instead of a fixed sleep."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    condition: Callable[[], T | Awaitable[T]], *, within_s: float = 10, every_s: float = 0.02
) -> T:
    """Return the first truthy result of `condition`. Raises: AssertionError when time runs out.

    Calls it again if it raises AssertionError; the failure shows the last result or error.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    last: object = None
    while loop.time() < end:
        try:
            answer = condition()
            result: T = await answer if inspect.isawaitable(answer) else answer
            if result:
                return result
            last = result
        except AssertionError as exc:
            last = exc
        await asyncio.sleep(every_s)
    message = f"not so within {within_s} s; last: {last!r}"
    raise AssertionError(message)
