"""The building blocks of the stack: servers and services that start, answer and stop."""

import http.client
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local.stack.process import LOOPBACK, Child, free_port
from shared.service.resources import is_ok

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, which contains the services' code."""


class StackServer(Protocol):
    """One server of the stack."""

    @property
    def child(self) -> Child:
        """Its process."""
        ...

    def start(self) -> None:
        """Start, also after it ended. Raises: LocalError."""
        ...

    def stop(self) -> None:
        """Stop cleanly."""
        ...


@dataclass
class Service:
    """A Python process that answers `/readyz` on its port: all APIs, or one service."""

    child: Child
    port: int

    @property
    def url(self) -> str:
        """Its address, without a trailing slash."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start the process; `faults` returns None once it is ready."""
        self.child.start()

    def stop(self) -> None:
        """Stop it after its current work."""
        self.child.stop(within_s=20.0)

    def faults(self) -> str | None:
        """Return None if the service is ready, else what it lacks."""
        link = http.client.HTTPConnection(LOOPBACK, self.port, timeout=5.0)
        try:
            link.request("GET", "/readyz")
            answer = link.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            return f"does not answer yet ({type(exc).__name__})"
        finally:
            link.close()
        return None if answer.status == http.client.OK else _lacking(body)


def service(
    name: str,
    module: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    port: int = 0,
) -> Service:
    """Return a Python module as a service, not yet started, on `port` or a free one."""
    port = port or free_port()
    child = Child(
        name,
        [sys.executable, "-m", *module],
        log=folder / "log" / f"{name}.log",
        env={**environment, "HOST": LOOPBACK, "PORT": str(port)},
        cwd=ROOT,
    )
    return Service(child, port)


def _lacking(body: bytes) -> str:
    """Return the dependencies that `/readyz` does not report as ok."""
    try:
        state = json.loads(body)
    except ValueError:
        return "gives no readiness"
    return "; ".join(_not_ok("", state))


def _not_ok(name: str, state: object) -> list[str]:
    """Return each dependency below `state` that is not ok, by its path."""
    if isinstance(state, dict):
        return [text for key, value in state.items() for text in _not_ok(f"{name} {key}", value)]
    return [] if is_ok(str(state)) else [f"{name.strip()}: {state}"]
