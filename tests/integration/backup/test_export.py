"""An export has everything in open formats, signed; an import elsewhere is proved to be the same."""

import asyncio
import gzip
import json
import stat
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import asyncpg
import msgspec
import pytest

from local.backup.database import rows_of
from local.backup.manifest import EXPORT, signer_of
from local.backup.restoring import Damaged
from local.export.importing import import_all, verified, verify
from local.export.layout import ExportFolder
from local.export.tables import Query, described, load_rows, run_structure, write_rows
from shared.core.errors import InternalFault
from shared.core.signed_notes import Signer
from shared.postgres.database import Database, driver_of
from tests.integration.backup.exporting import export, imported
from tests.integration.backup.installing import (
    KEYS,
    SEED,
    VKEY,
    Place,
    append,
    contents,
    last_kind,
    root_of,
    unpublished,
)

WHO = ["--person-id", "operator", "--name", "Casey Operator", "--title", "Contractor"]
pytestmark = pytest.mark.clause("wall/export")


@pytest.fixture
def folder(place: Place):
    """The folder of an export."""
    made = place.folder / "export"
    made.mkdir()
    return made


async def rows(link):
    """Return the digest of the sorted rows of each table."""
    db = Database(link, "audit", pool_size=1)
    found = {}
    async with db.begin() as connection:
        driver = await driver_of(connection)
        for table in await rows_of(driver):
            lines = await driver.fetch(Query.of_table(table).sql)
            # A line end between the parts of a JSON value becomes a space.
            found[table] = sorted(line[0].replace("\n", " ") for line in lines)
    await db.close()
    return found


def number(entry: str) -> int:
    """Return the number of an entry of the log."""
    return int(entry.removeprefix('{"seq":').partition(",")[0])


async def test_an_import_elsewhere_has_the_rows_log_objects_and_keys_of_one_moment(place, folder):
    await place.fill()
    await fill_tables(place.live.database)
    writing = asyncio.create_task(write_on(place))
    made = await export(place, folder)
    writing.cancel()
    manifest = made.manifest
    before = await rows(place.live.database)
    read_back, faults = await verify(ExportFolder(folder), [VKEY])
    assert (read_back.log, read_back.rows, faults) == (manifest.log, manifest.rows, [])
    with place.elsewhere() as target:
        done = await imported(place, target, folder)
        assert done.faults == []
        assert done.report.ok
        root = await root_of(target.database, manifest.log.entries)
        assert root == await root_of(place.live.database, manifest.log.entries)
        assert b64encode(root).decode() == manifest.log.root
        assert await contents(target.objects) == await contents(place.live.objects)
        assert await last_kind(target.database) == "export.imported"
        after = await rows(target.database)
        growing = {"audit.entries", "audit.nodes", "audit.outbox"}
        assert {t: r for t, r in after.items() if t not in growing} == {
            t: r for t, r in before.items() if t not in growing
        }
        exported = [row for row in after["audit.entries"] if number(row) < manifest.log.entries]
        assert set(exported) <= set(before["audit.entries"])
        assert len(exported) == manifest.log.entries == len(after["audit.entries"]) - 1
        # Whatever is stored next goes on after the numbers of the export.
        assert await next_number(target.database) == 42 + 1
    restored = place.folder / "restored" / "keys"
    keys = {path.name.upper(): path.read_text() for path in restored.iterdir()}
    assert keys == {**KEYS, "RETENTION_SIGNING_KEY": PRIVATE}


PRIVATE = "-----BEGIN PRIVATE KEY-----"


async def fill_tables(link):
    """Store rows that other tables refer to, computed columns, numbers that are drawn, and a secret."""
    connection = await asyncpg.connect(link.dsn)
    await connection.execute(
        "INSERT INTO retention.plates (plate_id, plate, grams) VALUES (1, '7OLD001', '{1,2}');"
        "SELECT retention.make_month('2026-06-01');"
        "INSERT INTO retention.reads (captured_at, received_at, plate_id, confidence, latitude, longitude, read_id,"
        " device_id, heading_deg, agency_ori, plate_as_read, source, model, details) VALUES"
        " ('2026-06-03 04:05:06.789012Z', now(), 1, 0.1::float8 + 0.2, 37.3, -121.9, gen_random_uuid(),"
        " gen_random_uuid(), 0.1, 'CA0520100', '7O\"L\\D', 'edge', 'm', E'{\"a\":\n1}');"
        "INSERT INTO retention.held_reads (captured_at, received_at, plate_id, confidence, read_id, device_id,"
        " agency_ori, plate_as_read, source, model, details) VALUES ('2026-06-02Z', now(), 1, 0.5, gen_random_uuid(),"
        " gen_random_uuid(), 'CA0520100', '7OLD001', 'edge', 'm', '{}');"
        "INSERT INTO retention.signing_keys VALUES ('k', 'public', '" + PRIVATE + "', now());"
        "INSERT INTO retention.signing_keys VALUES ('l', 'public', NULL, now());"
        "INSERT INTO retention.key_changes (number, old_key_id, new_key_id, changed_at, statement)"
        " OVERRIDING SYSTEM VALUE VALUES (42, 'k', 'l', now(), '{}');"
        "SELECT setval(pg_get_serial_sequence('retention.key_changes', 'number'), 42)"
    )
    await connection.close()


