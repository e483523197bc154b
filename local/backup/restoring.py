"""Restores a backup into an empty database and object store, and proves what it restored.

Order: every digest is verified before the first byte is written; then keys and database. Its counts are compared, and
the services with copies of sightings are closed until a purge, before anything else can fail: services that are started
after a restore that ended halfway show nothing that a purge destroyed. Then the objects, the whole audit log and its
continuity with what was witnessed. Last, the restore is recorded as the log's next entry, and consumer groups are set
back.
"""

import asyncio
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from local.backup import objects as pool
from local.backup.database import (
    LONGEST_S,
    SCHEMAS,
    check_empty,
    migrations_of,
    restore,
    rows_of,
)
from local.backup.installation import Installation, write_keys
from local.backup.making import DUMP
from local.backup.manifest import FOLDER, Manifest, ObjectLine, form_of
from local.backup.objects import content_of
from local.backup.offsets import rewind
from local.backup.recipient import opened
from local.backup.repository import Backups
from services.audit.actions.backups import (
    BackedUpLog,
    BroughtBack,
    Record,
    record_restore,
)
from services.audit.actions.continuity import Continuity, continuity_of
from services.audit.actions.verify import verify_stored
from services.audit.domain.recount import Cadence, LogReport
from services.audit.settings import LogSettings
from services.audit.store.keys import KeyChanges
from services.audit.store.log import Log
from services.registry import SPECS
from services.retention.domain.destruction import Basis
from services.retention.store.destroying import Destruction
from services.retention.store.partitions import Partitions
from shared.core.errors import InternalFault, Unavailable
from shared.core.signed_notes import Verifier
from shared.events import Actor, RecordsPurged
from shared.kafka.event_mac import MacKey
from shared.kafka.topics import topic_of
from shared.objects.store import ObjectStore
from shared.postgres.database import Database, database_of, driver_of
from shared.postgres.restores import Restore, Restores

AUDIT = "audit"
WITH_SIGHTINGS = sorted({*topic_of(RecordsPurged).producers, *topic_of(RecordsPurged).consumers})
"""The services that purge, or follow purges."""


@dataclass(frozen=True)
class Wanted:
    """What to restore, and by whom."""

    name: str | None
    """The backup; None for the newest."""

    keys: Sequence[Verifier]
    """The log's public keys, the first one first."""

    witnesses: Sequence[Path]
    private: Path | None
    """The offline half of the recipient of the sealed keys; None to use keys that are there."""

    keys_folder: Path
    actor: Actor
    reason: str
    now: datetime
    ended: bool = False
    """Restore a backup that has ended by the policy."""

    without_damaged: bool = False
    """Leave out objects whose content in the backup is damaged, instead of restoring nothing."""

    jobs: int = 2


@dataclass
class Restored:
    """What a restore did and found."""

    manifest: Manifest
    report: LogReport
    continuity: Continuity | None
    due: bool
    """Whether the backup had records that are past the schedule: the services are closed until a purge."""

    rewound: Mapping[str, Mapping[str, int]]
    faults: list[str] = field(default_factory=list)


