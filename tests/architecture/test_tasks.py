"""Background work in services is a PeriodicTask or a TopicFollower, so that its failures are visible."""

import ast

import pytest

from tests.architecture.source import ROOT

AWAITED = {"services/recognition/workers/pool.py"}
"""Tasks for a batch of frames, whose outcome the consumer awaits: they fail before its eyes."""

STARTS = {"create_task", "ensure_future", "TaskGroup", "run_coroutine_threadsafe"}


def started(tree: ast.AST) -> list[int]:
    """The lines on which a task is started by hand, however asyncio was imported."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in STARTS)
        or (isinstance(node, ast.alias) and node.name in STARTS)
        or (isinstance(node, ast.Name) and node.id in STARTS)
    ]


def test_no_service_starts_a_task_by_hand() -> None:
    files = sorted((ROOT / "services").rglob("*.py"))
    assert len(files) > 200, "the services were not looked at"
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in files
        if path.relative_to(ROOT).as_posix() not in AWAITED
        for line in started(ast.parse(path.read_text()))
    }
    assert not found


@pytest.mark.parametrize(
    "planted",
    [
        "import asyncio\nasyncio.create_task(work())",
        "from asyncio import create_task\ncreate_task(work())",
        "from asyncio import ensure_future as later\nlater(work())",
        "asyncio.get_running_loop().create_task(work())",
        "async def f():\n    async with asyncio.TaskGroup() as group: ...",
    ],
)
def test_the_check_finds_a_task_that_is_started_by_hand(planted: str) -> None:
    assert started(ast.parse(planted))