async def next_number(link):
    connection = await asyncpg.connect(link.dsn)
    found = await connection.fetchval(
        "SELECT nextval(pg_get_serial_sequence('retention.key_changes', 'number'))"
    )
    await connection.close()
    return found


async def write_on(place):
    """Append to the log until cancelled, as a running service does."""
    while True:
        await append(place.live.database, 1, signed=False)


async def test_an_export_is_read_without_plateward_as_json_geojson_and_files(place, folder):
    await place.fill(entries=5, objects=2)
    await fill_tables(place.live.database)
    await set_timezone(place.live.database, "America/Los_Angeles")
    await export(place, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for file in manifest["files"]:
        assert sha256((folder / file["path"]).read_bytes()).hexdigest() == file["sha256"]
    tables = json.loads((folder / "structure" / "tables.json").read_text())["tables"]
    for table in tables:
        lines = read(folder / table["file"])
        assert len(lines) == manifest["rows"][table["table"]]
        names = {column["name"] for column in table["columns"]}
        assert all(set(line) == names for line in lines)
    feature, held = read(folder / "records" / "reads.geojsonl.gz")
    assert (held["geometry"], held["properties"]["held"]) == (None, True)
    assert (held["properties"]["plate"], feature["properties"]["held"]) == ("7OLD001", False)
    assert feature["geometry"] == {"type": "Point", "coordinates": [-121.9, 37.3]}
    assert feature["properties"]["plate"] == "7OLD001"
    assert feature["properties"]["captured_at"] == "2026-06-03T04:05:06.789012+00:00"
    assert len(read(folder / "objects.jsonl.gz")) == 2
    for line in read(folder / "objects.jsonl.gz"):
        body = (folder / "objects" / line["sha256"][:2] / line["sha256"]).read_bytes()
        assert sha256(body).hexdigest() == line["sha256"]
    assert (folder / "policy.toml").read_bytes() == b"policy"
    assert json.loads((folder / "keys" / "public.json").read_text())["audit_log"] == [VKEY.vkey]
    everything = b"".join(
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    )
    assert PRIVATE.encode() not in everything
    assert not any(secret.encode() in everything for secret in KEYS.values())


async def set_timezone(link, name):
    """Have a database write times as at another place, unless it is asked for UTC."""
    connection = await asyncpg.connect(link.dsn)
    await connection.execute(f"ALTER DATABASE {link.url.database} SET timezone = '{name}'")
    await connection.close()


def read(path):
    """Return the lines of JSON in a gzip file."""
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


async def test_the_log_has_who_exports_and_why_before_the_first_file(place, folder):
    await place.fill(entries=1, objects=0)
    made = await export(place, folder)
    log = [json.loads(line) for line in (folder / "audit-log.jsonl").read_text().splitlines()]
    last = log[-2]
    assert last["seq"] == made.manifest.log.entries - 1 == 1
    for words in ("export.begun", "Casey Operator", "end of use", place.recipient):
        assert words in last["entry"]
    [event] = await unpublished(place.live.database, "alpr.export.made")
    assert event["manifest_sha256"] == sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert (event["rows"], event["objects"]) == (sum(made.manifest.rows.values()), 0)
    without = {name: key for name, key in KEYS.items() if name != "AUDIT__EVENT_MAC_KEY"}
    other = place.folder / "other"
    other.mkdir()
    place.live = replace(place.live, keys=without)
    with pytest.raises(InternalFault):
        await export(place, other)
    assert list(other.iterdir()) == []


async def test_a_changed_missing_or_added_file_is_named_and_nothing_is_imported(place, folder):
    await place.fill(objects=1)
    await export(place, folder)
    signed = {"manifest.json", "manifest.note"}
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in signed]
    assert len(files) > 100
    for path in files:
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        _, faults = await verify(ExportFolder(folder), [VKEY])
        assert any(path.name in fault and "differs" in fault for fault in faults), path
        path.write_bytes(whole)
    with place.elsewhere() as target:
        [table] = [path for path in files if path.name == "audit.entries.ndjson.gz"]
        whole = table.read_bytes()
        table.unlink()
        with pytest.raises(Damaged, match=r"audit\.entries\.ndjson\.gz is missing"):
            await imported(place, target, folder)
        table.write_bytes(whole)
        (folder / "tables" / "more").write_bytes(b"")
        with pytest.raises(Damaged, match="more is in no list"):
            await imported(place, target, folder)
        (folder / "tables" / "more").unlink()
        note = folder / "manifest.note"
        note.rename(folder / "note")
        with pytest.raises(InternalFault, match="no whole export"):
            await imported(place, target, folder)
        (folder / "note").rename(note)
        assert await tables_in(target.database) == 0
        assert await contents(target.objects) == {}
        assert not (await imported(place, target, folder)).faults


