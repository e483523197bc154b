"""The command that counts the log's entries anew and compares the stored figures."""

import asyncio

from services.audit.actions.figure_counts import Recount, recounted
from services.audit.settings import LogSettings
from shared.core.policy import load_policy
from shared.postgres.database import database_of
from shared.service.command import DONE, FAULT, Answer, command

SCHEMA = "audit"


@command("verify-figures")
def figures_command() -> Answer:
    """Count the whole log anew, and compare the counted figures. Exit status 1 if one differs."""
    settings = LogSettings()
    zone = load_policy(settings.policy_file).department.time_zone
    return _compared(asyncio.run(_recounted(settings, zone)))


async def _recounted(settings: LogSettings, zone: str) -> Recount:
    async with database_of(settings.database_link(), SCHEMA) as db, db.begin() as connection:
        return await recounted(connection, zone)


def _compared(found: Recount) -> Answer:
    faults = [
        {
            "month": f"{month:%Y-%m}",
            "figure": key.figure,
            "kind": key.kind or None,
            "stored": stored,
            "counted": counted,
        }
        for (month, key), (stored, counted) in sorted(found.differing.items())
    ]
    lines = [
        f"FAULT  {one['month']} {one['figure']} {one['kind'] or ''}: stored {one['stored']},"
        f" the log has {one['counted']}"
        for one in faults
    ]
    text = "\n".join([*lines, f"{found.entries} entries counted, {len(faults)} figures differ"])
    return Answer(text, {"entries": found.entries, "differing": faults}, FAULT if faults else DONE)
