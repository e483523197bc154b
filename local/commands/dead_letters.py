"""`make dead-letters`: lists the embedded stack's dead letters with reasons; `--replay TOPIC` replays a topic's.

Uses the stack that runs on ./var, or the Kafka at KAFKA_BOOTSTRAP if set.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from local.stack.process import LocalError
from local.stack.state_file import StateFile
from shared.kafka import dead_letters


def bootstrap(folder: Path, given: Mapping[str, str]) -> str:
    """Return the address of the Kafka to use. Raises: LocalError if no stack runs there."""
    if "KAFKA_BOOTSTRAP" in given:
        return given["KAFKA_BOOTSTRAP"]
    running = StateFile(folder / "stack.json").read()
    if running is None:
        raise LocalError(
            f"no stack runs on {folder}: start it with `make serve`, or set KAFKA_BOOTSTRAP"
        )
    return running.kafka


def main(folder: Path = Path("var")) -> None:
    """List the dead letters, or replay one topic."""
    try:
        where = bootstrap(folder.absolute(), os.environ)
    except LocalError as fault:
        sys.exit(f"plateward: {fault}")
    dead_letters.main(["--bootstrap", where, *sys.argv[1:]])


if __name__ == "__main__":
    main()