async def test_a_file_that_changes_while_it_is_imported_is_refused(place, folder):
    await place.fill(objects=0)
    await export(place, folder)
    with place.elsewhere() as target:
        wanted, there = place.wanted(target, (), datetime.now(UTC)), ExportFolder(folder)
        manifest = await verified(there, wanted.keys, wanted.now)
        table = folder / "tables" / "audit.entries.ndjson.gz"
        table.write_bytes(gzip.compress(b""))
        with pytest.raises(Damaged, match=r"audit\.entries\.ndjson\.gz differs from its digest"):
            await import_all(target, there, manifest, wanted)


async def tables_in(link):
    connection = await asyncpg.connect(link.dsn)
    found = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'audit'")
    await connection.close()
    return found


async def test_a_manifest_of_another_key_or_of_a_backup_is_refused(place, folder):
    await place.fill(objects=0)
    await export(place, folder)
    other = Signer(VKEY.name, bytes(32)).verifier
    with pytest.raises(InternalFault, match="none of the given keys signed it"):
        await verify(ExportFolder(folder), [other])
    manifest = (await place.back_up()).manifest
    backup = place.folder / "backups" / "backups" / manifest.name
    with pytest.raises(InternalFault, match="none of the given keys signed it"):
        await verify(ExportFolder(backup), [VKEY])


async def test_what_an_export_has_otherwise_than_its_manifest_is_named(place, folder):
    await place.fill(objects=0)
    made = (await export(place, folder)).manifest
    there, signer = ExportFolder(folder), signer_of(VKEY.name, SEED, EXPORT)
    root = b64encode(bytes(32)).decode()
    other = msgspec.structs.replace(
        made,
        rows={**made.rows, "audit.entries": 7},
        log=msgspec.structs.replace(made.log, root=root),
    )
    await there.finish(other, signer)
    _, faults = await verify(there, [VKEY])
    assert faults == [
        "tables/audit.entries.ndjson.gz has 6 rows, and the manifest 7",
        "audit-log.jsonl has 6 entries and another root than the manifest",
    ]
    log = (folder / "audit-log.jsonl").read_bytes()
    (folder / "audit-log.jsonl").unlink()
    file = await there.add("audit-log.jsonl", log.replace(b"Casey Operator", b"Casey 0perator"))
    files = [file if one.path == file.path else one for one in made.files]
    await there.finish(msgspec.structs.replace(made, files=files), signer)
    _, faults = await verify(there, [VKEY])
    assert "audit log: entry 5: its chain hash is wrong" in faults


async def test_an_import_overwrites_nothing(place, folder):
    await place.fill(objects=1)
    await export(place, folder)
    with pytest.raises(InternalFault, match="the database is not empty"):
        await imported(place, place.live, folder)
    with place.elsewhere() as target:
        await target.objects.put("captures/d1/2026-06-01/one", b"one")
        with pytest.raises(InternalFault, match="the object store is not empty"):
            await imported(place, target, folder)
    with pytest.raises(InternalFault, match="name a new or empty folder"):
        await export(place, folder)


async def test_an_export_ends_by_the_policy(place, folder):
    await place.fill(objects=0)
    made = await export(place, folder)
    days = place.live.policy.retention.backups_days
    assert made.manifest.ends_at == made.manifest.made_at + timedelta(days=days)
    with place.elsewhere() as target:
        with pytest.raises(InternalFault, match="--ended"):
            await imported(place, target, folder, now=made.manifest.ends_at)
        done = await imported(place, target, folder, now=made.manifest.ends_at, ended=True)
        assert done.faults == []


