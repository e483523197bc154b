"""The command line of every service: serves, migrates its tables, or runs one of its own commands.

Exit status: 0 if the command succeeded; 1 if it verified something and found a fault; 2 if it could not finish, because
of a wrong call, a missing setting, an unreadable file or a refusal.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from shared.core.errors import AlprError
from shared.core.logs import configure_logging, named
from shared.core.patience import patiently
from shared.core.types import Ori
from shared.events import Actor
from shared.postgres.database import Database
from shared.postgres.schema import prepare
from shared.postgres.settings import DatabaseSettings
from shared.service.serve import serve
from shared.service.spec import ServiceSpec

MIGRATE = "bring the tables up to date, as DATABASE_OWNER_URL, and grant what DATABASE_URL needs"
UNFINISHED = 2
"""The exit status of a command that could not finish."""

EPILOG = "Exit status: 0: done; 1: verified, and a fault found; 2: not finished."


FAULTS: tuple[type[Exception], ...] = (AlprError, ValidationError, DBAPIError, OSError)
"""Exceptions of every command that say why it could not finish."""


def no_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no arguments."""


@dataclass(frozen=True)
class Command:
    """A command of one service."""

    help: str
    run: Callable[[argparse.Namespace], int]
    """Receives the parsed arguments, and returns the exit status."""

    declare: Callable[[argparse.ArgumentParser], None] = no_arguments
    """Declares the arguments."""

    faults: tuple[type[Exception], ...] = ()
    """Exceptions, besides those of every command, whose text says why it could not finish."""


def declare_person(parser: argparse.ArgumentParser) -> None:
    """Declare who runs a command that the audit log records, and why."""
    parser.add_argument("--person-id", required=True, help="your account id")
    parser.add_argument("--name", required=True, help="your name")
    parser.add_argument("--title", required=True, help="your job title")
    parser.add_argument("--reason", required=True, help="your reason; the audit log records it")


def person_of(chosen: argparse.Namespace, agency_ori: Ori) -> Actor:
    """Return the person that the arguments of `declare_person` name."""
    return Actor(
        person_id=chosen.person_id, name=chosen.name, title=chosen.title, agency_ori=agency_ori
    )


def run(
    spec: ServiceSpec,
    own: Mapping[str, Command] = MappingProxyType({}),
    arguments: Sequence[str] | None = None,
) -> None:
    """Serve, or run the command on the command line; if that fails, exit with its status, not 0.

    Args:
        own: the service's own commands by name.
        arguments: the command line; default: that of the process.
    """
    if status := status_of(spec, own, arguments):
        sys.exit(status)


def status_of(
    spec: ServiceSpec, own: Mapping[str, Command], arguments: Sequence[str] | None = None
) -> int:
    """Serve, or run the command on the command line; return the exit status.

    Raises: SystemExit after a wrong call, or after help.
    """
    commands = {**_common(spec), **own}
    chosen = _parser(spec, commands).parse_args(arguments)
    if chosen.command is None:
        serve(spec)
        return 0
    command = commands[chosen.command]
    try:
        return command.run(chosen)
    except FAULTS + command.faults as exc:
        for fault in _texts_of(exc):
            print(f"{spec.name}: {fault}", file=sys.stderr)
        return UNFINISHED


def _common(spec: ServiceSpec) -> dict[str, Command]:
    """Return the commands of every service of this kind."""
    if not spec.has_tables:
        return {}
    return {"migrate": Command(MIGRATE, lambda _: migrate(spec))}


def _parser(spec: ServiceSpec, commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m services.{spec.name}",
        description="Without a command, it serves.",
        epilog=EPILOG,
    )
    parsers = parser.add_subparsers(dest="command", metavar="command")
    for name, command in commands.items():
        command.declare(parsers.add_parser(name, help=command.help, description=command.help))
    return parser


def _texts_of(exc: Exception) -> Iterator[str]:
    """Yield why a command could not finish, without secrets and values."""
    if isinstance(exc, ValidationError):
        for error in exc.errors(include_input=False):
            where = "".join(f"{part}: " for part in error["loc"])
            yield where + error["msg"].removeprefix("Value error, ")
    elif isinstance(exc, DBAPIError):  # its message has the statement, and may have values
        yield named(exc.orig or exc)
    else:
        yield exc.detail if isinstance(exc, AlprError) else str(exc)


def migrate(spec: ServiceSpec) -> int:
    """Migrate a service's tables, with only the database's settings; return the exit status.

    Raises: ValueError for a refused setting; AlprError, DBAPIError.
    """
    configure_logging()
    asyncio.run(_prepared(spec))
    print(f"the tables of {spec.name} are up to date")
    return 0


async def _prepared(spec: ServiceSpec) -> None:
    settings = DatabaseSettings()
    db = Database(settings.database_link(), spec.name, pool_size=1)
    try:
        await patiently(
            spec.name,
            "Postgres",
            lambda: prepare(db, settings, spec.migrations),
            within_s=settings.start_patience_s,
        )
    finally:
        await db.close()
