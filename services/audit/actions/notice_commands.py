"""The command for notices of findings: lists those that no receiver accepted, replays dead letters, tests receivers."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import uuid4

import click

from services.audit.actions.notices import MAIL, WEBHOOK, receivers_of
from services.audit.domain.notices import Notice
from services.audit.settings import NoticeSettings
from services.audit.store.notices import Notices, Undelivered
from shared.core.errors import InternalFault
from shared.postgres.database import database_of
from shared.service.command import DONE, FAULT, Answer, command

SCHEMA = "audit"


@command(
    "notices",
    click.Option(
        ["--replay", "replayed"],
        type=click.Choice([WEBHOOK, MAIL]),
        help="The receiver whose dead letters to send again, under their ids.",
    ),
    click.Option(["--test", "tested"], is_flag=True, help="Send each receiver a test notice now."),
)
def notices_command(*, replayed: str | None, tested: bool) -> Answer:
    """List the notices of findings that no receiver accepted; replay dead letters, or test the receivers.

    Exit status 1 if a receiver does not accept a test.
    """
    settings = NoticeSettings()
    if tested:
        return _tested(asyncio.run(_test(settings)))
    if replayed is not None:
        count = asyncio.run(_replay(settings, replayed))
        text = f"{count} dead letters of {replayed} are due again; audit sends them within seconds"
        return Answer(text, {"receiver": replayed, "replayed": count})
    return _listed(asyncio.run(_undelivered(settings)))


async def _test(settings: NoticeSettings) -> Mapping[str, str | None]:
    """Send a test notice to each receiver; return what is wrong, None if the receiver accepted it.

    Raises: InternalFault if no receiver is set.
    """
    found: dict[str, str | None] = {}
    for receiver in receivers_of(settings):
        fault = await receiver.deliver(Notice(uuid4(), ()), datetime.now(UTC))
        found[receiver.name] = None if fault is None else fault.why
    if not found:
        raise InternalFault("no receiver is set: give AUDIT_NOTICE_URL, or AUDIT_MAIL_URL")
    return found


def _tested(found: Mapping[str, str | None]) -> Answer:
    lines = [f"{name}  {fault or 'accepted the test notice'}" for name, fault in found.items()]
    status = FAULT if any(found.values()) else DONE
    return Answer("\n".join(lines), {"receivers": dict(found)}, status)


async def _replay(settings: NoticeSettings, receiver: str) -> int:
    async with database_of(settings.database_link(), SCHEMA) as db, db.begin() as connection:
        return await Notices(connection).replay(receiver)


async def _undelivered(settings: NoticeSettings) -> list[Undelivered]:
    async with database_of(settings.database_link(), SCHEMA) as db, db.begin() as connection:
        return await Notices(connection).undelivered()


def _listed(found: list[Undelivered]) -> Answer:
    lines = [
        f"{one.receiver}  {'waiting' if one.dead_at is None else 'dead'}"
        f"  {one.gathered_at:%Y-%m-%dT%H:%MZ}  {one.notice_id}  {one.findings} findings"
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