async def test_every_kind_of_value_comes_back_exactly(place, tmp_path):
    connection = await asyncpg.connect(place.live.database.dsn)
    await connection.execute(
        "CREATE TABLE audit.odd (id bigint GENERATED ALWAYS AS IDENTITY, b bytea, t timestamptz, r real, f float8,"
        " n numeric, j json, jb jsonb NOT NULL, a text[], s text, d date, o boolean, twice bigint GENERATED ALWAYS AS (id * 2)"
        " STORED, i inet, x int4range);"
        "INSERT INTO audit.odd (b, t, r, f, n, j, jb, a, s, d, o, i, x) VALUES"
        " ('\\x00ff5c0a', '2026-06-01 00:00:00.000001+02', 0.1, 'NaN', 123456789012345678901234567890.10,"
        " E'{\"k\": \"\\\\n\"}', '{\"z\": 1.10}', ARRAY['a,\"b', NULL, ''], E'line\nquote\" back\\\\ tab\\t \u20ac',"
        " 'infinity', NULL, '10.0.0.1/8', '[1,5)'),"
        " (NULL, '-infinity', '-0', 1e-300, NULL, NULL, 'null', '{}', '', NULL, true, NULL, 'empty')"
    )
    query = Query.of_table("audit.odd")
    before = await connection.fetch("SELECT odd.*::text FROM audit.odd")
    path = tmp_path / "rows"
    async with connection.transaction():
        assert await write_rows(connection, query, path) == 2
    snapshot = type("Of", (), {"driver": connection})
    [table] = (await described(snapshot, {"audit.odd": "rows"})).tables
    await connection.execute("TRUNCATE audit.odd")
    assert await load_rows(connection, table, path) == 2
    assert await connection.fetch("SELECT odd.*::text FROM audit.odd") == before
    path.write_bytes(gzip.compress(b'{"id": "no number"}\n'))
    with pytest.raises(InternalFault, match=r"has a line that is no row of audit\.odd"):
        await load_rows(connection, table, path)
    await connection.close()


def test_an_error_of_a_client_of_postgres_is_repeated_without_the_row(place, tmp_path):
    path = tmp_path / "structure"
    path.write_text(
        "CREATE TABLE audit.one (plate text PRIMARY KEY);\n"
        "INSERT INTO audit.one VALUES ('7ABC123'), ('7ABC123');\n"
    )
    with pytest.raises(InternalFault, match="duplicate key") as fault:
        run_structure(place.live.database, path, 17)
    assert "7ABC123" not in str(fault.value)


def test_an_operator_exports_verifies_and_imports(place, run, as_live, monkeypatch):
    asyncio.run(place.fill())
    to, key = str(place.folder / "export"), str(place.folder / "offline.key")
    _, made = run("backup-key", key)
    code, refused = run("export", to, *WHO, "--reason", "end of use")
    assert code == 2
    assert "--recipient" in refused["errors"][0]
    recipient = ["--recipient", made["BACKUP_RECIPIENT"], "--without-kafka"]
    code, export = run("export", to, *recipient, *WHO, "--reason", "end of use")
    assert stat.S_IMODE((place.folder / "export").stat().st_mode) == 0o700
    assert (export["objects"], export["entries"], export["vkey"]) == (3, 6, VKEY.vkey)
    assert code == 1  # it says which keys it did not seal
    assert "IDENTITY_KEY_ENCRYPTION_KEY" in export["missing_keys"]
    found = {
        "export": export["export"],
        "ok": True,
        "entries": 6,
        "root": export["root"],
        "faults": [],
    }
    assert run("verify-export", to, "--vkey", VKEY.vkey) == (0, found)
    words = ["import", to, "--vkey", VKEY.vkey, "--private-key", key]
    words += ["--keys-to", str(place.folder / "new"), *WHO, "--reason", "new machines"]
    code, refused = run(*words)
    assert code == 2
    assert "the database is not empty" in refused["errors"][0]
    with place.elsewhere() as target:
        monkeypatch.setenv("DATABASE_OWNER_URL", target.database.dsn)
        monkeypatch.setenv("OBJECT_STORE_URL", (place.folder / "restored" / "objects").as_uri())
        code, imported = run(*words)
        assert (code, imported["ok"], imported["faults"]) == (0, True, [])
        assert (imported["export"], imported["root"]) == (export["export"], export["root"])
    path = place.folder / "export" / "policy.toml"
    path.write_bytes(path.read_bytes() + b"\n")
    code, answer = run("verify-export", to, "--vkey", VKEY.vkey)
    assert code == 1
    assert answer["faults"] == ["policy.toml differs from its digest in the manifest"]
    code, refused = run("verify-export", str(place.folder / "none"), "--vkey", VKEY.vkey)
    assert code == 2
    assert "name the folder of an export" in refused["errors"][0]
