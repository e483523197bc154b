"""The command line of every service: serves, migrates its tables, or runs one of its own commands.

Every command takes `--json` and answers with one JSON object then. Exit status: 0 if the command succeeded; 1 if it
verified something and found a fault; 2 if it could not finish, because of a wrong call, a missing setting, an
unreadable file or a refusal; 130 if it was interrupted.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import click
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from shared.core.errors import AlprError
from shared.core.logs import (
    DiscreetFormatter,
    configure_logging,
    name_errors_without_texts,
    named,
)
from shared.core.patience import patiently
from shared.core.types import Ori
from shared.events import Actor
from shared.postgres.database import database_of
from shared.postgres.schema import check_tables, prepare
from shared.postgres.settings import DatabaseSettings
from shared.service.serve import NotBuilt, serve
from shared.service.spec import ServiceSpec

AWAIT_TABLES = (
    "Wait until another process has brought the tables up to date, without the owner's rights."
)

MIGRATE = "Bring the tables up to date, as DATABASE_OWNER_URL, and grant what DATABASE_URL needs."

DONE, FAULT, UNFINISHED, INTERRUPTED = 0, 1, 2, 130
"""The exit statuses."""

EPILOG = "Exit status: 0: done; 1: verified, and a fault found; 2: not finished; 130: interrupted."

FAULTS: tuple[type[Exception], ...] = (AlprError, ValidationError, DBAPIError, OSError)
"""Exceptions of every command that say why it could not finish."""

PERSON = (
    click.Option(["--person-id"], required=True, help="Your account id."),
    click.Option(["--name"], required=True, help="Your name."),
    click.Option(["--title"], required=True, help="Your job title."),
    click.Option(["--reason"], required=True, help="Your reason; the audit log records it."),
)
"""Options of a command that the audit log records: who runs it, and why."""


@dataclass(frozen=True)
class Answer:
    """What a command did or found."""

    text: str
    """For people; empty if the command has printed all while it ran."""

    data: Mapping[str, object]
    """The same for programs, as `--json` prints it."""

    status: int = DONE


class Unfinished(Exception):
    """A command could not finish; `faults` say why."""

    def __init__(self, *faults: str, as_json: bool = False) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
        self.as_json = as_json


def command(
    name: str, *parameters: click.Parameter, faults: tuple[type[Exception], ...] = ()
) -> Callable[[Callable[..., Answer]], click.Command]:
    """Make a function a command; its docstring is the help.

    Args:
        parameters: its arguments and options; the function receives their values by name.
        faults: exceptions, besides those of every command, whose text says why it could not finish.
    """

    def made(work: Callable[..., Answer]) -> click.Command:
        def run(*, as_json: bool, **given: Any) -> None:
            try:
                answer = work(**given)
            except Unfinished as exc:
                exc.as_json = as_json
                raise
            except FAULTS + faults as exc:
                raise Unfinished(*_texts_of(exc), as_json=as_json) from exc
            except (click.exceptions.Exit, click.Abort, click.ClickException):
                raise
            except Exception:  # noqa: BLE001 - an error of the program; 1 would say that it found a fault
                error = DiscreetFormatter().formatException(sys.exc_info())
                click.echo(f"Traceback:\n{error}", err=True)
                click.get_current_context().exit(UNFINISHED)
            _print(json.dumps(answer.data) if as_json else answer.text)
            click.get_current_context().exit(answer.status)

        as_json = click.Option(["--json", "as_json"], is_flag=True, help="Answer in JSON.")
        return click.Command(
            name,
            params=[*parameters, as_json],
            callback=run,
            help=work.__doc__,
            epilog=EPILOG,
        )

    return made


def _print(text: str) -> None:
    """Print an answer; whether its reader, such as `head`, takes all of it does not change what the command found."""
    try:
        if text:
            click.echo(text)
    except BrokenPipeError:
        # The interpreter flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def by_name(*commands: click.Command) -> dict[str, click.Command]:
    """Return commands by their names."""
    return {str(one.name): one for one in commands}


def person_of(who: Mapping[str, str], agency_ori: Ori) -> Actor:
    """Return the person that the values of `PERSON` name."""
    return Actor(
        person_id=who["person_id"], name=who["name"], title=who["title"], agency_ori=agency_ori
    )


def run(
    spec: ServiceSpec,
    own: Mapping[str, click.Command] = MappingProxyType({}),
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
    spec: ServiceSpec, own: Mapping[str, click.Command], arguments: Sequence[str] | None = None
) -> int:
    """Serve, or run the command on the command line; return the exit status."""

    def serve_without_a_command() -> None:
        if click.get_current_context().invoked_subcommand is None:
            serve_if_built(spec)

    group = click.Group(
        commands={**_common(spec), **own},
        callback=serve_without_a_command,
        invoke_without_command=True,
        help="Without a command, it serves.",
        epilog=EPILOG,
    )
    return status_of_group(group, f"python -m services.{spec.name}", spec.name, arguments)


def status_of_group(
    group: click.Command, called: str, name: str, arguments: Iterable[str] | None = None
) -> int:
    """Run a command line; return the exit status.

    Args:
        called: what a person types to run it, as its usage shows it.
        name: the beginning of each line on stderr that says why a command could not finish.
        arguments: the command line; default: that of the process.
    """
    name_errors_without_texts()
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        status = group.main(words, prog_name=called, standalone_mode=False)
    except Unfinished as exc:
        if exc.as_json:
            click.echo(json.dumps({"errors": list(exc.faults)}), err=True)
        else:
            for fault in exc.faults:
                click.echo(f"{name}: {fault}", err=True)
        return UNFINISHED
    except click.ClickException as exc:  # a wrong call
        exc.show()
        return UNFINISHED
    except click.Abort:
        click.echo(f"{name}: interrupted", err=True)
        return INTERRUPTED
    return status if isinstance(status, int) else DONE


def _common(spec: ServiceSpec) -> dict[str, click.Command]:
    """Return the commands of every service of this kind."""
    return by_name(migrate_command(spec), await_tables_command(spec)) if spec.has_tables else {}


def migrate_command(spec: ServiceSpec) -> click.Command:
    """Return the command that migrates the tables of a service."""

    def work() -> Answer:
        migrate(spec)
        return Answer(f"the tables of {spec.name} are up to date", {"migrated": [spec.name]})

    work.__doc__ = MIGRATE
    return command("migrate")(work)


def await_tables_command(spec: ServiceSpec) -> click.Command:
    """Return the command that waits for the tables of a service, as an init container beside a Job that migrates."""

    def work(*, within_s: float) -> Answer:
        configure_logging()
        asyncio.run(_awaited(spec, within_s))
        return Answer(f"the tables of {spec.name} fit this version", {"current": [spec.name]})

    work.__doc__ = AWAIT_TABLES
    within = click.Option(
        ["--within", "within_s"],
        type=click.FloatRange(min=0),
        default=600.0,
        show_default=True,
        help="Seconds after which it gives up.",
    )
    return command("await-tables", within)(work)


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


def serve_if_built(spec: ServiceSpec) -> None:
    """Serve a service. Raises: Unfinished if its settings do not let it start."""
    try:
        serve(spec)
    except NotBuilt as exc:
        raise Unfinished(*_texts_of(exc.why)) from exc


def migrate(spec: ServiceSpec) -> None:
    """Migrate a service's tables, with only the database's settings.

    Raises: ValueError for a refused setting; AlprError, DBAPIError.
    """
    configure_logging()
    asyncio.run(_prepared(spec))


async def _awaited(spec: ServiceSpec, within_s: float) -> None:
    async with database_of(DatabaseSettings().database_link(), spec.name) as db:
        check = partial(check_tables, db, spec.migrations)
        await patiently(spec.name, "its tables", check, within_s=within_s)


async def _prepared(spec: ServiceSpec) -> None:
    settings = DatabaseSettings()
    async with database_of(settings.database_link(), spec.name) as db:
        await patiently(
            spec.name,
            "Postgres",
            lambda: prepare(db, settings, spec.migrations),
            within_s=settings.start_patience_s,
        )
