"""`plateward backup-key`, `backup`, `verify-backup` and `restore`, as an operator types them."""

import asyncio
import time
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256

import msgspec
import pytest

from local.backup import making
from local.backup.manifest import signer_of
from plateward.__main__ import status
from services.audit.actions.checkpointing import Checkpointer
from services.audit.store.log import Log
from shared.core.errors import Unavailable
from shared.core.problem_codes import Common
from shared.core.signed_notes import Signer
from shared.postgres.database import database_of
from shared.testing import mac_key
from tests.integration.backup.installing import (
    OPERATOR,
    SEED,
    SIGNER,
    VKEY,
    append,
    contents,
    last_kind,
    publish,
    unpublished,
)

WHO = ["--person-id", "operator", "--name", "Casey Operator", "--title", "Contractor"]


@pytest.mark.clause("wall/backup")
def test_a_backup_that_is_not_on_record_is_not_whole(place, run, as_live, monkeypatch):
    async def refused(*arguments, **given):
        raise Unavailable(Common.DATABASE_AWAY)

    asyncio.run(place.fill(objects=0))
    monkeypatch.setattr("local.backup.commands.record_backup", refused)
    code, _ = run(
        "backup", "--to", str(place.folder / "backups"), "--without-keys", "--without-kafka"
    )
    assert code == 2
    assert asyncio.run(place.backups.names()) == []


@pytest.mark.clause("wall/backup")
def test_an_operator_backs_up_verifies_and_restores(place, run, as_live, monkeypatch):
    asyncio.run(place.fill())
    to, key = str(place.folder / "backups"), str(place.folder / "offline.key")
    code, made = run("backup-key", key)
    assert code == 0
    code, refused = run("backup", "--to", to)
    assert code == 2
    assert "--recipient" in refused["errors"][0]
    abandoned = place.folder / "backups" / "backups" / "20260101T000000Z" / "database" / "toc.dat"
    abandoned.parent.mkdir(parents=True)
    abandoned.write_bytes(b"cut off")
    recipient = ["--recipient", made["BACKUP_RECIPIENT"], "--without-kafka"]
    code, backup = run("backup", "--to", to, *recipient)
    assert not abandoned.exists(), "each backup deletes what has ended"
    manifest = place.folder / "backups" / "backups" / backup["backup"] / "manifest.json"
    [event] = asyncio.run(unpublished(place.live.database, "alpr.backup.made"))
    assert (event["backup"], event["keys_to"]) == (backup["backup"], made["BACKUP_RECIPIENT"])
    assert event["manifest_sha256"] == sha256(manifest.read_bytes()).hexdigest()
    assert (event["entries"], event["root_hash"]) == (5, backup["root"])
    assert (backup["objects"], backup["entries"], backup["vkey"]) == (3, 5, VKEY.vkey)
    assert code == 1  # it says which keys it did not seal
    assert "IDENTITY_KEY_ENCRYPTION_KEY" in backup["missing_keys"]
    assert run("verify-backup", "--from", to, "--vkey", VKEY.vkey) == (
        0,
        {"backup": backup["backup"], "ok": True, "faults": []},
    )
    restore = ["restore", "--from", to, "--vkey", VKEY.vkey, "--private-key", key]
    restore += ["--keys-to", str(place.folder / "new"), *WHO, "--reason", "the disk failed"]
    code, refused = run(*restore)
    assert code == 2
    assert "the database is not empty" in refused["errors"][0]
    witness = place.folder / "witness"
    witness.write_text(asyncio.run(append(place.live.database, 2)))
    with place.elsewhere() as target:
        monkeypatch.setenv("DATABASE_OWNER_URL", target.database.dsn)
        monkeypatch.setenv("OBJECT_STORE_URL", (place.folder / "restored" / "objects").as_uri())
        code, restored = run(*restore, "--witness", str(witness))
        assert (code, restored["ok"], restored["faults"]) == (0, True, [])
        assert restored["root"] == backup["root"]
        assert restored["continuity"]["witnessed"] == 7
        assert restored["closed_until_purge"] is False


@pytest.mark.clause("468.5/restored")
def test_backups_from_before_the_logs_key_changed_end_too(place, run, as_live, monkeypatch):
    asyncio.run(place.fill(objects=0))
    backup = ["backup", "--to", str(place.folder / "backups"), "--without-keys", "--without-kafka"]
    code, first = run(*backup)
    assert code == 0
    asyncio.run(end_now(place, first["backup"]))
    asyncio.run(change_key(place.live.database))
    monkeypatch.setenv("AUDIT_SIGNING_KEY", b64encode(NEXT).decode())
    time.sleep(1)  # a backup is named by its second
    code, second = run(*backup)
    assert (code, second["ended"]) == (0, [first["backup"]])
    assert second["vkey"] != first["vkey"]
    where = ["--from", str(place.folder / "backups"), "--vkey", second["vkey"]]
    assert run("verify-backup", *where)[0] == 0


