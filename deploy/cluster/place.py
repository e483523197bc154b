"""A machine of a cluster: namespaces of this machine's kernel, with a Debian as root file system."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from deploy.containers import debian
from local.stack.process import Child, LocalError, Server, run_to_end

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, which every place sees at the same path."""

PACKAGES = (
    "ca-certificates",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "iproute2",
    "ipset",
    "iptables",
    "mount",
    "procps",
    "runc",
    "tini",
    "util-linux",
)
CORES = 8
"""How many cores a place says it has."""

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Place(Server):
    """One machine over `folder`, which stores its images and logs; all in it ends with it."""

    NAME: ClassVar[str] = "a machine of the cluster"

    folder: Path
    _server: Child | None = field(default=None, init=False, repr=False)
    _started: list[Child] = field(default_factory=list, init=False, repr=False)
    _inner: int = field(default=0, init=False, repr=False)

    def start(self) -> None:
        """Start it with an empty network. Raises: LocalError."""
        if os.geteuid() != 0:
            raise LocalError("a cluster of our own needs root; or name yours with KUBECONFIG")
        self.folder = self.folder.absolute()
        for stale in ("kubelet", "log"):
            shutil.rmtree(self.folder / stale, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        root = debian.folder(debian.TRIXIE, PACKAGES)
        script = Path(__file__).with_name("place.sh")
        self._server = Child(
            self.folder.name,
            [
                "unshare", "--mount", "--pid", "--net", "--fork", "--kill-child",
                "sh", str(script), str(root), str(self.folder), str(CORES), str(ROOT),
            ],
            log=self.folder / "place.log",
            stop_signal=signal.SIGKILL,  # of `unshare`, with which all in its namespaces ends
        )  # fmt: skip
        try:
            self._server.start()
            self._server.wait_ready(self._ready)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything in it; does nothing if not started."""
        if self._server is not None:
            self._server.stop()
        for program in self._started:
            program.stop()

    @property
    def pid(self) -> int:
        """The id of its first process."""
        return self._inner

    @property
    def enter(self) -> tuple[str, ...]:
        """What a command begins with to use its network only."""
        return "nsenter", f"--net=/proc/{self._inner}/ns/net", "--"

    def run(self, *command: str, given: str | None = None) -> str:
        """Run a command in it to its end; returns its output. Raises: LocalError with the output."""
        done = subprocess.run(
            [*self._inside(), *command],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": PATH},
            check=False,
        )
        if done.returncode != 0:
            raise LocalError(f"{' '.join(command[:4])} failed: {done.stdout.strip()[-1500:]}")
        return done.stdout

    def link(self, name: str, other: "Place", its_name: str) -> None:
        """Lay a cable from this place to another one, with the names of the interfaces at either end."""
        program = shutil.which("ip", path=PATH)
        if program is None:
            raise LocalError("ip is missing. Debian has it: apt-get install iproute2")
        # With this machine's processes in view, so that the other place's id is known.
        command = [*self.enter, program, "link", "add", name]
        command += ["type", "veth", "peer", "name", its_name, "netns", str(other.pid)]
        run_to_end(command, f"no link from {self.folder.name} to {other.folder.name}")

    def launch(self, name: str, command: Sequence[str]) -> Child:
        """Start a program that goes on until the place ends."""
        program = Child(
            name,
            [*self._inside(), "env", f"PATH={PATH}", *command],
            log=self.folder / f"{name}.log",
            stop_signal=signal.SIGKILL,
        )
        program.start()
        self._started.append(program)
        return program

    def fallen(self) -> list[str]:
        """Return the programs that have ended."""
        return [program.name for program in self._started if not program.alive()]

    def _inside(self) -> list[str]:
        return ["nsenter", f"--target={self._inner}", "--mount", "--net", "--pid", "--wdns=/", "--"]

    def _ready(self) -> bool:
        pid = self.child.pid
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        self._inner = int(found[0]) if found else 0
        return self._inner != 0 and Path(f"/proc/{self._inner}/root/run/ready").exists()
