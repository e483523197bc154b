"""The command line of every service: serves, migrates its tables, or runs one of its own commands."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from shared.core.errors import AlprError
from shared.core.logs import configure_logging, named
from shared.core.patience import patiently
from shared.postgres.database import Database
from shared.postgres.schema import prepare
from shared.postgres.settings import DatabaseSettings
from shared.service.serve import serve
from shared.service.spec import ServiceSpec

MIGRATE = "bring the tables up to date, as DATABASE_OWNER_URL, and grant what DATABASE_URL needs"


@dataclass(frozen=True)
class Command:
    """A command of one service."""

    help: str
    run: Callable[[Sequence[str]], int]
    """Receives the arguments after the command's name, and returns the exit status."""


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
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] in own:
        status = own[given[0]].run(given[1:])
    elif _parser(spec, own).parse_args(given).command is None:
        serve(spec)
        return
    else:
        status = migrate(spec.name, spec.migrations)
    if status:
        sys.exit(status)


def _parser(spec: ServiceSpec, own: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Return the parser of the common commands; its help lists the service's own commands too."""
    parser = argparse.ArgumentParser(
        prog=f"python -m services.{spec.name}", description="Without a command, it serves."
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    if spec.has_tables:
        commands.add_parser("migrate", help=MIGRATE)
    for name, command in own.items():
        commands.add_parser(name, help=command.help)
    return parser


def migrate(service: str, migrations: Path) -> int:
    """Migrate a service's tables, with only the database's settings; return the exit status."""
    configure_logging()
    try:
        asyncio.run(_prepared(service, migrations))
    except ValidationError as exc:
        faults = [str(fault["msg"]) for fault in exc.errors(include_input=False)]
    except AlprError as exc:
        faults = [exc.detail]
    except DBAPIError as exc:  # its message has the statement, and may have values
        faults = [named(exc.orig or exc)]
    else:
        print(f"the tables of {service} are up to date")
        return 0
    for fault in faults:
        print(f"{service}: {fault.removeprefix('Value error, ')}", file=sys.stderr)
    return 1


async def _prepared(service: str, migrations: Path) -> None:
    settings = DatabaseSettings()
    db = Database(settings.database_link(), service, pool_size=1)
    try:
        await patiently(
            service,
            "Postgres",
            lambda: prepare(db, settings, migrations),
            within_s=settings.start_patience_s,
        )
    finally:
        await db.close()
