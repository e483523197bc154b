"""Temporary folders for building packages. They are deleted afterwards; after a kill, the next sweep deletes them.

They contain records, which would outlive their schedule if left behind.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "alpr-package-"
SETTLED_S = 60
"""Age from which a folder without a lock is abandoned; a younger one may not be locked yet."""


@contextmanager
def scratch() -> Iterator[Path]:
    """Create a private folder, and delete it afterwards."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(descriptor)


def sweep() -> None:
    """Delete folders that killed processes left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _abandoned(folder: Path) -> bool:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False  # deleted meanwhile, or not ours
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return time.time() - os.fstat(descriptor).st_mtime > SETTLED_S
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
