"""Carries out a plan: begins and ends each fault at its time."""

import asyncio
import time
from collections.abc import Callable, Sequence

from tests.chaos.installation import Installation
from tests.chaos.plan import Fault, What
from tests.chaos.proxy import WHOLE, Break


async def carry_out(
    parts: Installation, faults: Sequence[Fault], say: Callable[[str], object]
) -> None:
    """Carry out all faults; the times of the plan count from now."""
    begun_s = time.monotonic()

    async def at(seconds: float) -> None:
        await asyncio.sleep(max(0.0, begun_s + seconds - time.monotonic()))

    async def one(fault: Fault) -> None:
        await at(fault.begins_s)
        say(f"{fault}")
        _switch(parts, fault, on=True)
        await at(fault.ends_s)
        _switch(parts, fault, on=False)

    async with asyncio.TaskGroup() as group:
        for fault in faults:
            group.create_task(one(fault))


def _switch(parts: Installation, fault: Fault, *, on: bool) -> None:
    """Begin a fault, or end it."""
    part = fault.part
    match fault.what:
        case What.KILL:
            if on:
                parts.kill(part)
        case What.STOP:
            (parts.stop if on else parts.go_on)(part)
        case What.FULL:
            parts.fill_disk(part, full=on)
        case What.SLOW:
            parts.machines[part].slow_disk(fault.how if on else 0)
        case What.CLOCK:
            parts.machines[part].step_clock(fault.how if on else 0)
        case _:
            parts.break_link(part, _break(fault) if on else WHOLE)


def _break(fault: Fault) -> Break:
    match fault.what:
        case What.CUT:
            return Break(cut=True)
        case What.SILENT:
            return Break(silent=True)
        case What.DELAY:
            return Break(delay_s=fault.how)
        case _:
            return Break(flipped=fault.how)


def recovered_s(faults: Sequence[Fault], seen: Sequence[tuple[float, bool]]) -> list[float | None]:
    """Return for each fault the seconds from its end to the first look at which all was well; None if there is none.

    Other faults that last meanwhile count into it.
    """
    return [
        next((at_s - fault.ends_s for at_s, well in seen if well and at_s >= fault.ends_s), None)
        for fault in faults
    ]