@pytest.mark.clause("468.5/restored")
def test_the_last_backup_stays_until_another_is_made_although_it_has_ended(
    place, run, as_live, monkeypatch
):
    async def full(*arguments, **given):
        raise Unavailable(Common.OBJECT_NOT_STORED)

    asyncio.run(place.fill(objects=0))
    backup = ["backup", "--to", str(place.folder / "backups"), "--without-keys", "--without-kafka"]
    _, first = run(*backup)
    asyncio.run(end_now(place, first["backup"]))
    with monkeypatch.context() as patched:
        patched.setattr("local.backup.making.make", full)
        assert run(*backup)[0] == 2
    assert asyncio.run(place.backups.names()) == [first["backup"]]
    time.sleep(1)  # a backup is named by its second
    assert run(*backup)[1]["ended"] == [first["backup"]]


@pytest.mark.clause("468.5/restored")
def test_backups_that_have_ended_go_before_the_next_so_that_a_full_place_gets_room(
    place, run, as_live, monkeypatch
):
    async def full(*arguments, **given):
        raise Unavailable(Common.OBJECT_NOT_STORED)

    asyncio.run(place.fill(objects=0))
    backup = ["backup", "--to", str(place.folder / "backups"), "--without-keys", "--without-kafka"]
    names = []
    for _ in range(2):
        names.append(run(*backup)[1]["backup"])
        time.sleep(1)  # a backup is named by its second
    asyncio.run(end_now(place, names[0]))
    monkeypatch.setattr("local.backup.making.make", full)
    assert run(*backup)[0] == 2
    assert asyncio.run(place.backups.names()) == names[1:]


@pytest.mark.clause("wall/backup")
def test_a_backup_beside_one_whose_manifest_is_damaged_is_made_and_says_that_none_ended(
    place, run, as_live
):
    asyncio.run(place.fill(objects=0))
    backup = ["backup", "--to", str(place.folder / "backups"), "--without-keys", "--without-kafka"]
    _, first = run(*backup)
    manifest = place.folder / "backups" / "backups" / first["backup"] / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-9])
    time.sleep(1)  # a backup is named by its second
    code, second = run(*backup)
    assert (code, second["whole"], second["ended"]) == (1, True, [])
    assert f"{first['backup']}/manifest.json is not what" in second["not_ended"]
    where = ["--from", str(place.folder / "backups"), "--vkey", VKEY.vkey]
    assert run("verify-backup", *where) == (
        0,
        {"backup": second["backup"], "ok": True, "faults": []},
    )


@pytest.mark.clause("wall/backup")
def test_a_second_backup_to_a_place_while_one_is_made_is_refused(place, run, as_live, monkeypatch):
    asyncio.run(place.fill(objects=0))
    make, to = making.make, place.folder / "backups"
    words = ["--without-keys", "--without-kafka"]
    other = []

    async def slowly(*arguments, **given):
        for where in (to, place.folder / "elsewhere"):
            monkeypatch.setattr(making, "make", make)
            other.append(await asyncio.to_thread(run, "backup", "--to", f"{where}/", *words))
        return await make(*arguments, **given)

    monkeypatch.setattr(making, "make", slowly)
    code, first = run("backup", "--to", str(to), *words)
    assert code == 0
    [(refused, answer), (another, _)] = other
    assert (refused, another) == (2, 0)
    assert "another backup to" in answer["errors"][0]
    assert asyncio.run(place.backups.names()) == [first["backup"]]


NEXT = bytes(range(1, 33))


async def end_now(place, name):
    """Have a backup's manifest say that it has ended."""
    manifest = await place.backups.manifest(name, [VKEY])
    ended = msgspec.structs.replace(manifest, ends_at=manifest.made_at)
    await place.backups.finish(ended, signer_of(VKEY.name, SEED))


async def change_key(link):
    """Change the log's key, as `plateward rotate-key audit` does."""
    async with (
        database_of(link, "audit", mac_key=mac_key("audit")) as db,
        db.begin() as connection,
    ):
        await Log(connection).lock()
        signers = [SIGNER, Signer(VKEY.name, NEXT)]
        at = datetime.now(UTC)
        await Checkpointer(signers, "audit").change_key(connection, OPERATOR, "yearly", at)


