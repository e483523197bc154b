"""A process that has imported all modules and collected the tests once, and forks for each mutant.

`python -m tests.conformance.mutant_server REQUESTS REPLIES FILE...` reads the names of files with jobs from one
descriptor, a line each, and writes a line to the other when the job is done: `done`, or why the job needs a
process of its own. No fixture is set up before the fork: each child sets up the fixtures of its tests.
"""

import contextlib
import io
import os
import select
import signal
import sys
import traceback
import warnings
from importlib.util import cache_from_source
from pathlib import Path
from typing import IO, Any

import coverage
import msgspec
import pytest

from tests.conformance.mutant_run import Hunt, Job
from tests.conformance.patching import NotInPlace, replace
from tests.conformance.reach import SOURCES
from tests.conformance.rules import Proofs

TIMEOUT_S = 1800


class MutantServer(Proofs):
    """A pytest plugin that runs jobs in forks instead of running the collected tests."""

    def __init__(self, requests: IO[str], replies: IO[str]) -> None:
        super().__init__()
        self.requests = requests
        self.replies = replies
        self.opened: set[str] = set()
        """Files that were opened while the tests were collected."""
        self.collecting = True
        self.imported: dict[str, list[int]] = {}
        """By file, the lines that ran meanwhile. The measuring tracer does not use this: it forgets in a fork."""
        self.measured = coverage.Coverage(
            data_file=None, config_file=False, source=list(SOURCES), messages=False
        )
        self.hunt: Hunt | None = None
        """In a child: the job that it does."""
        sys.addaudithook(self._audit)
        self.measured.start()

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and self.collecting and isinstance(args[0], str):
            self.opened.add(str(Path(args[0]).absolute()))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Do jobs until there are no more. In a child, return None: then pytest runs the chosen tests."""
        self.collecting = False
        self.measured.stop()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sources that no test imports
            data = self.measured.get_data()
            self.imported = {file: data.lines(file) or [] for file in data.measured_files()}
        if session.testsfailed:
            self._reply("the tests cannot be collected")
            return True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True
        threads = len(list(Path("/proc/self/task").iterdir()))
        self._reply("ready" if threads == 1 else f"{threads} threads run, and would not be forked")
        for line in self.requests:
            job = msgspec.json.decode(Path(line.strip()).read_bytes(), type=Job)
            child = os.fork()
            if child == 0:
                return self._begin(job, session)
            self._reply(_ended(child))
        return True

    def _reply(self, text: str) -> None:
        print(text, file=self.replies, flush=True)

    def _begin(self, job: Job, session: pytest.Session) -> bool | None:
        """Make the mutant in this process, and choose its tests."""
        self.hunt = Hunt(job)
        os.environ.update(job.environment())
        try:
            self._change(job)
        except NotInPlace as why:
            Path(job.result).write_bytes(msgspec.json.encode({"fresh": str(why)}))
            os._exit(0)
        self.hunt.session = session
        self.hunt.of_test = self.of_test
        self.hunt.choose(session.items)
        session.config.pluginmanager.register(self.hunt)
        return None

    def _change(self, job: Job) -> None:
        """Raises: NotInPlace."""
        file = Path(job.file).absolute()
        if str(file) in self.opened:
            raise NotInPlace("the file is read while the tests are collected")
        if job.module in sys.modules:
            replace(str(file), job.before, job.after, self.imported.get(str(file), ()))
        elif job.module and str(Path(cache_from_source(str(file))).absolute()) in self.opened:
            raise NotInPlace("the module is loaded under another name")


def _ended(child: int) -> str:
    """Wait for a child; end one that does not end."""
    descriptor = os.pidfd_open(child)
    try:
        in_time, _, _ = select.select([descriptor], [], [], TIMEOUT_S)
        if not in_time:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    finally:
        os.close(descriptor)
    if not in_time:
        return f"the tests do not end within {TIMEOUT_S} s under it"
    return "done" if status == 0 else f"the run broke off: {os.waitstatus_to_exitcode(status)}"


def main(requests: int, replies: int, files: list[str]) -> None:
    """Collect the tests of `files`, then run the requested jobs."""
    for descriptor in (requests, replies):
        os.set_inheritable(descriptor, False)
    server = MutantServer(os.fdopen(requests), os.fdopen(replies, "w"))
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            ended = pytest.main(
                ["-q", "-p", "no:cacheprovider", "--tb=short", *files], plugins=[server]
            )
        if server.hunt is not None:
            result = server.hunt.result(ended, output.getvalue())
            Path(server.hunt.job.result).write_bytes(msgspec.json.encode(result))
            os._exit(0)
    except BaseException:
        traceback.print_exc()
        if server.hunt is None:
            raise
    finally:
        if server.hunt is not None:
            os._exit(1)  # the parent's resources end only once
    if ended != pytest.ExitCode.OK:
        print(output.getvalue()[-5000:], file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
