"""Kubernetes' programs, etcd, CoreDNS and kube-router, built from Go's module proxy.

The go.mod and go.sum beside this file fix Kubernetes and etcd; those of `coredns` and `router` fix the other two.
"""

import argparse
import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.stack.process import LocalError, run_to_end

HERE = Path(__file__).parent
VERSION = "v1.34.4"
"""Kubernetes' version, as in go.mod; a test compares the two."""

CACHE = Path(__file__).resolve().parents[2] / ".kubernetes"
"""Cache of the programs between runs; never committed."""

CONTROL_PLANE = ("etcd", "kube-apiserver", "kubectl")
NODE = (
    *CONTROL_PLANE,
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
    "kube-router",
)
"""All programs of a cluster with nodes."""

_STAMPS = {
    "k8s.io/component-base/version.gitVersion": VERSION,
    "k8s.io/component-base/version.gitMajor": VERSION.removeprefix("v").split(".")[0],
    "k8s.io/component-base/version.gitMinor": VERSION.split(".")[1],
    "k8s.io/component-base/version.gitTreeState": "clean",
    "k8s.io/client-go/pkg/version.gitVersion": VERSION,
}
"""Build stamps that Kubernetes' own build sets; the server takes its API's version from them."""


@dataclass(frozen=True)
class Program:
    """A Go package and the folder whose go.mod and go.sum fix its modules."""

    package: str
    folder: Path = HERE

    @property
    def sources(self) -> list[Path]:
        """The files that the program depends on."""
        return sorted(p for p in self.folder.iterdir() if p.suffix in {".go", ".mod", ".sum"})


def _of_kubernetes(name: str) -> Program:
    return Program(f"k8s.io/kubernetes/cmd/{name}")


PROGRAMS = {
    "etcd": Program("go.etcd.io/etcd/server/v3"),
    "coredns": Program(".", HERE / "coredns"),
    "kube-router": Program(
        "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router", HERE / "router"
    ),
    **{n: _of_kubernetes(n) for n in NODE if n not in {"etcd", "coredns", "kube-router"}},
}


@dataclass(frozen=True)
class Programs:
    """Paths of programs by their names."""

    paths: Mapping[str, Path]

    def __getitem__(self, name: str) -> str:
        """Return a program's path by its name."""
        return str(self.paths[name])


def programs(names: Sequence[str] = CONTROL_PLANE, cache: Path = CACHE) -> Programs:
    """Return the programs; builds those that are missing with Go (13 min of one core, for a node 15 min more).

    Raises: LocalError if Go is needed and missing, or cannot build them.
    """
    return Programs({name: _built(name, PROGRAMS[name], cache) for name in names})


def _built(name: str, wanted: Program, cache: Path) -> Path:
    content = b"".join(path.read_bytes() for path in wanted.sources)
    group = VERSION if wanted.folder == HERE else name
    path = cache / f"{group}-{hashlib.sha256(content).hexdigest()[:12]}" / name
    if path.exists():
        return path
    go = shutil.which("go")
    if go is None:
        raise LocalError("Kubernetes is built with Go, and there is no `go` here: install Go")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{name}.{os.getpid()}")
    _build(go, wanted, unfinished.absolute())
    with contextlib.suppress(OSError):  # another process has built it first
        unfinished.rename(path)
    return path


def _build(go: str, wanted: Program, path: Path) -> None:
    stamps = " ".join(f"-X {name}={value}" for name, value in _STAMPS.items())
    options = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {stamps}"]
    run_to_end(
        [go, "build", "-p", "1", *options, "-o", str(path), wanted.package],
        f"Go could not build {wanted.package}",
        cwd=wanted.folder,
        env={**os.environ, "CGO_ENABLED": "0"},
    )


def main() -> int:
    """Build the programs."""
    parser = argparse.ArgumentParser(prog="python -m deploy.cluster.programs", description=__doc__)
    parser.add_argument("--node", action="store_true", help="also the programs of a node")
    chosen = NODE if parser.parse_args().node else CONTROL_PLANE
    try:
        for name, path in programs(chosen).paths.items():
            print(f"{name}: {path}")
    except LocalError as fault:
        print(f"plateward: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
