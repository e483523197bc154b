"""Deletes the temporary folders of processes that were killed while they loaded an engine."""

import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir
from typing import Final

from services.recognition.engine.weights import CACHE, STAGED

SETTLED_S: Final = 3600
"""Age from which a folder is left behind; loading takes seconds."""


def sweep(now_s: float) -> None:
    """Delete them.

    Args:
        now_s: seconds since the epoch.
    """
    for prefix in (STAGED, CACHE):
        for folder in Path(gettempdir()).glob(f"{prefix}*"):
            with suppress(OSError):  # deleted meanwhile, or another account's
                if now_s - folder.lstat().st_mtime > SETTLED_S:
                    shutil.rmtree(folder)
