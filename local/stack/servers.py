"""What the stack is made of: servers and services that start, answer and stop."""

import http.client
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local.stack.process import LOOPBACK, Child, free_port
from shared.service.runtime import is_ok

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, where the services' code lies."""


class StackServer(Protocol):
    """One server of the stack."""

    @property
    def child(self) -> Child:
        """Its process."""
        ...

    def start(self) -> None:
        """Start, or start again after it ended. Raises: LocalError."""
        ...

    def stop(self) -> None:
        """Stop in order."""
        ...


@dataclass
class Service:
    """A Python process that answers `/readyz` on its port: all APIs, or one service."""

    child: Child
    port: int

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start the process; `faults` tells when it is ready."""
        self.child.start()

    def stop(self) -> None:
        """Let it finish what it has in hand."""
        self.child.stop(within_s=20.0)

    def faults(self) -> str | None:
        """Return None once the service is ready, else what it still lacks."""
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
    """Return a Python module, with its arguments, that is not started yet, on `port` or a free one."""
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
    """Return the parts that `/readyz` does not call ok."""
    try:
        state = json.loads(body)
    except ValueError:
        return "gives no readiness"
    return "; ".join(_not_ok("", state))


def _not_ok(name: str, state: object) -> list[str]:
    """Return each part below `state` that is not ok, by its path."""
    if isinstance(state, dict):
        return [text for key, value in state.items() for text in _not_ok(f"{name} {key}", value)]
    return [] if is_ok(str(state)) else [f"{name.strip()}: {state}"]
