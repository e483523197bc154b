"""Programs built with Go from its module proxy, kept in a cache."""

import contextlib
import os
import shutil
from pathlib import Path

from local.stack.process import LocalError, run_to_end


def installed(package: str, version: str, cache: Path) -> Path:
    """Return a package's program, without cgo; builds it if `cache` lacks it. Go checks the sums of all modules.

    Raises: LocalError if Go is needed and missing, or cannot build it.
    """
    name = package.rpartition("/")[2]
    found = cache / version / name
    if found.exists():
        return found
    go = shutil.which("go")
    if go is None:
        raise LocalError(f"{name} is built with Go, and there is no `go` here: install Go")
    unfinished = cache / f"{version}.{os.getpid()}"
    run_to_end(
        [go, "install", "-trimpath", "-ldflags=-s -w", f"{package}@{version}"],
        f"Go could not build {name}",
        env={**os.environ, "GOBIN": str(unfinished.absolute()), "CGO_ENABLED": "0"},
    )
    with contextlib.suppress(OSError):  # another process has built it first
        unfinished.rename(found.parent)
    return found
