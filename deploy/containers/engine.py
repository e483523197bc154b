"""A Docker Engine of our own, from Debian's packages: `python -m deploy.containers.engine COMMAND…` runs one beside it.

With an engine on the machine the command uses that one. Ours needs root and Linux; it runs in namespaces of its own,
gets stand-ins for public images, and stops with all its containers when the command ends.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from deploy.containers import debian, stand_ins
from deploy.containers.debian import CACHE, TRIXIE
from local.stack.process import Child, LocalError, Server, held

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, which the engine sees at the same path."""

PACKAGES = (
    "ca-certificates",
    "containerd",
    "docker-buildx",
    "docker-cli",
    "docker-compose",
    "docker.io",
    "iptables",
    "runc",
    "slirp4netns",
    "tini",
)
AT_LEAST = 25
"""The major version of Docker Engine that docker-compose.yml needs (`start_interval`)."""

STOPS_WITHIN_S = 60.0

SHIM = """\
#!/bin/sh
# The docker command of the engine with process id {pid}.
exec nsenter --target {pid} --mount --net --wdns="$PWD" /usr/bin/docker "$@"
"""


@dataclass
class Engine(Server):
    """A Docker Engine over `folder`, which stores its images, containers and volumes."""

    NAME: ClassVar[str] = "Docker Engine"

    folder: Path
    _server: Child | None = field(default=None, init=False, repr=False)
    _inner: int = field(default=0, init=False, repr=False)

    def start(self) -> None:
        """Start, and wait until it answers. Raises: LocalError."""
        if os.geteuid() != 0:
            raise LocalError(
                "an engine of our own needs root; or install Docker Engine 25 or later"
            )
        root = debian.folder(TRIXIE, PACKAGES)
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        script = Path(__file__).with_name("enter.sh")
        self._server = Child(
            self.NAME,
            [
                "unshare", "--mount", "--pid", "--fork", "--kill-child",
                "sh", str(script), str(root), str(data), str(ROOT),
            ],
            log=self.folder / "dockerd.log",
            stop_signal=signal.SIGKILL,  # of `unshare`, with which all in its namespaces ends
        )  # fmt: skip
        try:
            self._server.start()
            self._server.wait_ready(lambda: self._child() != 0)
            self.commands.mkdir(exist_ok=True)
            shim = self.commands / "docker"
            shim.write_text(SHIM.format(pid=self._inner))
            shim.chmod(0o755)
            self._server.wait_ready(self._ready, within_s=120)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the containers and the engine; does nothing if not started."""
        if self._server is None:
            return
        if self._inner and self._server.alive():
            os.kill(self._inner, signal.SIGTERM)
            self._server.ends(within_s=STOPS_WITHIN_S)
        self._server.stop()

    @property
    def commands(self) -> Path:
        """The folder whose `docker` is this engine's."""
        return self.folder / "bin"

    @property
    def enter(self) -> tuple[str, ...]:
        """What a command begins with to reach the ports that the engine publishes."""
        return "nsenter", f"--net=/proc/{self._inner}/ns/net", "--"

    def _child(self) -> int:
        """Note and return the id of the first process in the namespaces, 0 while there is none."""
        pid = self.child.pid
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        self._inner = int(found[0]) if found else 0
        return self._inner

    def _ready(self) -> bool:
        done = subprocess.run(
            [self.commands / "docker", "version"], capture_output=True, check=False
        )
        return done.returncode == 0


def server_version() -> str | None:
    """Return the version of the engine that `docker` on the PATH reaches, None without one."""
    docker = shutil.which("docker")
    if docker is None:
        return None
    done = subprocess.run(
        [docker, "version", "--format", "{{.Server.Version}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else None


def suffices(version: str) -> bool:
    """Whether an engine of a version understands docker-compose.yml."""
    major = re.match(r"\d+", version)
    return major is not None and int(major[0]) >= AT_LEAST


@contextlib.contextmanager
def reached() -> Iterator[Engine | None]:
    """Provide an engine with the needed images: ours, or None for the machine's. Raises: LocalError."""
    version = server_version()
    if version is not None:
        if not suffices(version):
            raise LocalError(f"Docker Engine {AT_LEAST} or later is needed; here is {version}")
        yield None
        return
    folder = CACHE / "engine"
    with held(folder, Engine.NAME), Engine(folder) as engine:
        # Here, not below `enter`: they are made of packages, which the machine's own network reaches.
        began = time.monotonic()
        stand_ins.build(str(engine.commands / "docker"), folder / "stand-ins.log")
        print(f"stand-ins for public images: {time.monotonic() - began:.0f} s", flush=True)
        yield engine


@contextlib.contextmanager
def docker_command() -> Iterator[str]:
    """Provide the docker command of an engine that builds images. Raises: LocalError."""
    with reached() as engine:
        yield "docker" if engine is None else str(engine.commands.absolute() / "docker")


def run(command: list[str]) -> int:
    """Run a command with an engine; returns its exit status. Raises: LocalError."""
    with reached() as engine:
        if engine is None:
            return subprocess.run(command, check=False).returncode
        path = f"{engine.commands.absolute()}:{os.environ['PATH']}"
        given = {**os.environ, "PATH": path}
        return subprocess.run([*engine.enter, *command], env=given, check=False).returncode


def main() -> int:
    """Run the command that is given."""
    try:
        return run(sys.argv[1:] or ["docker", "info"])
    except LocalError as fault:
        print(f"plateward: {fault}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
