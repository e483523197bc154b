"""Background tasks: turns, waking, failing and being seen to fail, and how they stop."""

import asyncio

import pytest

from shared.core import periodic
from shared.core.errors import DependencyDown
from shared.core.periodic import FAILING, PeriodicTask
from shared.testing import eventually


def gauge(task: PeriodicTask) -> float:
    return FAILING.labels(task.name)._value.get()


async def test_a_periodic_task_runs_at_once_when_woken_and_after_a_failure() -> None:
    turns = []

    async def work() -> None:
        turns.append(1)
        if len(turns) == 1:
            raise DependencyDown("not yet")
        if len(turns) == 2:
            raise ZeroDivisionError
        if len(turns) == 3:
            raise asyncio.CancelledError  # of a call: the task itself goes on

    task = PeriodicTask("test wakes", work, 3600, at_once=True)
    await task.stop()  # not started: stopping does no harm
    task.start()
    for count, failing in (
        (1, "not yet"),
        (2, "ZeroDivisionError"),
        (3, "a call was cancelled"),
        (4, None),
    ):
        await eventually(lambda count=count: len(turns) == count)
        await eventually(lambda failing=failing: task.failing == failing)
        assert gauge(task) == (failing is not None)
        task.wake()
    await eventually(lambda: len(turns) == 5)
    await task.stop()


async def test_a_periodic_task_first_runs_after_its_interval() -> None:
    turns = []

    async def work() -> None:
        turns.append(1)

    task = PeriodicTask("test again", work, 0.05)
    task.start()
    await asyncio.sleep(0)
    assert not turns
    await eventually(lambda: len(turns) >= 3)
    await task.stop()


@pytest.mark.parametrize("drain", [True, False])
async def test_stopping_a_task_waits_for_its_turn_only_if_it_drains(
    drain: bool,
) -> None:
    begun, go, ended = asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        begun.set()
        await go.wait()
        ended.append(1)

    task = PeriodicTask("test stops", work, 3600, at_once=True, drain=drain)
    task.start()
    await begun.wait()
    stopping = asyncio.create_task(task.stop())
    await asyncio.sleep(0.01)
    assert stopping.done() is not drain
    go.set()
    await stopping
    assert len(ended) == drain, "and no further turn was begun"


async def test_a_task_woken_during_a_turn_takes_another_at_once() -> None:
    turns, begun, go = [], asyncio.Event(), asyncio.Event()

    async def work() -> None:
        turns.append(1)
        begun.set()
        await go.wait()

    task = PeriodicTask("test woken", work, 3600, at_once=True)
    task.start()
    await begun.wait()
    task.wake()
    go.set()
    await eventually(lambda: len(turns) == 2)
    await task.stop()


async def test_a_turn_that_does_not_end_holds_up_a_stop_for_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(periodic, "DRAINS_WITHIN_S", 0.01)
    begun, ended = asyncio.Event(), []

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # such as the rollback of a transaction
            ended.append(1)

    task = PeriodicTask("test hangs", work, 3600, at_once=True, drain=True)
    for count in (1, 2):  # it can be started again
        begun.clear()
        task.start()
        await begun.wait()
        async with asyncio.timeout(2):
            await task.stop()
        assert len(ended) == count, "the cancelled turn has ended"


async def test_a_long_turn_can_clear_its_failing_state() -> None:
    async def work() -> None:
        raise DependencyDown("away")

    task = PeriodicTask("test long", work, 3600)
    await task.once()
    assert (task.failing, gauge(task)) == ("away", 1)
    task.works()
    assert (task.failing, gauge(task)) == (None, 0)
