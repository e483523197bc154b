"""A file with the addresses and processes of a running stack, for benches and tests; it contains no secrets."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from local.stack.process import began


@dataclass(frozen=True)
class Running:
    """A running stack: addresses by service ("" is the index), process ids by part."""

    pid: int
    urls: Mapping[str, str]
    processes: Mapping[str, int]
    kafka: str = ""
    """The address of its broker."""
    began: str = ""
    """When its process began."""


@dataclass(frozen=True)
class StateFile:
    """The file; it exists while the stack runs, and after a stack that was killed."""

    path: Path

    def write(self, urls: Mapping[str, str], processes: Mapping[str, int], kafka: str) -> None:
        """Write it, atomically also after a restart."""
        unfinished = self.path.with_suffix(".new")
        body = Running(os.getpid(), dict(urls), dict(processes), kafka, began(os.getpid()))
        unfinished.write_text(json.dumps(asdict(body), indent=1))
        unfinished.replace(self.path)

    def read(self) -> Running | None:
        """Return its content; None while no stack runs, also if the one that wrote it was killed."""
        try:
            found = Running(**json.loads(self.path.read_text()))
        except FileNotFoundError:
            return None
        return found if began(found.pid) == found.began else None

    def remove(self) -> None:
        """Remove it, if it exists."""
        self.path.unlink(missing_ok=True)
