"""A file with the addresses and processes of a running stack, for benches and tests; it contains no secrets."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Running:
    """A running stack: addresses by service ("" is the index), process ids by part."""

    pid: int
    urls: Mapping[str, str]
    processes: Mapping[str, int]
    kafka: str = ""
    """The address of its broker."""


@dataclass(frozen=True)
class StateFile:
    """The file; it exists while the stack runs."""

    path: Path

    def write(self, urls: Mapping[str, str], processes: Mapping[str, int], kafka: str) -> None:
        """Write it, atomically also after a restart."""
        unfinished = self.path.with_suffix(".new")
        body = Running(os.getpid(), dict(urls), dict(processes), kafka)
        unfinished.write_text(json.dumps(asdict(body), indent=1))
        unfinished.replace(self.path)

    def read(self) -> Running | None:
        """Return its content; None while no stack runs."""
        try:
            return Running(**json.loads(self.path.read_text()))
        except FileNotFoundError:
            return None

    def remove(self) -> None:
        """Remove it, if it exists."""
        self.path.unlink(missing_ok=True)
