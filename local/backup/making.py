"""Makes a backup: the database as of one snapshot, then the objects, then the sealed keys, the manifest last.

Before the snapshot it waits until the services have processed what Kafka acknowledged (local/backup/waiting.py).
Objects are copied after the snapshot, so every record of the dump has its object: content never changes under a key,
and services store an object before they store its record.
"""

import asyncio
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from local.backup.database import Snapshot, dump, snapshot_of
from local.backup.installation import NEEDED, Installation
from local.backup.manifest import (
    BACKUP,
    KeysState,
    LogState,
    Manifest,
    ObjectLine,
    ObjectsState,
    StoredFile,
    signer_of,
)
from local.backup.objects import Copier, pooled
from local.backup.offsets import committed
from local.backup.recipient import sealed
from local.backup.repository import Backups, Record, list_file, name_of
from local.backup.waiting import WAIT_S, Waiting, wait
from services.audit.settings import origin_of
from services.audit.store.checkpoints import Checkpoints
from services.audit.store.log import Log
from shared.core.errors import InternalFault
from shared.core.signed_notes import Signer, Verifier

DUMP, OBJECTS, KEYS = "database", "objects.jsonl.gz", "keys.sealed"
SIGNING_KEY = "AUDIT_SIGNING_KEY"


@dataclass(frozen=True)
class Wanted:
    """How a backup is made."""

    audit_origin: str
    recipient: str | None
    """The public half to which keys are sealed; None for a backup without keys."""

    jobs: int = 2
    """Tables that are dumped at a time."""

    wait_s: float = WAIT_S
    """The longest wait for the services."""


@dataclass(frozen=True)
class Made:
    """A finished backup."""

    manifest: Manifest
    manifest_sha256: str
    """Of the manifest's file, in lower-case hex."""

    new_contents: int
    """Contents that earlier backups in the place did not have."""

    missing_keys: tuple[str, ...]
    """Settings with keys that this command does not know."""

    waiting: Waiting | None
    """What came of the wait for the services; None if Kafka is not known."""


async def make(
    source: Installation, backups: Backups, wanted: Wanted, record: Record | None = None
) -> Made:
    """Make a backup, which `record` puts on record before it is whole.

    Raises: InternalFault, Unavailable; what it left is no backup, and the next one deletes it.
    """
    seed, of_log = seed_of(source), signer(source, wanted)
    waiting = await waited(source, wanted.wait_s)
    offsets = await committed(
        source.kafka
    )  # before the snapshot: consumers then repeat, and skip nothing
    async with snapshot_of(source.database) as snapshot:
        name, names = name_of(snapshot.at), await backups.names()
        if name in names:
            raise InternalFault(f"there is a backup {name} already: try again in a second")
        files = await _dumped(source, backups, snapshot, name, wanted.jobs)
        log = await log_state(snapshot, of_log.verifier)
        rows, roles = await snapshot.rows(), await snapshot.roles()
        migrations = await snapshot.migrations()
    copier = Copier(
        source.objects,
        backups.store,
        await _before(backups, names, of_log.verifier),
        await pooled(backups.store),
    )
    lines = await copier.copy_all()
    files.append(await backups.add_file(name, OBJECTS, list_file(lines)))
    keys = None
    if wanted.recipient is not None:
        files.append(
            await backups.add_file(name, KEYS, sealed(source.keys, wanted.recipient, name))
        )
        keys = KeysState(path=KEYS, recipient=wanted.recipient, names=sorted(source.keys))
    retention = source.policy.retention
    manifest = Manifest(
        format=BACKUP.text,
        name=name,
        made_at=snapshot.at,
        ends_at=snapshot.at + timedelta(days=retention.backups_days),
        department=source.policy.department.ori,
        policy_digest=source.policy.digest,
        schedule_days=retention.schedule_days,
        postgres=snapshot.major,
        roles=roles,
        schemas=migrations,
        rows=rows,
        log=log,
        files=files,
        objects=ObjectsState(
            count=len(lines), size_bytes=sum(one.size_bytes for one in lines), list=OBJECTS
        ),
        keys=keys,
        offsets=offsets,
        complete_to=None if waiting is None else waiting.complete_to,
        behind=() if waiting is None else waiting.behind,
    )
    digest = await backups.finish(manifest, signer_of(of_log.verifier.name, seed), record)
    missing = tuple(sorted(NEEDED - source.keys.keys())) if keys else ()
    return Made(manifest, digest, copier.new, missing, waiting)


async def waited(source: Installation, wait_s: float) -> Waiting | None:
    """Wait until the services have processed what Kafka has; None if its Kafka is not known. Raises: Unavailable."""
    if source.kafka is None:
        return None
    return await wait(
        source.database,
        source.kafka,
        wait_s=wait_s if source.at_work else 0,
        at_work=source.at_work,
    )


def signer(source: Installation, wanted: Wanted) -> Signer:
    """Return the signer of the audit log. Raises: InternalFault without its key."""
    return Signer(origin_of(wanted.audit_origin), seed_of(source))


def seed_of(source: Installation) -> bytes:
    """Return the seed of the key that signs the log. Raises: InternalFault without it."""
    if (key := source.keys.get(SIGNING_KEY)) is None:
        raise InternalFault(f"{SIGNING_KEY} is not set: it signs the manifest")
    return b64decode(key)


async def _dumped(
    source: Installation, backups: Backups, snapshot: Snapshot, name: str, jobs: int
) -> list[StoredFile]:
    with tempfile.TemporaryDirectory(prefix="plateward-backup-") as scratch:
        folder = Path(scratch) / DUMP
        await asyncio.to_thread(dump, source.database, snapshot, folder, jobs=jobs)
        return await backups.add_files(name, DUMP, await asyncio.to_thread(_files, folder))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def log_state(snapshot: Snapshot, key: Verifier) -> LogState:
    """Return the audit log in a snapshot."""
    log = Log(snapshot.connection)
    size = await log.size()
    newest = await Checkpoints(snapshot.connection).latest()
    return LogState(
        origin=key.name,
        entries=size,
        root=b64encode(await log.root(size)).decode(),
        checkpoint=None if newest is None else newest.note,
        key=key.vkey,
    )


async def _before(backups: Backups, names: Sequence[str], key: Verifier) -> dict[str, ObjectLine]:
    """Return the list of the newest earlier backup by key; empty if there is none that this key signed."""
    if not names:
        return {}
    try:
        manifest = await backups.manifest(names[-1], [key])
        return {line.key: line for line in await backups.object_lines(manifest)}
    except InternalFault:
        return {}  # such as one from before the key changed: every object is read again
