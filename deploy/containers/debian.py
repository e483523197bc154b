"""Minimal Debians, made by mmdebstrap from Debian's packages: a folder to run in, or an archive to import."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from local.stack.process import LocalError, run_to_end

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "containers"
"""Cache of file systems, programs, images and volumes between runs; never committed."""

TRIXIE, BOOKWORM = "trixie", "bookworm"


def folder(suite: str, packages: Sequence[str], cache: Path = CACHE) -> Path:
    """Return the folder of a Debian with `packages`; makes it if `cache` lacks it. Raises: LocalError."""
    wanted = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    return _made(cache / f"{suite}-{wanted}", suite, [f"--include={','.join(packages)}"])


def archive(suite: str, cache: Path = CACHE) -> Path:
    """Return the tar archive of a minimal Debian; makes it if `cache` lacks it. Raises: LocalError."""
    return _made(cache / f"{suite}.tar", suite, [])


def _made(target: Path, suite: str, options: Sequence[str]) -> Path:
    """Make `target` unless it is there; packages come from mmdebstrap's own mirror or DEBIAN_MIRROR."""
    if target.exists():
        return target
    program = shutil.which("mmdebstrap")
    if program is None:
        raise LocalError("mmdebstrap is missing. Debian has it: apt-get install mmdebstrap")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{os.getpid()}.{target.name}")
    mirror = [os.environ["DEBIAN_MIRROR"]] if os.environ.get("DEBIAN_MIRROR") else []
    run_to_end(
        [
            program,
            "--variant=minbase",
            "--dpkgopt=force-unsafe-io",
            *options,
            suite,
            str(unfinished),
            *mirror,
        ],
        f"mmdebstrap could not make {suite}",
    )
    unfinished.rename(target)
    return target
