"""Makes an export: who and why first, then everything as of one snapshot, the signed manifest last.

Before the snapshot it waits, as a backup does, until the services have processed what Kafka has acknowledged.
"""

import asyncio
import tempfile
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy import text

from local.backup.database import Snapshot, snapshot_of
from local.backup.installation import NEEDED, Installation
from local.backup.making import log_state, seed_of, waited
from local.backup.manifest import (
    EXPORT,
    KeysState,
    LogState,
    Manifest,
    ObjectsState,
    StoredFile,
    signer_of,
)
from local.backup.objects import Copier
from local.backup.offsets import committed
from local.backup.recipient import sealed
from local.backup.repository import list_file, name_of
from local.backup.restoring import AUDIT, backed_up_log, mac_key_of
from local.backup.waiting import WAIT_S, Waiting
from local.export import layout
from local.export.layout import ExportFolder
from local.export.public_keys import public_keys, stored_secrets
from local.export.readable import READS, readme
from local.export.tables import Query, described, names_of, write_rows, write_structure
from services.audit.actions.checkpointing import Checkpointer
from services.audit.actions.department_exports import record_begun, record_made
from services.audit.actions.export import lines
from services.audit.settings import origin_of
from shared.core.merkle import Span
from shared.core.signed_notes import Signer
from shared.events import Actor
from shared.postgres.database import database_of

NEXT_SIGNING_KEY = "AUDIT_NEXT_SIGNING_KEY"


@dataclass(frozen=True)
class Wanted:
    """How an export is made, by whom and why."""

    audit_origin: str
    recipient: str | None
    """The public half to which keys are sealed; None for an export without keys."""

    actor: Actor
    reason: str
    policy: bytes
    """The policy's file."""

    now: Callable[[], datetime]
    wait_s: float = WAIT_S


@dataclass(frozen=True)
class Made:
    """A finished export."""

    manifest: Manifest
    manifest_sha256: str
    missing_keys: tuple[str, ...]
    """Settings with keys that this command does not know."""

    waiting: Waiting | None
    """What came of the wait for the services; None if Kafka is not known."""


async def make(source: Installation, export: ExportFolder, wanted: Wanted) -> Made:
    """Make an export. Raises: InternalFault, Unavailable; what it left is no export without its note."""
    export.check_empty()
    signer = Signer(origin_of(wanted.audit_origin), seed_of(source))
    mac_key = mac_key_of(source.keys)
    name = name_of(wanted.now())
    async with database_of(source.database, AUDIT, mac_key=mac_key) as db, db.begin() as begun:
        await record_begun(
            begun, AUDIT, wanted.actor, name,
            at=wanted.now(), reason=wanted.reason, keys_to=wanted.recipient,
        )  # fmt: skip
    waiting = await waited(source, wanted.wait_s)
    offsets = await committed(source.kafka)
    with tempfile.TemporaryDirectory(prefix="plateward-export-") as scratch:
        async with snapshot_of(source.database) as snapshot:
            written = _Written(export, snapshot, Path(scratch))
            await snapshot.connection.execute(text("SET LOCAL timezone = 'UTC'"))
            await written.structure(source)
            rows = await written.tables()
            log = await log_state(snapshot, signer.verifier)
            await written.audit_log(log, _signers(source, signer))
            roles, schemas = await snapshot.roles(), await snapshot.migrations()
            public = await public_keys(snapshot.connection, log.key)
            secrets = {**await stored_secrets(snapshot.connection), **source.keys}
    copier = Copier(source.objects, export.store, {}, set())
    objects = await copier.copy_all()
    files = written.files
    files += [
        await export.add(layout.OBJECTS, list_file(objects)),
        await export.add(layout.POLICY, wanted.policy),
        await export.add(layout.PUBLIC_KEYS, public),
        await export.add(layout.README, readme(name, log.key).encode()),
    ]
    sealed_keys = None
    if wanted.recipient is not None:
        body = sealed(secrets, wanted.recipient, name)
        files.append(await export.add(layout.KEYS, body))
        sealed_keys = KeysState(path=layout.KEYS, recipient=wanted.recipient, names=sorted(secrets))
    retention = source.policy.retention
    manifest = Manifest(
        format=EXPORT.text,
        name=name,
        made_at=snapshot.at,
        ends_at=snapshot.at + timedelta(days=retention.backups_days),
        department=source.policy.department.ori,
        policy_digest=source.policy.digest,
        schedule_days=retention.schedule_days,
        postgres=snapshot.major,
        roles=roles,
        schemas=schemas,
        rows=rows,
        log=log,
        files=files,
        objects=ObjectsState(
            count=len(objects),
            size_bytes=sum(one.size_bytes for one in objects),
            list=layout.OBJECTS,
        ),
        keys=sealed_keys,
        offsets=offsets,
        complete_to=None if waiting is None else waiting.complete_to,
        behind=() if waiting is None else waiting.behind,
    )
    digest = await export.finish(manifest, signer_of(signer.verifier.name, seed_of(source), EXPORT))
    async with database_of(source.database, AUDIT, mac_key=mac_key) as db, db.begin() as ended:
        await record_made(
            ended, AUDIT, wanted.actor, backed_up_log(manifest),
            at=wanted.now(), ends_at=manifest.ends_at, manifest_sha256=digest,
            rows=sum(rows.values()), objects=len(objects),
        )  # fmt: skip
    missing = tuple(sorted(NEEDED - secrets.keys())) if sealed_keys else ()
    return Made(manifest, digest, missing, waiting)