class Damaged(InternalFault):
    """Files of a backup or export are missing or changed; `faults` names each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


async def chosen(backups: Backups, name: str | None, keys: Sequence[Verifier]) -> Manifest:
    """Return the manifest of a backup, by default the newest. Raises: InternalFault, Unavailable."""
    names = await backups.names()
    if not names:
        raise InternalFault("there is no whole backup in this place")
    if name is not None and name not in names:
        raise InternalFault(f"there is no whole backup {name}; there are {', '.join(names)}")
    return await backups.manifest(name or names[-1], keys)


async def restore_all(target: Installation, backups: Backups, wanted: Wanted) -> Restored:
    """Restore a backup. Raises: Damaged for a changed file; InternalFault, Unavailable.

    A restore that failed halfway leaves a database and objects that are to be dropped.
    """
    manifest = await chosen(backups, wanted.name, wanted.keys)
    raise_if_ended(manifest, wanted)
    await check_empty(target.database, manifest.roles)
    await pool.check_empty(target.objects)
    lines, left_out = await undamaged(backups, manifest, wanted)
    keys = await _keys(backups, manifest, target, wanted)
    await _restore_database(target, backups, manifest, wanted.jobs)
    database = await loaded(target, manifest, wanted.now)
    await pool.put_back(backups.store, target.objects, lines)
    restored = await proved(target, manifest, wanted, keys, database)
    restored.faults += left_out
    return restored


async def undamaged(
    backups: Backups, manifest: Manifest, wanted: Wanted
) -> tuple[list[ObjectLine], list[str]]:
    """Read a whole backup; return the objects to restore, and the faults of those that are left out.

    Raises: Damaged, unless only objects are damaged and may be left out; Unavailable.
    """
    damage = await backups.read_through(manifest)
    if damage.files or (damage.contents and not wanted.without_damaged):
        raise Damaged(damage.faults)
    lines = await backups.object_lines(manifest)
    whole = [line for line in lines if line.sha256 not in damage.contents]
    faults = list(damage.contents.values())
    if faults:
        faults.append(f"{len(lines) - len(whole)} objects with these contents are left out")
    return whole, faults


def raise_if_ended(manifest: Manifest, wanted: Wanted) -> None:
    """Raise InternalFault for a backup that has ended by the policy, unless that is wanted."""
    if manifest.ends_at <= wanted.now and not wanted.ended:
        raise InternalFault(
            f"backup {manifest.name} ended on {manifest.ends_at:%Y-%m-%d} by the policy; --ended restores it "
            "all the same, and the purge that follows destroys what is past the schedule"
        )


async def _keys(
    backups: Backups, manifest: Manifest, target: Installation, wanted: Wanted
) -> Mapping[str, str]:
    return await opened_keys(
        backups.store, f"{FOLDER}/{manifest.name}", manifest, target.keys, wanted
    )


async def opened_keys(
    store: ObjectStore, folder: str, manifest: Manifest, there: Mapping[str, str], wanted: Wanted
) -> Mapping[str, str]:
    """Return the installation's keys; those that were sealed in `folder` are written as files.

    Raises: InternalFault for another private half, or if none were sealed; Damaged if they changed since they were
    compared, because sealing to a recipient takes no secret; Unavailable.
    """
    if wanted.private is None:
        return there
    if manifest.keys is None:
        raise InternalFault(
            f"{form_of(manifest).noun} {manifest.name} has no keys: it was made without a recipient"
        )
    key = f"{folder}/{manifest.keys.path}".removeprefix("/")
    body = await store.get(key)
    digests = {file.path: file.sha256 for file in manifest.files}
    if sha256(body).hexdigest() != digests.get(manifest.keys.path):
        raise Damaged([f"{key} differs from its digest in the manifest"])
    keys = opened(body, wanted.private, manifest.name)
    write_keys(wanted.keys_folder, keys)
    return {**keys, **there}


async def _restore_database(
    target: Installation, backups: Backups, manifest: Manifest, jobs: int
) -> None:
    with tempfile.TemporaryDirectory(prefix="plateward-restore-") as scratch:
        folder = Path(scratch) / DUMP
        folder.mkdir()
        for file in manifest.files:
            if file.path.startswith(f"{DUMP}/"):
                key = f"{FOLDER}/{manifest.name}/{file.path}"
                async with content_of(backups.store, key) as content:
                    if content.sha256 != file.sha256:
                        raise Damaged([f"{key} differs from its digest in the manifest"])
                    await asyncio.to_thread(content.copy_to, folder / Path(file.path).name)
        await asyncio.to_thread(restore, target.database, folder, manifest.postgres, jobs=jobs)


@dataclass(frozen=True)
class Loaded:
    """A database that was just loaded."""

    faults: list[str]
    """What differs from the manifest."""

    due: bool
    """Whether it has records that are past the schedule: the services are closed until a purge."""


async def loaded(target: Installation, manifest: Manifest, now: datetime) -> Loaded:
    """Compare a loaded database with the manifest, bring its tables up to this version, and close the services.

    Raises: Unavailable.
    """
    async with database_of(target.database, AUDIT) as db:
        faults = await _differences(db, manifest)
    await _migrate(target)
    due = Basis.of(target.policy.retention).due(now)
    closed = await _has_due(target, due)
    if closed:
        await _close(target, manifest, due, now)
    return Loaded(faults, closed)


async def proved(
    target: Installation,
    manifest: Manifest,
    wanted: Wanted,
    keys: Mapping[str, str],
    database: Loaded,
    record: Record = record_restore,
) -> Restored:
    """Verify the log of a loaded database, record what was done, and open the way for the services.

    `record` stores what was done as the log's next entry; default: the restore of a backup. Raises: Unavailable.
    """
    mac_key, faults = mac_key_of(keys), [*database.faults]
    async with database_of(target.database, AUDIT, pool_size=2, mac_key=mac_key) as db:
        report, continuity = await _verified(db, target, manifest, wanted)
        if not report.ok:
            faults += [f"audit log: {fault.what}" for fault in report.faults]
        if continuity is not None and continuity.forks:
            faults.append(continuity.words)
        async with db.begin() as connection:
            back = BroughtBack(
                backed_up_log(manifest),
                wanted.actor,
                wanted.now,
                wanted.reason,
                witnessed_entries=None if continuity is None else continuity.witnessed,
                agrees_to=None if continuity is None else continuity.agrees_to,
            )
            await record(connection, AUDIT, back)
        async with db.connect() as connection:
            await (await driver_of(connection)).execute("ANALYZE", timeout=LONGEST_S)
    rewound: Mapping[str, Mapping[str, int]] = {}
    if target.kafka is not None:
        try:
            rewound = await rewind(target.kafka, manifest.offsets)
        except Unavailable as exc:
            faults.append(f"{exc.detail}; then run `plateward rewind-consumers`")
    return Restored(manifest, report, continuity, database.due, rewound, faults)


def mac_key_of(keys: Mapping[str, str]) -> MacKey:
    """Return the MAC key of audit, which records backups and restores. Raises: InternalFault without it."""
    key = keys.get(f"{AUDIT.upper()}__EVENT_MAC_KEY")
    if key is None:
        raise InternalFault(
            "the keys of the installation are needed: give the offline half with --private-key, or set the keys in "
            "the environment"
        )
    return MacKey(AUDIT, b64decode(key))


async def _differences(db: Database, manifest: Manifest) -> list[str]:
    """Compare counts, versions of the tables and the log's root with the manifest."""
    async with db.begin() as connection:
        driver = await driver_of(connection)
        rows, migrations = await rows_of(driver), await migrations_of(driver)
        log = Log(connection)
        size = await log.size()
        root = b64encode(await log.root(size)).decode()
    noun = form_of(manifest).noun
    found = [
        f"{table} has {rows.get(table, 0)} rows, and the {noun} {manifest.rows.get(table, 0)}"
        for table in sorted({*rows, *manifest.rows})
        if rows.get(table, 0) != manifest.rows.get(table, 0)
    ]
    if migrations != dict(manifest.schemas):
        found.append(f"the versions of the tables differ from the {noun}'s")
    if (size, root) != (manifest.log.entries, manifest.log.root):
        found.append(f"the audit log has {size} entries and another root than the {noun}")
    return found


