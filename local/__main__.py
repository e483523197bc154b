"""The embedded stack by one command: `python -m local`, or `make serve`."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from local.stack.process import LocalError
from local.stack.services import APIS, PAGES, WORKERS
from local.stack.stack import Stack


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("var"), help="where data is kept")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
    parser.add_argument("--separate", action="store_true", help="one process and port a service")
    parser.add_argument(
        "--services",
        default=",".join((*APIS, *WORKERS, *PAGES)),
        help="which services to run, separated by commas",
    )
    return parser.parse_args(arguments)


async def run(chosen: argparse.Namespace) -> None:
    """Run the stack until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    names = [name for name in chosen.services.split(",") if name]
    stack = Stack(chosen.folder, port=chosen.port, separate=chosen.separate, services=names)
    await stack.run(stop)


def main() -> int:
    """Return 0 after a clean stop, 1 when the stack could not start or go on."""
    try:
        asyncio.run(run(options()))
    except LocalError as fault:
        print(f"plateward: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
