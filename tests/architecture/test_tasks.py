"""Background work in services is a PeriodicTask or a TopicFollower, so that its failures are visible."""

import ast

import pytest

from tests.architecture.source import ROOT, bindings, dotted, modules, tree

STARTERS = {
    "services/audit/actions/writer.py": "the storing of a batch while the next is made: the append awaits its outcome",
    "services/audit/actions/ranges.py": "checks of ranges in other processes: the verification awaits each",
    "services/recognition/workers/pool.py": "tasks for a batch of frames: the consumer awaits their outcome",
    "services/recognition/workers/process.py": "the processes of the pool, which sees each of them end",
    "services/retention/workers/pass_process.py": "the process that votes: each run awaits its outcome, or its end",
}
"""Modules that start work by hand, and why."""

STARTS = {
    "TaskGroup", "Thread", "Timer", "call_at", "call_later", "call_soon", "call_soon_threadsafe",
    "create_task", "eager_task_factory", "ensure_future", "run_coroutine_threadsafe", "spawn", "start_new_thread", "submit",
}  # fmt: skip
"""Names that start work whose outcome nothing awaits: of asyncio, threading, executors and our child processes."""

OF_LIBRARIES = {"asyncio.Task", "asyncio.tasks.Task", "multiprocessing.Process"}
"""The same, whose last name a class of ours may have too."""

AWAITED = {
    "asyncio.gather",
    "asyncio.to_thread",
    "asyncio.wait",
    "asyncio.wait_for",
    "asyncio.shield",
}
"""What starts work and is awaited where it is called."""


def started(parsed: ast.Module) -> list[int]:
    """The lines on which work is started by hand, however asyncio was imported."""
    bound = bindings(parsed)
    awaited = {
        id(node.value.func)
        for node in ast.walk(parsed)
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Call)
    }
    found = []
    for node in ast.walk(parsed):
        match node:
            case ast.Call(func=ast.Attribute(attr="Process")):
                found.append(node.lineno)
            case ast.Call(func=func) if dotted(func, bound) in OF_LIBRARIES:
                found.append(node.lineno)
            case ast.Attribute(attr=name) | ast.Name(id=name) | ast.alias(name=name):
                called = id(node) in awaited
                by_asyncio = not isinstance(node, ast.alias) and dotted(node, bound) in AWAITED
                in_a_pool = isinstance(node, ast.Attribute) and name == "run_in_executor"
                if name in STARTS or ((by_asyncio or in_a_pool) and not called):
                    found.append(node.lineno)
    return found


def test_services_start_tasks_only_in_the_listed_modules() -> None:
    paths = modules("services")
    assert len(paths) > 200, "the walk is broken"
    found = {path.relative_to(ROOT).as_posix() for path in paths if started(tree(path))}
    assert found == STARTERS.keys()


@pytest.mark.parametrize(
    "planted",
    [
        "import asyncio\nasyncio.create_task(work())",
        "from asyncio import create_task\ncreate_task(work())",
        "from asyncio import ensure_future as later\nlater(work())",
        "asyncio.get_running_loop().create_task(work())",
        "async def f():\n    async with asyncio.TaskGroup() as group: ...",
        "import asyncio\nasyncio.Task(work())",
        "asyncio.get_running_loop().call_later(1, work)",
        "loop.call_soon_threadsafe(work)",
        "import threading\nthreading.Thread(target=work).start()",
        "from threading import Timer as Later\nLater(1, work).start()",
        "import _thread\n_thread.start_new_thread(work, ())",
        "pool.submit(work)",
        "multiprocessing.Process(target=work).start()",
        "from multiprocessing import Process as P\nP(target=work).start()",
        "get_context('spawn').Process(target=work).start()",
        "Child.spawn(work, name='worker')",
        "import asyncio\nwaiting = asyncio.gather(work(), more())",
        "from asyncio import gather as g\ndef f():\n    return g(work())",
        "import asyncio as aio\nstart = aio.gather",
        "import asyncio\nworking = asyncio.to_thread(work)",
        "import asyncio\nworking = asyncio.shield(work())",
        "async def f():\n    loop.run_in_executor(None, work)",
    ],
)
def test_the_check_finds_a_task_started_directly(planted: str) -> None:
    assert started(ast.parse(planted))


@pytest.mark.parametrize(
    "text",
    [
        "import asyncio\nasync def f():\n    return await asyncio.gather(work(), more())",
        "import asyncio\nasync def f():\n    await asyncio.to_thread(work)",
        "async def f(gather):\n    await gather(folder)\n    gather(folder)",
        "async def f():\n    await loop.run_in_executor(pool, work)",
        "from shared.service.running import Task\nTask(work)",
        "def f(process: asyncio.subprocess.Process, task: asyncio.Task[None]): ...",
        "PeriodicTask('sweep', work, every_s=1)",
    ],
)
def test_an_awaited_call_is_not_reported_as_a_started_task(text: str) -> None:
    assert not started(ast.parse(text))
