"""`make clean`: removes the embedded stack's data, also outside the folder, unless a process uses them."""

import contextlib
import shutil
import sys
from pathlib import Path

from local.stack.process import LocalError, held
from local.stack.reachable import STATE, forget_removed

RUN_ON = (".", "demo/stack", "kafka")
"""Subfolders that a running server locks."""


def clean(folder: Path, *, state: Path = STATE) -> None:
    """Remove a folder of data and its parts below `state`. Raises: LocalError while it is in use."""
    with contextlib.ExitStack() as held_here:
        for part in RUN_ON:
            if (folder / part).is_dir():
                held_here.enter_context(held(folder / part, "a server"))
        shutil.rmtree(folder, ignore_errors=True)
        forget_removed(state)
    if folder.exists():
        raise LocalError(f"not all of {folder} could be removed; does it belong to another user?")


def main() -> int:
    """Return 0 if everything is removed, else 1, with the reason on stderr."""
    try:
        clean(Path("var").absolute())
    except LocalError as fault:
        print(f"clean: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
