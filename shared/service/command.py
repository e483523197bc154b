"""The command line that every service with tables has: serve, or bring the tables up to date and end."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from shared.core.errors import AlprError
from shared.core.logs import configure_logging, named
from shared.core.patience import patiently
from shared.postgres.database import Database
from shared.postgres.schema import prepare
from shared.postgres.settings import DatabaseSettings

MIGRATE = "bring the tables up to date, as DATABASE_OWNER_URL, and grant what DATABASE_URL needs"


def run(service: str, migrations: Path, serve: Callable[[], None]) -> None:
    """Serve, or do what the command line says; exits 1 with the reason when that cannot be done."""
    parser = argparse.ArgumentParser(prog=f"python -m services.{service}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("migrate", help=MIGRATE)
    if parser.parse_args().command is None:
        serve()
    else:
        sys.exit(migrate(service, migrations))


def migrate(service: str, migrations: Path) -> int:
    """Bring a service's tables up to date with no setting but the database's; return the exit status."""
    configure_logging()
    try:
        asyncio.run(_prepared(service, migrations))
    except ValidationError as exc:
        faults = [str(fault["msg"]) for fault in exc.errors(include_input=False)]
    except AlprError as exc:
        faults = [exc.detail]
    except DBAPIError as exc:  # its own text has the statement, and may have values
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
