"""The embedded stack by one command: `plateward serve`, or `python -m local`."""

import asyncio
import signal
import sys
from pathlib import Path

import click

from local.stack.process import LocalError
from local.stack.services import APIS, PAGES, WORKERS
from local.stack.stack import READY_WITHIN_S, Stack
from shared.service.command import Answer, command, status_of_group


async def run(
    folder: Path, *, port: int, separate: bool, services: str, ready_within_s: float
) -> None:
    """Run the stack until SIGINT or SIGTERM. Raises: LocalError."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    names = [name for name in services.split(",") if name]
    stack = Stack(
        folder, port=port, separate=separate, services=names, ready_within_s=ready_within_s
    )
    await stack.run(stop)


@command(
    "serve",
    click.Option(
        ["--folder"],
        type=click.Path(path_type=Path),
        default=Path("var"),
        show_default=True,
        help="Where data is kept.",
    ),
    click.Option(
        ["--port"],
        type=click.IntRange(0, 65535),
        default=8000,
        envvar="PORT",
        show_envvar=True,
        show_default=True,
        help="The port of all APIs and the console; 0: a free one.",
    ),
    click.Option(["--separate"], is_flag=True, help="One process and port a service."),
    click.Option(
        ["--services"],
        default=",".join((*APIS, *WORKERS, *PAGES)),
        help="Which services to run, separated by commas; default: all.",
    ),
    click.Option(
        ["--ready-within-s"],
        type=click.FloatRange(min=1),
        default=READY_WITHIN_S,
        show_default=True,
        help="How long the services may take to be ready, in seconds.",
    ),
    faults=(LocalError,),
)
def serve_command(
    *, folder: Path, port: int, separate: bool, services: str, ready_within_s: float
) -> Answer:
    """Run the embedded stack, every service on this machine, until Ctrl-C."""
    asyncio.run(
        run(
            folder,
            port=port,
            separate=separate,
            services=services,
            ready_within_s=ready_within_s,
        )
    )
    return Answer("", {"stopped": True})


if __name__ == "__main__":
    sys.exit(status_of_group(serve_command, "python -m local", "plateward"))
