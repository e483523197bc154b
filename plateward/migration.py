"""`plateward migrate`: the tables of one service, or of all."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import click

from plateward.image import own_spec
from shared.service.command import Answer, Unfinished, command, migrate
from shared.service.spec import ServiceSpec


@command("migrate", click.Argument(["services"], metavar="[SERVICE]...", nargs=-1))
def migrate_command(*, services: Sequence[str]) -> Answer:
    """Bring tables up to date, as DATABASE_OWNER_URL, and grant what DATABASE_URL needs.

    Without a service: in an image its own, in a checkout all that have tables. INGEST__DATABASE_URL is ingest's
    DATABASE_URL and no other service's. The embedded stack does all of this when it starts.
    """
    done = []
    for spec, environment in _chosen(services):
        with _environment(environment):
            migrate(spec)
        done.append(spec.name)
    return Answer(f"up to date: the tables of {', '.join(done)}", {"migrated": done})


def _chosen(names: Sequence[str]) -> Iterator[tuple[ServiceSpec, Mapping[str, str]]]:
    """Yield the declaration of each chosen service, and its environment. Raises: Unfinished."""
    try:
        from local.stack.services import environment_of
        from services.registry import SPECS
    except ModuleNotFoundError:  # an image
        yield own_spec(), dict(os.environ)
        return
    allowed = [name for name, spec in SPECS.items() if spec.has_tables]
    if unknown := sorted(set(names) - set(allowed)):
        raise Unfinished(f"{', '.join(unknown)}: services with tables are {', '.join(allowed)}")
    before = dict(os.environ)
    for name in names or allowed:
        yield SPECS[name], environment_of(name, before)


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Have this environment for a while."""
    before = dict(os.environ)
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
