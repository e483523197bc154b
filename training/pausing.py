"""Pauses training while a bench measures: every `make bench-…` holds a lock, which training watches.

The lock is `flock` on a file in the folder for temporary files, so the system frees it however its holder ends.
`BENCH_LOCKS` names other files, separated by colons: a bench holds the first, training watches all of them.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ASK_EVERY_S: Final = 0.2
"""Training asks for the lock at most so often, and waits so long between two questions."""


def locks() -> tuple[Path, ...]:
    """Return the files of the locks; the first is the benches' own."""
    named = [Path(one) for one in os.environ.get("BENCH_LOCKS", "").split(os.pathsep) if one]
    return tuple(named) or (Path(tempfile.gettempdir()) / "plateward-bench.lock",)


def is_held(lock: Path) -> bool:
    """Whether a process holds the lock for itself; a lock without a file is free."""
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


class Pause:
    """Called between pieces of work that last less than a second; returns when no lock is held."""

    def __init__(self, watched: Sequence[Path]) -> None:
        self.is_over = False
        """Set to end the sitting: a pause then ends at once."""
        self.s = 0.0
        """How long all pauses lasted."""
        self._watched = watched
        self._asked = 0.0

    def __call__(self) -> None:
        """Wait while a lock is held."""
        began = time.monotonic()
        if began - self._asked < ASK_EVERY_S:
            return
        while not self.is_over and any(is_held(lock) for lock in self._watched):
            time.sleep(ASK_EVERY_S)
        self._asked = time.monotonic()
        self.s += self._asked - began