async def _verified(
    db: Database, target: Installation, manifest: Manifest, wanted: Wanted
) -> tuple[LogReport, Continuity | None]:
    cadence = LogSettings.model_fields
    async with db.begin() as connection:
        report = await verify_stored(
            connection,
            manifest.log.origin,
            wanted.keys,
            cadence=Cadence(
                cadence["audit_checkpoint_entries"].default, cadence["audit_checkpoint_s"].default
            ),
            now=manifest.made_at,
            link=target.database,
            # The manifest is signed by the log's key, and `_differences` compares its root.
            young=manifest.log.checkpoint is None,
        )
    async with db.begin() as connection:
        continuity = await continuity_of(
            Log(connection), KeyChanges(connection), wanted.keys, wanted.witnesses
        )
    return report, continuity


async def _migrate(target: Installation) -> None:
    """Bring the tables up to this version, for a backup of an older one."""
    for schema in SCHEMAS:
        async with database_of(target.database, schema) as db:
            await db.migrate(SPECS[schema].migrations)


async def _has_due(target: Installation, due: datetime) -> bool:
    """Return whether records are past the schedule, which a purge may have destroyed after the backup."""
    async with database_of(target.database, "retention") as db, db.begin() as connection:
        for month in await Partitions(connection).months():
            if month.start < due:
                window = await Destruction(connection).window(month.start, min(month.end, due), 1)
                if window.rows:
                    return True
        # The month of a record that a hold kept is gone; once the hold is released, the next purge destroys it.
        return await Destruction(connection).held_past_schedule(due) > 0


async def _close(target: Installation, manifest: Manifest, due: datetime, now: datetime) -> None:
    """Have each service with copies of sightings show none until it has followed a purge."""
    made = Restore(uuid4(), manifest.name, now, due)
    for schema in WITH_SIGHTINGS:
        async with database_of(target.database, schema) as db, db.begin() as connection:
            await Restores(connection).add(made)


def backed_up_log(manifest: Manifest) -> BackedUpLog:
    """Return the log in a backup, as the log's entries name it."""
    log = manifest.log
    return BackedUpLog(manifest.name, manifest.made_at, log.origin, log.entries, log.root)
