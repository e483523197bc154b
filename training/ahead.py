"""Renders the groups of a run's next steps in processes of their own, beside the one that learns."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final

import numpy as np

from training.fresh import Key
from training.tasks import GROUP, Task

NICE: Final = 19
_tasks: list[Task] = []
"""This process's task, in a process that renders."""


class Ahead:
    """Processes that render. They end with `close`, and when the process that began them has ended.

    Args:
        make: returns the run's task; called in each process, so it can be pickled.
        processes: how many.
    """

    def __init__(self, make: Callable[[], Task], processes: int) -> None:
        self.processes = processes
        # Not by fork: the learning process has threads.
        self._pool = ProcessPoolExecutor(
            processes, multiprocessing.get_context("spawn"), _prepare, (make,)
        )

    def begin(self, key: Key, count: int) -> Callable[[], Any]:
        """Begin to render so many pictures with a generator of this key; returns what waits for them."""
        return self._pool.submit(_rendered_here, key, count).result

    def close(self) -> None:
        """End the processes; what has not been waited for is lost."""
        self._pool.shutdown(cancel_futures=True)


def _prepare(make: Callable[[], Task]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(NICE)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # the sitting ends them
    _tasks.append(make())


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(0)


def rendered(task: Task, key: Key, count: int, pause: Callable[[], None] = lambda: None) -> Any:
    """Return so many pictures, rendered with a generator of this key; `pause` is called before each few."""
    rng, groups = np.random.default_rng(key), []
    for first in range(0, count, GROUP):
        pause()
        groups.append(task.draw(rng, min(GROUP, count - first)))
    return task.join(groups)


def _rendered_here(key: Key, count: int) -> Any:
    [task] = _tasks
    return rendered(task, key, count)
