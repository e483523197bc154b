"""Folders that packages are put together in: gone afterwards, and after a kill as soon as another looks.

What lies in them are records; left behind, they would outlive their schedule.
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
"""A folder is locked by who works in it; a younger one may not be yet."""


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder of one's own, which is gone afterwards."""
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
        return False  # gone by now, or no folder of ours
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return time.time() - os.fstat(descriptor).st_mtime > SETTLED_S
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
