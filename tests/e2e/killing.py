"""Kills one process of a running stack after another, while work goes on; the stack starts them again."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from deploy.kafka.run import ApacheKafka
from local.stack.state_file import Running, StateFile
from shared.testing import eventually


class Killer:
    """Ends processes of one stack, by the ids that the stack itself wrote down."""

    def __init__(self, folder: Path, kafka: ApacheKafka) -> None:
        self._state_file = StateFile(folder / "stack.json")
        self._kafka = kafka
        self.killed: list[str] = []

    def running(self) -> Running:
        """Return the running processes. Raises: AssertionError while the stack is not up."""
        found = self._state_file.read()
        assert found is not None, "the stack is not up"
        return found

    async def kill(self, name: str) -> None:
        """Kill -9 one process and wait until another replaces it."""
        if name == "kafka":
            self._kafka.kill()
            await asyncio.to_thread(self._kafka.start)
        elif name == "worker":
            await self._kill_worker()
        else:
            old = self.running().processes[name]
            os.kill(old, signal.SIGKILL)
            await eventually(lambda: self.running().processes[name] != old, within_s=60)
        self.killed.append(name)

    async def _kill_worker(self) -> None:
        """Kill one of recognition's worker processes, during a frame or between two."""
        parent = self.running().processes["recognition"]
        workers = await eventually(lambda: workers_of(parent), within_s=60)
        os.kill(workers[-1], signal.SIGKILL)
        await eventually(lambda: workers[-1] not in children(parent), within_s=60)


def children(pid: int) -> list[int]:
    """Return the processes that a process started and that still run."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:  # the thread ended meanwhile
            continue
    return sorted(found)


def workers_of(pid: int) -> list[int]:
    """Return the children of `pid` that Python's multiprocessing runs, without its tracker of resources."""
    return [child for child in children(pid) if b"spawn_main" in _command_line(child)]


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it ended meanwhile
        return b""


async def one_after_another(
    names: list[str], kill: Callable[[str], Awaitable[None]], due: Callable[[], bool]
) -> None:
    """Kill each in turn, each time once `due` reports enough work since the last."""
    for name in names:
        await eventually(due, within_s=300, every_s=0.2)
        await kill(name)