def _signers(source: Installation, signer: Signer) -> list[Signer]:
    """Return the signers of the log: its key, and the next one during a change of it."""
    further = source.keys.get(NEXT_SIGNING_KEY)
    name = signer.verifier.name
    return [signer, *([Signer(name, b64decode(further))] if further else [])]


class _Written:
    """Writes what an export takes from one snapshot of the database, by way of a scratch folder."""

    def __init__(self, export: ExportFolder, snapshot: Snapshot, scratch: Path) -> None:
        self._export = export
        self._snapshot = snapshot
        self._scratch = scratch
        self.files = list[StoredFile]()

    async def structure(self, source: Installation) -> None:
        """Write the tables' structure, as SQL and as JSON."""
        before, after = self._scratch / "before", self._scratch / "after"
        await asyncio.to_thread(write_structure, source.database, self._snapshot, before, after)
        await self._add(layout.BEFORE, before)
        await self._add(layout.AFTER, after)
        names = await names_of(self._snapshot)
        tables = await described(self._snapshot, {name: layout.rows_file(name) for name in names})
        body = msgspec.json.format(msgspec.json.encode(tables), indent=1)
        self.files.append(await self._export.add(layout.TABLES, body))

    async def tables(self) -> dict[str, int]:
        """Write the rows of each table, and the reads for people; return the numbers of rows by table."""
        counts = {}
        for name in await names_of(self._snapshot):
            counts[name] = await self._rows(Query.of_table(name), layout.rows_file(name))
        await self._rows(READS, layout.READS)
        return counts

    async def audit_log(self, log: LogState, signers: Sequence[Signer]) -> None:
        """Write the audit log in its own format, up to the snapshot's last entry."""
        connection = self._snapshot.connection
        note = await Checkpointer(signers, AUDIT).closing_for(connection, log.entries)
        path = self._scratch / "log"
        with path.open("wb") as file:
            async for piece in lines(connection, log.origin, Span(0, log.entries), note):
                file.write(piece)
        await self._add(layout.AUDIT_LOG, path)

    async def _rows(self, query: Query, name: str) -> int:
        path = self._scratch / "rows"
        count = await write_rows(self._snapshot.driver, query, path)
        await self._add(name, path)
        return count

    async def _add(self, name: str, path: Path) -> None:
        self.files.append(await self._export.add(name, path))
        await asyncio.to_thread(path.unlink)
