"""The resources of a running service, which it starts in order and stops in reverse order."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from shared.core.errors import Unavailable
from shared.core.patience import patiently

Ping = Callable[[], Awaitable[None]]
"""Returns if a dependency answers. Raises: Unavailable."""

OK = "ok"

ANSWERS_WITHIN_S = 2.0
"""Time limit of a ping; probes have short limits themselves."""


class Resource(Protocol):
    """A store, or another part of a service that has a start and a stop."""

    name: str
    """Its name in log lines."""

    patience_s: float
    """How long the start waits while it does not answer; 0 for one attempt."""

    async def start(self) -> None:
        """Start. Raises: Unavailable if it does not answer."""
        ...

    async def stop(self) -> None:
        """Stop; does nothing if it was not started."""
        ...

    def pings(self) -> Mapping[str, Ping]:
        """Return its pings by their names in `/readyz`; none if readiness does not depend on it."""
        ...


async def start_all(service: str, resources: Sequence[Resource]) -> None:
    """Start resources in order, each once the one before it has started.

    Raises: Unavailable if one does not answer within its patience.
    """
    for resource in resources:
        await patiently(service, resource.name, resource.start, within_s=resource.patience_s)


async def stop_all(resources: Sequence[Resource]) -> None:
    """Stop resources in reverse order, also those that were not started."""
    for resource in reversed(resources):
        await resource.stop()


async def states_of(resources: Sequence[Resource]) -> dict[str, str]:
    """Ping all resources concurrently; return the state of each ping: "ok" or what is wrong."""
    pings = {name: ping for resource in resources for name, ping in resource.pings().items()}
    states = await asyncio.gather(*(_state(ping) for ping in pings.values()))
    return dict(zip(pings, states, strict=True))


async def _state(ping: Ping) -> str:
    """Return "ok" or what is wrong, within `ANSWERS_WITHIN_S`; a ping that hangs counts as an error."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            await ping()
    except Unavailable as exc:
        return exc.detail
    except TimeoutError:
        return "it does not answer"
    except Exception as exc:  # noqa: BLE001 - of any kind: the answer names what fails, and the others' states
        return f"it fails: {type(exc).__name__}"
    return OK


def is_ok(state: str) -> bool:
    """Return whether the state of a dependency allows readiness; a remark may follow "ok"."""
    return state == OK or state.startswith(f"{OK}, ")
