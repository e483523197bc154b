"""Kubernetes' API server, kubectl and etcd, built from Go's module proxy by go.mod and go.sum beside this file."""

import contextlib
import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from local.stack.process import LocalError, run_to_end

HERE = Path(__file__).parent
VERSION = "v1.34.4"
"""Kubernetes' version, as in go.mod; a test compares the two."""

CACHE = Path(__file__).resolve().parents[2] / ".kubernetes"
"""Cache of the programs between runs; never committed."""

_PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
_STAMPS = {
    "k8s.io/component-base/version.gitVersion": VERSION,
    "k8s.io/component-base/version.gitMajor": VERSION.removeprefix("v").split(".")[0],
    "k8s.io/component-base/version.gitMinor": VERSION.split(".")[1],
    "k8s.io/component-base/version.gitTreeState": "clean",
    "k8s.io/client-go/pkg/version.gitVersion": VERSION,
}
"""Build stamps that Kubernetes' own build sets; the server takes its API's version from them."""


@dataclass(frozen=True)
class Programs:
    """Paths of the three programs."""

    folder: Path

    def __getitem__(self, name: str) -> str:
        """Return a program's path by its name."""
        if name not in _PACKAGES:
            raise KeyError(name)
        return str(self.folder / name)


def programs(cache: Path = CACHE) -> Programs:
    """Return the programs; builds them with Go if they are missing (about 13 min of one core).

    Raises: LocalError if Go is needed and missing, or cannot build them.
    """
    wanted = hashlib.sha256((HERE / "go.mod").read_bytes() + (HERE / "go.sum").read_bytes())
    folder = cache / f"{VERSION}-{wanted.hexdigest()[:12]}"
    if folder.is_dir():
        return Programs(folder)
    go = shutil.which("go")
    if go is None:
        raise LocalError("Kubernetes is built with Go, and there is no `go` here: install Go")
    unfinished = cache / f"{folder.name}.{os.getpid()}"
    for name, package in _PACKAGES.items():
        _build(go, package, unfinished.absolute() / name)
    with contextlib.suppress(OSError):  # another process has built it first
        unfinished.rename(folder)
    return Programs(folder)


def _build(go: str, package: str, program: Path) -> None:
    stamps = " ".join(f"-X {name}={value}" for name, value in _STAMPS.items())
    options = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {stamps}"]
    run_to_end(
        [go, "build", "-p", "1", *options, "-o", str(program), package],
        f"Go could not build {package}",
        cwd=HERE,
        env={**os.environ, "CGO_ENABLED": "0"},
    )


def main() -> int:
    """Build the programs."""
    try:
        print(programs().folder)
    except LocalError as fault:
        print(f"plateward: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
