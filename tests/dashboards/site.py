"""The running stack that faults are made in, and what a trial of rules is."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from local.demo.department import Department
from local.stack.servers import ROOT
from local.stack.state_file import StateFile
from tests.chaos.installation import descendants
from tests.dashboards.servers import Receiver
from tests.prometheus import Prometheus


@dataclass(frozen=True)
class Site:
    """The running stack that faults are made in."""

    folder: Path
    department: Department
    urls: dict[str, str]
    kafka: str
    prometheus: Prometheus
    findings: Receiver
    """What audit sends findings to."""
    until_the_end: ExitStack
    """What a trial leaves running: it ends with the run."""
    outside: Mapping[str, int]
    """The ids of processes that the stack did not start, by part."""

    def pids(self, part: str) -> list[int]:
        """Return the ids of a part's process and of those below it."""
        state = StateFile(self.folder / "stack.json").read()
        assert state is not None, "the stack has ended"
        pid = {**state.processes, **self.outside}[part]
        return [pid, *descendants(pid)]

    def environment(self, part: str) -> dict[str, str]:
        """Return the environment of a part's process. Contains secrets."""
        raw = Path(f"/proc/{self.pids(part)[0]}/environ").read_bytes().decode()
        return dict(line.split("=", 1) for line in raw.split("\0") if line)


Cause = Callable[[Site], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Trial:
    """A fault, and the rules that fire while it lasts and clear once it has ended."""

    what: str
    rules: tuple[str, ...]
    cause: Cause
    of: str = ""
    """Labels of the alerts that count, as PromQL has them; others may fire all along."""


def repeated(once: Callable[[Site], Awaitable[None]], every_s: float = 1.0) -> Cause:
    """Do something again and again."""

    @asynccontextmanager
    async def during(site: Site) -> AsyncIterator[None]:
        async def again() -> None:
            while True:
                with suppress(httpx.HTTPError, OSError):
                    await once(site)
                await asyncio.sleep(every_s)

        task = asyncio.create_task(again())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return during


async def command(module: str, *arguments: str, environment: Mapping[str, str]) -> str:
    """Run a command of the host in an environment; return what it prints."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
