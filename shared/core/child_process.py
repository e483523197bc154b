"""A process that works for this one, over a pipe; it ends when this one does."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import current_process, get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Self

from shared.core.logs import name_errors_without_texts

log = logging.getLogger(__name__)


class ChildEnded(Exception):
    """The process ended before its answer, or was killed because its time was up."""


class Child:
    """The parent's side: one process, one pipe. Every method but `spawn` and `kill` blocks."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self._process = process
        self._pipe = pipe

    @classmethod
    def spawn(cls, target: Callable[..., None], *args: Any, name: str) -> Self:
        """Start a process that calls `target(pipe, *args)`, which begins with `begin_as_child`; returns at once.

        Args:
            target: a function of a module; it and `args` can be pickled.
            name: the process's name.
        """
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_run, args=(target, theirs, *args), name=name, daemon=True)
        process.start()
        theirs.close()  # so that the pipe closes when the process ends
        return cls(process, ours)

    @property
    def pid(self) -> int | None:
        """The process's id."""
        return self._process.pid

    @property
    def sentinel(self) -> int:
        """A file descriptor that becomes readable when the process ends."""
        return self._process.sentinel

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    def send(self, message: Any, timeout_s: float) -> None:
        """Send a message; kills the process if it does not take it in time. Raises: ChildEnded."""
        limit = threading.Timer(timeout_s, self.kill)
        limit.daemon = True
        limit.start()
        try:
            self._pipe.send(message)  # waits while the pipe is full
        except OSError as exc:
            raise ChildEnded(self._how()) from exc
        finally:
            limit.cancel()

    def receive(self, timeout_s: float) -> Any:
        """Return the next message; kills the process if none comes in time. Raises: ChildEnded."""
        try:
            if self._pipe.poll(timeout_s):
                return self._pipe.recv()
        except (EOFError, OSError) as exc:
            raise ChildEnded(self._how()) from exc
        self.kill()
        raise ChildEnded(f"it gave no answer within {timeout_s:g} s")

    def _how(self) -> str:
        self._process.join(1)
        return f"it ended with {self._process.exitcode}"

    def kill(self) -> None:
        """Kill the process; this closes the pipe and wakes the thread that waits for an answer."""
        if self._process.is_alive():
            self._process.kill()

    def close(self) -> None:
        """Kill the process if it runs, and release its resources."""
        self.kill()
        self._process.join()
        self._pipe.close()


def _run(target: Callable[..., None], *args: Any) -> None:
    """Call `target`, and log an error that ends it, whose text multiprocessing would write to standard error."""
    name_errors_without_texts()
    try:
        target(*args)
    except Exception:  # of any kind: the process ends with it, and only its type may be logged
        log.exception("%s ended by an error", current_process().name)
        sys.exit(1)


def begin_as_child() -> None:
    """Leave a terminal's Ctrl-C to the parent, and end at once when the parent ends, even in the middle of work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
