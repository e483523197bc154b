"""Imports an export into an empty database and object store, and proves that all of it is there.

Order: every digest and the audit log are verified before the first row is stored; then structure, rows, keys, indexes,
counts and the wait for a purge; then the objects, the whole log and its continuity, and the entry `export.imported`, as
a restore has them (local/backup/restoring.py).
"""

import asyncio
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from local.backup import objects as pool
from local.backup.database import check_empty
from local.backup.installation import Installation
from local.backup.manifest import Manifest
from local.backup.objects import content_of
from local.backup.restoring import (
    AUDIT,
    Damaged,
    Restored,
    Wanted,
    loaded,
    opened_keys,
    proved,
)
from local.export import layout
from local.export.layout import ExportFolder
from local.export.tables import (
    Tables,
    check_described,
    count_lines,
    load_rows,
    run_structure,
    set_sequences,
)
from services.audit.actions.department_exports import record_imported
from services.audit.actions.verify import lines_of, verify_export
from services.audit.domain.recount import LogReport
from shared.core.errors import InternalFault
from shared.core.signed_notes import Verifier
from shared.postgres.database import database_of, driver_of


async def verify(export: ExportFolder, keys: Sequence[Verifier]) -> tuple[Manifest, list[str]]:
    """Compare everything in an export with its signed manifest, offline; return what differs.

    That is each file with its digest, each table's rows with their number, and the recomputed audit log with its root
    and the log's public keys. Raises: InternalFault without a signed manifest; Unavailable.
    """
    manifest = await export.manifest(keys)
    if faults := await export.faults(manifest):
        return manifest, faults
    for table, rows in manifest.rows.items():
        found = await asyncio.to_thread(count_lines, export.folder / layout.rows_file(table))
        if found != rows:
            faults.append(f"{layout.rows_file(table)} has {found} rows, and the manifest {rows}")
    report = await asyncio.to_thread(_recomputed, export.folder / layout.AUDIT_LOG, keys)
    faults += [f"audit log: {fault.what}" for fault in report.faults]
    if (report.entries, b64encode(report.root).decode()) != (
        manifest.log.entries,
        manifest.log.root,
    ):
        faults.append(
            f"{layout.AUDIT_LOG} has {report.entries} entries and another root than the manifest"
        )
    return manifest, faults


def _recomputed(path: Path, keys: Sequence[Verifier]) -> LogReport:
    with path.open("rb") as file:
        return verify_export(lines_of(file), keys)


async def verified(
    export: ExportFolder, keys: Sequence[Verifier], now: datetime, *, ended: bool = False
) -> Manifest:
    """Return the manifest of an export that may be imported, once all of it is verified.

    Args:
        ended: whether it may have ended by the policy.

    Raises: Damaged for a changed or missing file; InternalFault, Unavailable.
    """
    manifest = await export.manifest(keys)
    if manifest.ends_at <= now and not ended:
        raise InternalFault(
            f"export {manifest.name} ended on {manifest.ends_at:%Y-%m-%d} by the policy; --ended imports it all the "
            "same, and the purge that follows destroys what is past the schedule"
        )
    _, faults = await verify(export, keys)
    if faults:
        raise Damaged(faults)
    return manifest


async def import_all(
    target: Installation, export: ExportFolder, manifest: Manifest, wanted: Wanted
) -> Restored:
    """Import a verified export. Raises: Damaged for a file that changed since; InternalFault, Unavailable.

    An import that failed halfway leaves a database and objects that are to be dropped.
    """
    await check_empty(target.database, manifest.roles)
    await pool.check_empty(target.objects)
    keys = await opened_keys(export.store, "", manifest, target.keys, wanted)
    await _import_database(target, export, manifest)
    database = await loaded(target, manifest, wanted.now)
    await pool.put_back(export.store, target.objects, await export.object_lines(manifest))
    return await proved(target, manifest, wanted, keys, database, record_imported)


async def _import_database(target: Installation, export: ExportFolder, manifest: Manifest) -> None:
    with tempfile.TemporaryDirectory(prefix="plateward-import-") as scratch:
        folder = _Verified(export, manifest, Path(scratch))
        tables = msgspec.json.decode((await folder.file(layout.TABLES)).read_bytes(), type=Tables)
        before, after = await folder.file(layout.BEFORE), await folder.file(layout.AFTER)
        await asyncio.to_thread(run_structure, target.database, before, manifest.postgres)
        async with database_of(target.database, AUDIT) as db, db.connect() as connection:
            driver = await driver_of(connection)
            await check_described(driver, tables)
            for table in tables.tables:
                rows = await folder.file(table.file)
                await load_rows(driver, table, rows)
                rows.unlink()
            await set_sequences(driver, tables)
        await asyncio.to_thread(run_structure, target.database, after, manifest.postgres)


class _Verified:
    """Copies files of an export, and refuses one that changed since all were verified."""

    def __init__(self, export: ExportFolder, manifest: Manifest, scratch: Path) -> None:
        self._export = export
        self._digests = {file.path: file.sha256 for file in manifest.files}
        self._scratch = scratch

    async def file(self, name: str) -> Path:
        """Return a copy of a file. Raises: Damaged, Unavailable."""
        if name not in self._digests:
            raise Damaged([f"{name} is not in the manifest"])
        path = self._scratch / name.replace("/", "-")
        async with content_of(self._export.store, name) as content:
            if content.sha256 != self._digests[name]:
                raise Damaged([f"{name} differs from its digest in the manifest"])
            await asyncio.to_thread(content.copy_to, path)
        return path
