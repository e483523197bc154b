"""The file that says what a running stack consists of, for those who measure or test it; no secrets in it."""

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
    """The file; it is there while the stack is up."""

    path: Path

    def write(self, urls: Mapping[str, str], processes: Mapping[str, int], kafka: str) -> None:
        """Write it, or write it anew after a restart; a reader never sees half of it."""
        unfinished = self.path.with_suffix(".new")
        body = Running(os.getpid(), dict(urls), dict(processes), kafka)
        unfinished.write_text(json.dumps(asdict(body), indent=1))
        unfinished.replace(self.path)

    def read(self) -> Running | None:
        """Return what it says; None while the stack is not up."""
        try:
            return Running(**json.loads(self.path.read_text()))
        except FileNotFoundError:
            return None

    def remove(self) -> None:
        """Remove it, if it is there."""
        self.path.unlink(missing_ok=True)
