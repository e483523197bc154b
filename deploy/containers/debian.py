"""Root file systems of Debian, made by debootstrap from Debian's packages."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from local.stack.process import LocalError

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "containers"
"""Cache of file systems, packages, programs and images between runs; never committed."""

TRIXIE, BOOKWORM = "trixie", "bookworm"


def root_filesystem(suite: str, packages: Sequence[str] = (), cache: Path = CACHE) -> Path:
    """Return the folder of a minimal Debian with `packages`; makes it if `cache` lacks it (about a minute).

    Packages come from the mirror that debootstrap knows, or from DEBIAN_MIRROR.

    Raises: LocalError if debootstrap is missing or fails.
    """
    wanted = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    folder = cache / f"{suite}-{wanted}"
    if folder.is_dir():
        return folder
    program = shutil.which("debootstrap")
    if program is None:
        raise LocalError("debootstrap is missing. Debian has it: apt-get install debootstrap")
    debs = cache / "debs" / suite
    debs.mkdir(parents=True, exist_ok=True)
    unfinished = cache / f"{folder.name}.{os.getpid()}"
    included = [f"--include={','.join(packages)}"] if packages else []
    mirror = [os.environ["DEBIAN_MIRROR"]] if os.environ.get("DEBIAN_MIRROR") else []
    done = subprocess.run(
        [
            program, "--variant=minbase", f"--cache-dir={debs}", *included,
            suite, str(unfinished), *mirror,
        ],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise LocalError(f"debootstrap could not make {suite}: {done.stdout.strip()[-1500:]}")
    for deb in (unfinished / "var" / "cache" / "apt" / "archives").glob("*.deb"):
        deb.unlink()
    unfinished.rename(folder)
    return folder
