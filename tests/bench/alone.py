"""Runs a bench while it holds the benches' lock: `python -m tests.bench.alone reads --kafka apache`.

Only one bench runs at a time, and training pauses meanwhile (`training.pausing`). The lock belongs to this process,
which becomes the bench; the system frees it however the bench ends. A bench that another bench runs asks for none.
"""

import fcntl
import os
import sys

from training.pausing import locks


def main(arguments: list[str]) -> None:
    """Become the bench that the first argument names, once the lock is free."""
    lock = locks()[0]
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waiting for {lock}: another bench is running", file=sys.stderr, flush=True)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.set_inheritable(descriptor, True)
    name, *others = arguments
    os.execv(sys.executable, [sys.executable, "-m", f"tests.bench.{name}", *others])


if __name__ == "__main__":
    main(sys.argv[1:])
