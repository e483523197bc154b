"""Stores the objects of a backup beside a database that went on, such as after the loss of an object store."""

from datetime import timedelta

from local.backup import objects as pool
from local.backup.installation import Installation
from local.backup.purged import not_ended, not_purged
from local.backup.repository import Backups
from local.backup.restoring import (
    AUDIT,
    Wanted,
    backed_up_log,
    chosen,
    mac_key_of,
    raise_if_ended,
    undamaged,
)
from services.audit.actions.backups import record_objects
from shared.postgres.database import database_of


async def restore_objects(
    target: Installation, backups: Backups, wanted: Wanted
) -> tuple[int, list[str]]:
    """Store the objects of a backup that a running installation lacks; return their number, and faults.

    What may have been destroyed since is not stored: frames and crops of a purge, whose records are gone, and packages
    that have expired or ended. It is on record before the first object is stored.

    Raises: Damaged for a changed file, before any object is stored; InternalFault, Unavailable.
    """
    mac_key = mac_key_of(target.keys)
    manifest = await chosen(backups, wanted.name, wanted.keys)
    raise_if_ended(manifest, wanted)
    whole, left_out = await undamaged(backups, manifest, wanted)
    there = {
        one.key
        for prefix in pool.PREFIXES
        async for page in pool.listed(target.objects, prefix)
        for one in page
    }
    lines = [line for line in whole if line.key not in there]
    may_be_purged = wanted.now - timedelta(days=target.policy.retention.floor_days)
    lines = await not_purged(target.database, lines, may_be_purged)
    lines = await not_ended(target.database, lines, wanted.now)
    async with (
        database_of(target.database, AUDIT, mac_key=mac_key) as db,
        db.begin() as connection,
    ):
        await record_objects(
            connection,
            AUDIT,
            wanted.actor,
            backed_up_log(manifest),
            at=wanted.now,
            reason=wanted.reason,
            objects=len(lines),
        )
    await pool.put_back(backups.store, target.objects, lines)
    return len(lines), left_out