@pytest.mark.clause("wall/backup")
def test_a_damaged_backup_ends_with_1_and_names_the_file(place, run, as_live, monkeypatch):
    asyncio.run(place.fill(objects=1))
    to = str(place.folder / "backups")
    assert run("backup", "--to", to, "--without-keys", "--without-kafka")[0] == 0
    [pooled] = [path for path in place.files() if path.parent.parent.name == "objects"]
    pooled.write_bytes(b"other")
    code, answer = run("verify-backup", "--from", to, "--vkey", VKEY.vkey)
    assert code == 1
    [fault] = answer["faults"]
    assert pooled.name in fault
    with place.elsewhere() as target:
        monkeypatch.setenv("DATABASE_OWNER_URL", target.database.dsn)
        monkeypatch.setenv("OBJECT_STORE_URL", (place.folder / "restored" / "objects").as_uri())
        where = ["--from", to, "--vkey", VKEY.vkey]
        code, answer = run("restore", *where, *WHO, "--reason", "the disk failed")
    assert (code, answer) == (1, {"ok": False, "faults": [fault]})


@pytest.mark.clause("wall/backup")
def test_one_damaged_picture_does_not_keep_everything_else_from_being_restored(
    place, run, as_live, monkeypatch
):
    asyncio.run(place.fill(objects=3))
    to = str(place.folder / "backups")
    assert run("backup", "--to", to, "--without-keys", "--without-kafka")[0] == 0
    pooled = [path for path in place.files() if path.parent.parent.name == "objects"]
    pooled[0].write_bytes(b"other")
    pooled[1].unlink()
    restore = ["restore", "--from", to, "--vkey", VKEY.vkey, *WHO, "--reason", "the disk failed"]
    restore.append("--without-damaged")
    with place.elsewhere() as target:
        monkeypatch.setenv("DATABASE_OWNER_URL", target.database.dsn)
        monkeypatch.setenv("OBJECT_STORE_URL", (place.folder / "restored" / "objects").as_uri())
        code, answer = run(*restore)
        assert (code, answer["ok"], len(answer["faults"])) == (1, False, 3)
        assert pooled[0].name in answer["faults"][0] + answer["faults"][1]
        assert pooled[1].name in answer["faults"][0] + answer["faults"][1]
        assert answer["faults"][2] == "2 objects with these contents are left out"
        assert len(asyncio.run(contents(target.objects))) == 1
        assert asyncio.run(last_kind(target.database)) == "backup.restored"
        code, answer = run(*restore, "--objects-only")
        assert (code, answer["objects"], len(answer["faults"])) == (1, 0, 3)
    [toc] = [path for path in place.files() if path.name == "toc.dat"]
    toc.write_bytes(b"other")
    with place.elsewhere() as target:
        monkeypatch.setenv("DATABASE_OWNER_URL", target.database.dsn)
        monkeypatch.setenv("OBJECT_STORE_URL", (place.folder / "again" / "objects").as_uri())
        code, answer = run(*restore)
        assert (code, len(answer["faults"])) == (1, 3)
        assert "toc.dat" in answer["faults"][0]
        assert run(*restore)[1] == answer, "nothing was restored"


@pytest.mark.clause("wall/backup")
def test_a_damaged_content_that_is_deleted_is_copied_anew(place, run, as_live):
    """As docs/operations/backup-and-restore.md says."""
    asyncio.run(place.fill(objects=1))
    to = str(place.folder / "backups")
    backup = ["backup", "--to", to, "--without-keys", "--without-kafka"]
    run(*backup)
    [pooled] = [path for path in place.files() if path.parent.parent.name == "objects"]
    pooled.write_bytes(b"other")
    time.sleep(1)  # a backup is named by its second
    assert run(*backup)[1]["new_objects"] == 0
    pooled.unlink()
    time.sleep(1)
    assert run(*backup)[1]["new_objects"] == 1
    assert run("verify-backup", "--from", to, "--vkey", VKEY.vkey)[0] == 0


def test_a_backup_that_lacks_what_kafka_has_ends_with_1_and_says_so(
    place, run, as_live, broker, monkeypatch, capsys
):
    asyncio.run(place.fill(objects=0))
    asyncio.run(publish(broker.bootstrap, "alpr.read.recorded/0", 2))
    to = str(place.folder / "backups")
    backup = ["backup", "--to", to, "--without-keys"]
    code, unknown = run(*backup)
    assert (code, unknown["whole"], unknown["complete_to"]) == (1, False, None)
    monkeypatch.setenv("KAFKA_BOOTSTRAP", broker.bootstrap)
    time.sleep(1)  # a backup is named by its second
    assert status([*backup, "--wait-s", "0"]) == 1
    said = capsys.readouterr().out
    assert "NOT WHOLE    hotlist had not processed 2 records of alpr.read.recorded" in said
    code, _ = run("verify-backup", "--from", to, "--vkey", VKEY.vkey)
    assert code == 0, "it is undamaged"
