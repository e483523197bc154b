"""The command for a service's notices: lists those that no receiver accepted, replays dead letters, tests receivers."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import click

from shared.core.errors import InternalFault
from shared.notices.receivers import MAIL, WEBHOOK, Addresses, receivers_of
from shared.notices.sender import Outbound
from shared.notices.store import Notices, Undelivered
from shared.postgres.database import database_of
from shared.postgres.settings import DatabaseLink
from shared.service.command import DONE, FAULT, Answer, command


@dataclass(frozen=True)
class Site:
    """What a command needs of a service's settings."""

    schema: str
    database_link: DatabaseLink
    addresses: Addresses
    outbound: Outbound[Any]


def notices_command(
    name: str, about: str, prefix: str, site_of: Callable[[], Site]
) -> click.Command:
    """Return a service's command for its notices.

    Args:
        about: what they are about, in the plural, with what they say of it: `notices of findings`.
        prefix: the first word of the settings that name receivers.
        site_of: reads the settings.
    """

    @command(
        name,
        click.Option(
            ["--replay", "replayed"],
            type=click.Choice([WEBHOOK, MAIL]),
            help="The receiver whose dead letters to send again, under their ids.",
        ),
        click.Option(
            ["--test", "tested"], is_flag=True, help="Send each receiver a test notice now."
        ),
    )
    def run(*, replayed: str | None, tested: bool) -> Answer:
        site = site_of()
        if tested:
            return _tested(asyncio.run(_test(site, prefix)))
        if replayed is not None:
            count = asyncio.run(_replay(site, replayed))
            text = f"{count} dead letters of {replayed} are due again; {site.schema} sends them within seconds"
            return Answer(text, {"receiver": replayed, "replayed": count})
        return _listed(asyncio.run(_undelivered(site)), site.outbound.items)

    run.help = (
        f"List the {about} that no receiver accepted; replay dead letters, or test the receivers.\n\n"
        "Exit status 1 if a receiver does not accept a test."
    )
    return run


async def _test(site: Site, prefix: str) -> Mapping[str, str | None]:
    """Send a test notice to each receiver; return what is wrong, None if the receiver accepted it.

    Raises: InternalFault if no receiver is set.
    """
    found: dict[str, str | None] = {}
    for receiver in receivers_of(site.addresses):
        message = site.outbound.message(uuid4(), ())
        fault = await receiver.deliver(message, datetime.now(UTC))
        found[receiver.name] = None if fault is None else fault.why
    if not found:
        raise InternalFault(f"no receiver is set: give {prefix}_NOTICE_URL, or {prefix}_MAIL_URL")
    return found


def _tested(found: Mapping[str, str | None]) -> Answer:
    lines = [f"{name}  {fault or 'accepted the test notice'}" for name, fault in found.items()]
    status = FAULT if any(found.values()) else DONE
    return Answer("\n".join(lines), {"receivers": dict(found)}, status)


async def _replay(site: Site, receiver: str) -> int:
    async with database_of(site.database_link, site.schema) as db, db.begin() as connection:
        return await Notices(connection, site.outbound.subject).replay(receiver)


async def _undelivered(site: Site) -> list[Undelivered]:
    async with database_of(site.database_link, site.schema) as db, db.begin() as connection:
        return await Notices(connection, site.outbound.subject).undelivered()


def _listed(found: list[Undelivered], items: str) -> Answer:
    lines = [
        f"{one.receiver}  {'waiting' if one.dead_at is None else 'dead'}"
        f"  {one.gathered_at:%Y-%m-%dT%H:%MZ}  {one.notice_id}  {one.items} {items}"
        f"  {one.attempts} attempts  {one.fault or '-'}"
        for one in found
    ]
    dead = sum(one.dead_at is not None for one in found)
    text = "\n".join([*lines, f"{len(found) - dead} notices wait, {dead} are dead letters"])
    return Answer(text, {"notices": [_shape(one) for one in found]})


def _shape(one: Undelivered) -> Mapping[str, object]:
    """Return a notice as JSON has it."""
    moments = {
        name: value.isoformat()
        for name, value in asdict(one).items()
        if isinstance(value, datetime)
    }
    return {**asdict(one), "notice_id": str(one.notice_id), **moments}
