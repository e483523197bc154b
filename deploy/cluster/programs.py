"""Kubernetes' API server, kubectl and etcd, built from Go's module proxy by go.mod and go.sum beside this file."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local.stack.process import LocalError

HERE = Path(__file__).parent
VERSION = "v1.34.4"
"""Of Kubernetes, as go.mod has it; a test holds the two together."""

KEPT = Path(__file__).resolve().parents[2] / ".kubernetes"
"""Where the programs are kept between runs; never committed."""

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
"""What Kubernetes' own build writes into the programs; the server takes its API's version from it."""


@dataclass(frozen=True)
class Programs:
    """Where the three programs are."""

    folder: Path

    def __getitem__(self, name: str) -> str:
        """Return a program's path by its name."""
        if name not in _PACKAGES:
            raise KeyError(name)
        return str(self.folder / name)


def programs(kept: Path = KEPT) -> Programs:
    """Return the programs, built with Go where they are not there yet (about 13 min of one core).

    Raises: LocalError when Go is needed and missing, or cannot build them.
    """
    wanted = hashlib.sha256((HERE / "go.mod").read_bytes() + (HERE / "go.sum").read_bytes())
    folder = kept / f"{VERSION}-{wanted.hexdigest()[:12]}"
    if folder.is_dir():
        return Programs(folder)
    go = shutil.which("go")
    if go is None:
        raise LocalError("Kubernetes is built with Go, and there is no `go` here: install Go")
    unfinished = kept / f"{folder.name}.{os.getpid()}"
    for name, package in _PACKAGES.items():
        _build(go, package, unfinished.absolute() / name)
    with contextlib.suppress(OSError):  # another process was quicker
        unfinished.rename(folder)
    return Programs(folder)


def _build(go: str, package: str, program: Path) -> None:
    stamps = " ".join(f"-X {name}={value}" for name, value in _STAMPS.items())
    options = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {stamps}"]
    done = subprocess.run(
        [go, "build", "-p", "1", *options, "-o", str(program), package],
        cwd=HERE,
        env={**os.environ, "CGO_ENABLED": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LocalError(f"Go could not build {package}: {done.stdout.strip()[-1500:]}")


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
