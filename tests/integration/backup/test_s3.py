"""A backup in a bucket of another S3 server than the objects', with keys of its own: the server is a real one."""

import asyncio
import os
from dataclasses import replace
from datetime import timedelta

import pytest

from deploy.objects.gateway import REGION, ROOT, Gateway
from local.backup.repository import Backups, store_at
from shared.core.errors import Unavailable
from shared.objects.opening import open_store
from shared.objects.setup import Server
from tests.integration.backup.installing import VKEY

pytestmark = [pytest.mark.enable_socket, pytest.mark.s3]

WHO = ["--person-id", "operator", "--name", "Casey Operator", "--title", "Contractor"]
PLACE = "s3://backups-elsewhere/plateward"
LARGE = os.urandom(12_000_000)
"""Is uploaded in parts."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """The department's S3 server, and that of its backups, each with an empty bucket."""
    with (
        Gateway(tmp_path_factory.mktemp("own")) as own,
        Gateway(tmp_path_factory.mktemp("elsewhere")) as elsewhere,
    ):
        for server, buckets in ((own, ["plateward", "restored"]), (elsewhere, [bucket_of(PLACE)])):
            for bucket in buckets:
                root = Server(server.url, REGION, ROOT, server.root_secret)
                assert root.send("PUT", f"/{bucket}")[0] == 200
        yield own, elsewhere


def bucket_of(place):
    return place.removeprefix("s3://").partition("/")[0]


@pytest.fixture
def at_s3(as_live, servers, monkeypatch):
    """Set the environment to an installation whose objects and backups are at the two servers."""
    for prefix, server in zip(("", "BACKUP_"), servers, strict=True):
        monkeypatch.setenv(f"{prefix}AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv(f"{prefix}AWS_REGION", REGION)
        monkeypatch.setenv(f"{prefix}AWS_ACCESS_KEY_ID", ROOT)
        monkeypatch.setenv(f"{prefix}AWS_SECRET_ACCESS_KEY", server.root_secret)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("OBJECT_STORE_URL", "s3://plateward/alpr")


@pytest.fixture
def stored(place, at_s3):
    """Store entries and three objects, one of them large; return the place of backups."""
    place.live = replace(place.live, objects=open_store("s3://plateward/alpr"))
    asyncio.run(place.fill(objects=2))
    asyncio.run(place.live.objects.put("release/large", LARGE))
    return Backups(store_at(PLACE))


@pytest.mark.clause("wall/backup")
def test_a_backup_at_another_s3_server_is_verified_restored_and_ends(
    place, run, stored, monkeypatch
):
    key = str(place.folder / "offline.key")
    made = run("backup-key", key)[1]
    command = ["backup", "--to", PLACE, "--recipient", made["BACKUP_RECIPIENT"], "--without-kafka"]
    _, first = run(*command)
    assert (first["objects"], first["new_objects"], first["whole"]) == (3, 3, True)
    asyncio.run(asyncio.sleep(1))  # a backup is named by its second
    _, second = run(*command)
    assert (second["objects"], second["new_objects"]) == (3, 0)
    where = ["--from", PLACE, "--vkey", VKEY.vkey]
    assert run("verify-backup", *where) == (
        0,
        {"backup": second["backup"], "ok": True, "faults": []},
    )
    with place.elsewhere() as target:
        monkeypatch.setenv("DATABASE_OWNER_URL", target.database.dsn)
        monkeypatch.setenv("OBJECT_STORE_URL", "s3://restored/alpr")
        keys = ["--private-key", key, "--keys-to", str(place.folder / "new")]
        code, restored = run("restore", *where, *keys, *WHO, "--reason", "the disk failed")
        assert (code, restored["faults"], restored["root"]) == (0, [], second["root"])
        objects = open_store("s3://restored/alpr")
        assert asyncio.run(objects.get("release/large")) == LARGE
    manifest = asyncio.run(stored.manifest(second["backup"], [VKEY]))
    ended = manifest.ends_at + timedelta(seconds=1)
    names = sorted({first["backup"], second["backup"]})
    assert asyncio.run(stored.end(ended, [VKEY])) == names
    assert asyncio.run(left(stored.store)) == []


async def left(store):
    """Return what is left in the place of backups."""
    return [one.key for folder in ("backups", "objects") for one in await store.page(folder)]


def test_a_changed_or_missing_object_of_a_backup_at_s3_is_named(place, run, stored):
    run("backup", "--to", PLACE, "--without-keys", "--without-kafka")
    one, other, *_ = (line.key for line in asyncio.run(stored.store.page("objects")))
    asyncio.run(stored.store.put(one, b"changed"))
    asyncio.run(stored.store.delete(other))
    code, answer = run("verify-backup", "--from", PLACE, "--vkey", VKEY.vkey)
    assert code == 1
    assert sorted(answer["faults"]) == [
        f"{one} differs from its digest in the manifest",
        f"{other} is missing",
    ]


def test_the_keys_of_the_object_store_do_not_open_the_place_of_backups(stored, monkeypatch):
    assert asyncio.run(stored.store.level("backups")) is not None
    monkeypatch.delenv("BACKUP_AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Unavailable):
        asyncio.run(store_at(PLACE).level("backups"))
