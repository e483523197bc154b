"""One docker compose project: its containers, volumes and networks, and what they say of themselves."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ENDS = ("keys", "objects-users", "topics", "volumes")
"""Containers that end, beside those of tables."""

POLL_EVERY_S = 0.5
STEADY_POLLS = 3
"""After a kill docker shows a container as healthy for a moment more."""

DEFAULT_ROUTE = "00000000"

KILL = "import os, sys; [os.kill(int(pid), 9) for pid in sys.argv[1:]]"


class ProjectFault(Exception):
    """A command of docker failed, or containers are in another state than they have to be."""


@dataclass(frozen=True)
class Container:
    """A container as `docker compose ps` shows it."""

    service: str
    name: str
    state: str
    health: str
    exit_code: int

    @property
    def ends(self) -> bool:
        """Whether it runs once and ends."""
        return self.service in ENDS or self.service.endswith("-tables")

    @property
    def well(self) -> bool:
        """Whether it has ended without a fault, or runs and is healthy."""
        if self.ends:
            return self.state == "exited" and self.exit_code == 0
        return self.state == "running" and self.health == "healthy"


def parsed(output: str) -> list[Container]:
    """Return the containers of `docker compose ps --format json`: a line for each, or one list of older versions."""
    rows: list[dict[str, Any]] = []
    for line in output.splitlines():
        found = json.loads(line)
        rows += found if isinstance(found, list) else [found]
    return [
        Container(row["Service"], row["Name"], row["State"], row["Health"], row["ExitCode"])
        for row in rows
    ]


def reaches_outside(routes: str) -> bool:
    """Whether a container has a default route, from its /proc/net/route."""
    return any(line.split()[1] == DEFAULT_ROUTE for line in routes.splitlines()[1:])


@dataclass(frozen=True)
class Project:
    """A compose project of the file in `checkout`; `folder` has its `.env`, and the log of docker's output."""

    checkout: Path
    folder: Path
    name: str

    def at(self, checkout: Path) -> "Project":
        """Return the same project by the compose file of another checkout."""
        return replace(self, checkout=checkout)

    def draw_secrets(self, given: Mapping[str, str]) -> None:
        """Complete `.env` as an operator does, with the checkout's own make_env.py."""
        path = self.folder / ".env"
        if not path.exists():
            path.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
        script = self.checkout / "deploy" / "compose" / "make_env.py"
        subprocess.run([sys.executable, script], cwd=self.folder, check=True, capture_output=True)

    def compose(self, *arguments: str) -> str:
        """Run `docker compose`; returns its stdout. Raises: ProjectFault with the end of what it said."""
        return self._docker(
            "compose",
            "--project-name",
            self.name,
            "--env-file",
            str(self.folder / ".env"),
            *arguments,
        )

    def execute(self, service: str, *command: str) -> str:
        """Run a command in a running container; returns its stdout."""
        return self.compose("exec", "-T", service, *command)

    def containers(self) -> list[Container]:
        """Return all containers, also those that have ended."""
        return parsed(self.compose("ps", "--all", "--format", "json"))

    def await_well(self, within_s: float) -> float:
        """Wait until all containers are well; returns how long it took in s. Raises: ProjectFault."""
        began = time.monotonic()
        steady = 0
        while steady < STEADY_POLLS:
            unwell = [one for one in self.containers() if not one.well]
            steady = 0 if unwell else steady + 1
            if unwell and time.monotonic() - began > within_s:
                raise ProjectFault(
                    f"not well after {within_s:.0f} s: "
                    + ", ".join(f"{one.service} {one.state} {one.health}" for one in unwell)
                )
            time.sleep(POLL_EVERY_S)  # compose shows health only when asked
        return time.monotonic() - began

    def stop(self, services: Sequence[str]) -> dict[str, int]:
        """Stop services in order; returns their exit codes."""
        self.compose("stop", *services)
        return {one.service: one.exit_code for one in self.containers() if one.service in services}

    def kill(self, services: Sequence[str]) -> None:
        """Kill -9 the first process of each service at once, as the kernel would, so that docker restarts it."""
        names = [one.name for one in self.containers() if one.service in services]
        pids = [
            self._docker("inspect", "--format", "{{.State.Pid}}", name).strip() for name in names
        ]
        self._docker(
            "run", "--rm", "--user=0:0", "--pid=host", "--network=none", "--entrypoint=python",
            "plateward/identity", "-c", KILL, *pids,
        )  # fmt: skip

    def reaching_outside(self, services: Iterable[str]) -> set[str]:
        """Return the services whose containers have a way out of docker's networks."""
        return {
            one for one in services if reaches_outside(self.execute(one, "cat", "/proc/net/route"))
        }

    def remove(self) -> None:
        """Remove containers, networks and volumes; images stay."""
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "30")

    def left(self) -> list[str]:
        """Return what of the project is still there."""
        label = f"label=com.docker.compose.project={self.name}"
        found: list[str] = []
        for kind in (("ps", "--all"), ("volume", "ls"), ("network", "ls")):
            found += self._docker(*kind, "--quiet", "--filter", label).split()
        return found

    def _docker(self, *arguments: str) -> str:
        with (self.folder / "docker.log").open("a") as log:
            log.write(f"$ docker {' '.join(arguments)}\n")
            log.flush()
            done = subprocess.run(
                ["docker", *arguments],
                cwd=self.checkout,
                env={**os.environ, "PWD": str(self.checkout), "COMPOSE_ANSI": "never"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                check=False,
            )
        if done.returncode != 0:
            end = (self.folder / "docker.log").read_text(errors="replace").splitlines()[-8:]
            raise ProjectFault("\n".join([f"docker {' '.join(arguments[:8])} failed:", *end]))
        return done.stdout


def timed(action: Callable[[], object]) -> float:
    """Run an action; returns how long it took in s."""
    began = time.monotonic()
    action()
    return time.monotonic() - began


def exit_text(code: int) -> str:
    """Say an exit code: 137 is a kill."""
    return signal.Signals(code - 128).name if code > 128 else str(code)
