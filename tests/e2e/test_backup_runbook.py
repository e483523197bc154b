"""Every command of docs/operations/backup-and-restore.md runs as written, but for the names of places and keys.

A department with people and reads is backed up, lost with Kafka, and restored into new stores. Its people then sign in
as before, and find the reads that were stored before the backup.
"""

import asyncio
import json
import re
import shlex
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from local.backup.installation import SECRETS
from local.demo.client import Api
from local.demo.department import Embedded, seed
from local.demo.records import search
from local.stack.broker import Broker
from local.stack.data import port_of
from local.stack.launch import running
from local.stack.postgres import Postgres
from local.stack.servers import ROOT
from shared.objects.opening import open_store
from shared.testing import eventually
from tests.e2e.runbook import ALL_APIS, Page, post, signed_in

pytestmark = pytest.mark.runbooks

PAGE = ROOT / "docs" / "operations" / "backup-and-restore.md"
ENGINE = "docker compose cp"
"""In the block that needs Docker Engine."""
PICTURE = "captures/one/2026-01-01/picture"
PURPOSE = {
    "kind": "stolen_or_wanted_vehicle",
    "offence_type": "vehicle theft",
    "case_number": "26-000412",
    "justification": "Where the vehicle was seen since its owner reported the theft",
}


@pytest.mark.enable_socket
@pytest.mark.clause("wall/backup")
async def test_the_page_of_backup_and_restore_brings_a_lost_department_back(tmp_path):
    tmp_path.chmod(0o755)
    for name in ("machine", "lost", "new"):
        (tmp_path / name).mkdir()
    page = Page(tmp_path / "machine", PAGE)
    page.blocks = [block for block in page.blocks if ENGINE not in block]
    page.names["s3://backups-elsewhere/plateward"] = str(tmp_path / "backups")
    page.names["/tmp/drill"] = str(tmp_path / "drill")
    people = await back_up(page, tmp_path / "lost" / "stack")
    await asyncio.to_thread(drill, page)
    with new_stores(tmp_path / "new") as given:
        page.names["kafka.example:9093"] = given["KAFKA_BOOTSTRAP"]
        said = page.run("--keys-to ./restored", **given)
        assert re.search(r"^complete to  .* UTC$", said, re.MULTILINE)
        assert "the restored log ends before entry" in said
        assert "FAULT" not in said
        stack = tmp_path / "new" / "stack"
        stack.mkdir()
        (page.folder / "restored" / "keys").rename(stack / "keys")
        with running(stack, *ALL_APIS, environment=given) as up:
            async with Api(up.urls) as api:
                await find_what_was_stored(api, people)
            settings = {**keys_in(stack), **given}
            audit = given["AUDIT__DATABASE_URL"]
            said = page.run("verify-audit --vkey", **settings, DATABASE_URL=audit)
            assert json.loads(said.splitlines()[-1])["ok"] is True
            await lose_a_picture(page, settings)
        assert "consumer groups were set back" in page.run("rewind-consumers")
    assert sorted(page.ran) == sorted(page.blocks), "a block of the page is not run"


async def back_up(page, folder):
    """Fill a department, back it up by the page, post more, and stop it; return its people."""
    with running(folder, *ALL_APIS, environment={"AUDIT_CHECKPOINT_S": "2"}) as up:
        async with Api(up.urls) as api:
            people = await seed(api, Embedded(folder))
            await open_store((folder / "objects").as_uri()).put(PICTURE, b"picture")
            await post(api, people, "7OLD123")
            recipient = page.run("backup-key")
            write_env(page.folder / ".env", folder, recipient.splitlines()[0])
            page.names |= {
                "postgresql://plateward:…@postgres.example:5432/plateward": owner_of(folder),
                "s3://plateward/alpr": (folder / "objects").as_uri(),
                "kafka.example:9093": up.kafka,
            }
            said = page.run("plateward backup --to")
            assert "NOT WHOLE" not in said
            key = re.search(r"^public key +(\S+)$", said, re.MULTILINE)
            page.names["KEY"] = key[1]
            assert "FAULT" not in page.run("verify-backup")
            await post(api, people, "8NEW456")
            await store_a_later_checkpoint(api, said, page.folder / "checkpoint.txt")
    return people


def write_env(path, stack, recipient):
    """Write the settings as compose has them in .env."""
    lines = [f"{name}={shlex.quote(text)}" for name, text in keys_in(stack).items()]
    path.write_text("\n".join([*lines, recipient]) + "\n")


def keys_in(stack):
    """Return the keys of a stack by the names of their settings."""
    keys = {f.name.upper(): f.read_text() for f in (stack / "keys").iterdir()}
    return {name: text for name, text in keys.items() if name in SECRETS}


def owner_of(stack):
    servers = stack / "postgres"
    return Postgres(servers, port=port_of(servers)).url()


async def store_a_later_checkpoint(api, said, path):
    """Store a checkpoint of the log elsewhere, one that is newer than the backup."""
    entries = int(
        re.search(r"^audit log +([\d,]+) entries", said, re.MULTILINE)[1].replace(",", "")
    )

    async def newer():
        note = (await api.must("audit", "GET", "/v1/checkpoint")).text
        return note if int(note.splitlines()[1]) > entries else None

    path.write_text(await eventually(newer, within_s=60, every_s=0.5))


def drill(page):
    """Restore into an empty folder, and verify the log of a stack that is down."""
    assert "FAULT" not in page.run("--folder /tmp/drill")


@contextmanager
def new_stores(folder):
    """Yield the settings of a new machine: an empty database, object store and Kafka."""
    with Postgres(folder / "postgres") as postgres, Broker(folder / "broker") as broker:
        yield {
            **postgres.environment(),
            "DATABASE_OWNER_URL": postgres.url(),
            "OBJECT_STORE_URL": (folder / "objects").as_uri(),
            "KAFKA_BOOTSTRAP": broker.bootstrap,
        }


async def find_what_was_stored(api, people):
    """Sign in again as the investigator, who finds the read from before the backup alone."""
    detective = people.investigator
    detective.api = api
    window = (datetime.now(UTC) - timedelta(days=1), datetime.now(UTC))
    await eventually(lambda: signed_in(detective), within_s=60, every_s=1)
    for plate, found in (("7OLD123", 1), ("8NEW456", 0)):
        purpose = await detective.declare(**PURPOSE, scope={"plate": plate})
        assert len(await search(detective, purpose, window, plate=plate)) == found, plate


async def lose_a_picture(page, given):
    store = open_store(given["OBJECT_STORE_URL"])
    assert await store.get(PICTURE) == b"picture"
    await store.delete(PICTURE)
    assert "1 objects were stored" in page.run("--objects-only", **given)
    assert await store.get(PICTURE) == b"picture"
