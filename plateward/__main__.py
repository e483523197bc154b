"""`plateward`, or `python -m plateward` in an image."""

import sys
from collections.abc import Sequence

from plateward.catalogue import PLATEWARD
from shared.service.command import status_of_group

NAME = "plateward"


def status(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status. `arguments` default to those of the process."""
    return status_of_group(PLATEWARD, NAME, NAME, arguments)


def main() -> None:
    """Run the command line, and exit with its status."""
    sys.exit(status())


if __name__ == "__main__":
    main()
