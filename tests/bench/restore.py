"""A restore after the loss of everything: a backup of READS reads and OBJECTS objects, kill -9, and new stores.

    python -m tests.bench.restore --reads 1000000 --objects 10000

Cameras post reads, and people search, up to the moment when the backup begins; other cameras post until all processes
are killed. Database, object store and Kafka are then deleted, and the backup restored into new ones by the commands of
docs/operations/backup-and-restore.md. Prints one line of JSON: backup_s, of which waited_s for the services; restore_s;
ready_s from the kill until a search is answered; of the reads that were acknowledged by the backup's `complete_to`,
lost_acknowledged_before; of those acknowledged later, lost_after; objects_differing, the missing included;
log_verified. Postgres is durable. SMOKE=1 runs for seconds.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from local.stack.postgres import role_of
from local.stack.process import LocalError
from services.registry import SPECS, names
from shared.core.permissions import Permission
from shared.objects.opening import open_store
from shared.postgres.schema import migrate_as
from shared.postgres.settings import DatabaseLink
from shared.service.spec import Kind
from tests.bench.county import Vehicles, plate_of
from tests.bench.link import Link
from tests.bench.reads import Sent, posting, send_counted
from tests.bench.rig import SMOKE, Rig, machine, print_result, rig, say
from tests.bench.traffic import Traffic
from tests.bench.warm_store import fill

API = names(Kind.API)
SERVICES = tuple(name for name in API if name != "identity")
ORI = "CA0520100"
OBJECT_BYTES = 20_000
PER_POST = 500
POSTS_BEFORE = 10 if SMOKE else 100
SEARCHES = 5 if SMOKE else 50
PAUSE_S = 0.25
"""Between the POSTs of the cameras that post while the backup is made."""

AFTER_S = 1.0 if SMOKE else 5.0
"""From the end of the backup until everything is killed."""

CHECKPOINTS = {"AUDIT_CHECKPOINT_S": "2"}
"""The log is signed every minute elsewhere: a log of the first minute has no checkpoint to verify."""

WHO = ("--person-id", "it-1", "--name", "Casey Operator", "--title", "Systems Administrator")


@dataclass
class Before:
    """What there was when the backup began, and what was acknowledged afterwards."""

    objects: dict[str, str] = field(default_factory=dict)
    """The SHA-256 of each object by its key."""

    posts: list["Post"] = field(default_factory=list)
    cameras: list[UUID] = field(default_factory=list)
    searches: int = 0
    backup: dict[str, Any] = field(default_factory=dict)
    backup_s: float = 0.0
    killed_s: float = 0.0

    def complete_to(self) -> datetime:
        """Return the moment up to which the backup promises everything that was acknowledged."""
        return datetime.fromisoformat(self.backup["complete_to"])

    def acknowledged(self) -> int:
        """Return the number of reads that were acknowledged by then."""
        return sum(post.reads for post in self.posts if post.acknowledged_at <= self.complete_to())

    def acknowledged_later(self) -> int:
        """Return the number of those acknowledged afterwards."""
        return sum(post.reads for post in self.posts) - self.acknowledged()

    def first_later(self) -> datetime:
        """Return the time before which the reads were captured that were acknowledged by then."""
        later = [p.began_at for p in self.posts if p.acknowledged_at > self.complete_to()]
        return min(later, default=datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True)
class Post:
    """An acknowledged POST of a camera; its reads were captured when it began."""

    began_at: datetime
    acknowledged_at: datetime
    reads: int


@dataclass(frozen=True)
class Places:
    """Where backups and the keys of their keys are: not on the machine that is lost."""

    folder: Path

    @property
    def backups(self) -> Path:
        """The place of the backups."""
        return self.folder / "backups"

    @property
    def private(self) -> Path:
        """The offline half of the recipient of the keys."""
        return self.folder / "offline.key"

    @property
    def witness(self) -> Path:
        """The newest checkpoint of the log, kept elsewhere."""
        return self.folder / "checkpoint.txt"


async def plateward(*words: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Run a command in a process of its own; return its answer. Raises: RuntimeError for another exit status than 0."""
    done = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "plateward", *words, "--json"),
        env={**os.environ, **given},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await done.communicate()
    if done.returncode != 0:
        raise RuntimeError(f"{words[0]} ended with {done.returncode}: {(out + err).decode()}")
    answer: dict[str, Any] = json.loads(out)
    return answer


def settings_in(stack: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a command for the installation whose stack has this folder, keys included."""
    keys = stack / "keys"
    stored = {f.name.upper(): f.read_text() for f in keys.glob("*") if f.suffix != ".key"}
    return {**stored, **environment, "OBJECT_STORE_URL": (stack / "objects").as_uri()}


async def make_other_tables(_stack: Path, environment: Mapping[str, str]) -> None:
    """Make the tables of identity, as whom this bench acts: a backup has the tables of all services."""
    link = DatabaseLink.at(environment["DATABASE_OWNER_URL"])
    await migrate_as(link, "identity", SPECS["identity"].migrations, role=role_of("identity"))


class Cameras:
    """Cameras that post reads, which are counted once they are acknowledged."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._traffic = Traffic(listed=10, others=2_000, listed_share=0.0)

    async def post(self, credential: str, posts: list[Post], number: int) -> None:
        """Post so many times, one after another."""
        link, begun = await Link.to(self._url), posting(credential)
        for _ in range(number):
            sent, began_at = Sent(), datetime.now(UTC)
            body = self._traffic.batch(PER_POST)
            await send_counted(link, begun, body, PER_POST, sent, twice=False)
            if sent.acknowledged:
                posts.append(Post(began_at, datetime.now(UTC), sent.acknowledged))
        link.close()

    async def post_on(self, credential: str, posts: list[Post]) -> None:
        """Post until cancelled."""
        while True:
            await self.post(credential, posts, 1)
            await asyncio.sleep(PAUSE_S)


async def store_objects(stack: Path, count: int) -> dict[str, str]:
    """Store pictures of random bytes; return their digests by key."""
    store = open_store((stack / "objects").as_uri())
    device, day = uuid4(), datetime.now(UTC).date()
    digests = {}
    for _ in range(count):
        key, body = f"captures/{device}/{day}/{uuid4()}", os.urandom(OBJECT_BYTES)
        await store.put(key, body)
        digests[key] = sha256(body).hexdigest()
    return digests


async def search(stack: Rig) -> int:
    """Search for a vehicle that the store has often; return the answer's status."""
    now = datetime.now(UTC)
    body = {
        "captured_from": (now - timedelta(days=40)).isoformat(),
        "captured_to": now.isoformat(),
        "plate": plate_of(0),
    }
    headers = stack.authority.headers(Permission.RECORD_SEARCH)
    async with httpx.AsyncClient(base_url=stack.url("retention"), timeout=60) as client:
        answer = await client.post("/v1/reads/search", json=body, headers=headers)
    if answer.status_code == 200 and not answer.json()["items"]:
        raise RuntimeError("the search found nothing: the reads are not there")
    return answer.status_code


async def back_up_and_lose(kafka: str, reads: int, objects: int, places: Places) -> Before:
    """Fill an installation, back it up while cameras post, and kill all its processes."""
    before = Before()
    try:
        async with rig(kafka, SERVICES, CHECKPOINTS, make_other_tables) as stack:
            vehicles = Vehicles(max(reads // 2, 1_000), 20260601)
            seen = vehicles.store(reads)
            await fill(stack.database_url, seen, [uuid4() for _ in range(20)], ORI)
            before.objects = await store_objects(stack.folder / "stack", objects)
            say(f"stored {reads:,} reads and {objects:,} objects")
            await _back_up(stack, places, before)
            before.killed_s = time.perf_counter()
            stack.kill()
    except LocalError:
        if not before.killed_s:  # else it is the stack that was killed
            raise
    return before


async def _back_up(stack: Rig, places: Places, before: Before) -> None:
    given = settings_in(stack.folder / "stack", stack.environment)
    made = await plateward("backup-key", str(places.private), given=given)
    credentials = await stack.register(2)
    before.cameras = [UUID(one.partition(".")[0]) for one in credentials]
    cameras = Cameras(stack.url("ingest"))
    while before.searches < SEARCHES:
        before.searches += await search(stack) == 200
    await newest_checkpoint(stack)
    await cameras.post(credentials[0], before.posts, POSTS_BEFORE)
    began_s = time.perf_counter()
    posting_on = asyncio.create_task(cameras.post_on(credentials[1], before.posts))
    before.backup = await plateward(
        "backup", "--to", str(places.backups), "--recipient", made["BACKUP_RECIPIENT"], given=given
    )
    before.backup_s = time.perf_counter() - began_s
    say(f"backed up in {before.backup_s:.1f} s: {before.backup}")
    await asyncio.sleep(AFTER_S)
    posting_on.cancel()
    await asyncio.gather(posting_on, return_exceptions=True)
    places.witness.write_text(await newest_checkpoint(stack))


async def newest_checkpoint(stack: Rig) -> str:
    """Return the newest signed checkpoint of the log, once there is one."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        async with asyncio.timeout(30):
            while True:
                note = await connection.fetchval(
                    "SELECT note FROM audit.checkpoints ORDER BY size DESC LIMIT 1"
                )
                if note is not None:
                    return str(note)
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


class Restoring:
    """Restores the newest backup into the empty stores of a rig, before its services start."""

    def __init__(self, places: Places, vkey: str) -> None:
        self._places = places
        self._vkey = vkey
        self.answer: dict[str, Any] = {}
        self.restore_s = 0.0

    async def __call__(self, stack: Path, environment: Mapping[str, str]) -> None:
        """Restore."""
        began_s = time.perf_counter()
        self.answer = await plateward(
            *("restore", "--from", str(self._places.backups), "--vkey", self._vkey),
            *("--private-key", str(self._places.private), "--keys-to", str(stack)),
            *(*WHO, "--reason", "the machine is lost", "--witness", str(self._places.witness)),
            given=settings_in(stack, environment),
        )
        self.restore_s = time.perf_counter() - began_s
        say(f"restored in {self.restore_s:.1f} s: {self.answer}")


async def restore_and_count(
    kafka: str, reads: int, places: Places, before: Before
) -> dict[str, Any]:
    """Restore into new stores, start the services, and count what is there."""
    restoring = Restoring(places, before.backup["vkey"])
    async with rig(kafka, SERVICES, CHECKPOINTS, restoring) as stack:
        async with asyncio.timeout(60):
            while await search(stack) != 200:
                await asyncio.sleep(0.05)
        ready_s = time.perf_counter() - before.killed_s
        stored = await counted(stack, before.cameras, before.first_later())
        differing = await differences(stack.folder / "stack", before.objects)
        given = {**settings_in(stack.folder / "stack", stack.environment)}
        given["DATABASE_URL"] = stack.database_url
        verified = await plateward("verify-audit", "--vkey", before.backup["vkey"], given=given)
        return {
            "restore_s": round(restoring.restore_s, 1),
            "ready_s": round(ready_s, 1),
            "stored_before": stored["others"],
            "acknowledged_before": before.acknowledged(),
            "lost_acknowledged_before": before.acknowledged() - stored["before"],
            "acknowledged_after": before.acknowledged_later(),
            "lost_after": before.acknowledged_later() - stored["later"],
            "searches": before.searches,
            "entries_of_searches_lost": max(0, before.searches - stored["searches"]),
            "objects_differing": differing,
            "entries_missing": max(
                0, restoring.answer["continuity"]["witnessed"] - before.backup["entries"]
            ),
            "log_verified": restoring.answer["ok"] is True and verified["ok"] is True,
            "same_root": restoring.answer["root"] == before.backup["root"],
            "load_average": round(os.getloadavg()[0], 1),
            "machine": machine(stack.folder),
        }


async def counted(stack: Rig, cameras: Sequence[UUID], until: datetime) -> dict[str, int]:
    """Count the cameras' reads captured before and after a moment, the other reads, and the searches in the log."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        before, later, others = await connection.fetchrow(
            "SELECT count(DISTINCT read_id) FILTER (WHERE device_id = ANY($1) AND captured_at < $2), "
            "count(DISTINCT read_id) FILTER (WHERE device_id = ANY($1) AND captured_at >= $2), "
            "count(*) FILTER (WHERE device_id <> ALL($1)) FROM retention.reads",
            list(cameras),
            until,
        )
        searches = await connection.fetchval(
            "SELECT count(*) FROM audit.entries WHERE kind = 'access.attempted'"
        )
    finally:
        await connection.close()
    return {"before": before, "later": later, "others": others, "searches": searches}


async def differences(stack: Path, digests: Mapping[str, str]) -> int:
    """Count the objects that are not there, or are others."""
    store = open_store((stack / "objects").as_uri())
    return sum([sha256(await store.get(key)).hexdigest() != of for key, of in digests.items()])


def size_bytes(folder: Path) -> int:
    """Return the size of a folder's files."""
    return sum(path.stat().st_size for path in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


async def measure(kafka: str, reads: int, objects: int, places: Places) -> dict[str, Any]:
    """Back up, lose everything, restore; return all figures."""
    before = await back_up_and_lose(kafka, reads, objects, places)
    figures = await restore_and_count(kafka, reads, places, before)
    return {
        "bench": "restore",
        "kafka": kafka,
        "smoke": SMOKE,
        "reads": reads,
        "objects": len(before.objects),
        "object_bytes": OBJECT_BYTES,
        "entries": before.backup["entries"],
        "backup_s": round(before.backup_s, 1),
        "waited_s": before.backup["waited_s"],
        "backup_mb": round(size_bytes(places.backups) / 1e6, 1),
        **figures,
    }


def is_right(line: Mapping[str, Any]) -> bool:
    """Whether nothing is lost that the backup promises."""
    lost = ("lost_acknowledged_before", "entries_of_searches_lost", "objects_differing")
    return (
        not any(line[name] for name in lost)
        and line["stored_before"] == line["reads"]
        and line["log_verified"]
        and line["same_root"]
    )


def main() -> int:
    """Measure and print; 1 if something is lost that was acknowledged before the backup."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.restore", description=__doc__)
    parser.add_argument("--reads", type=int, default=2_000 if SMOKE else 1_000_000)
    parser.add_argument("--objects", type=int, default=50 if SMOKE else 10_000)
    parser.add_argument(
        "--kafka", choices=["embedded", "apache"], default=os.environ.get("KAFKA") or "embedded"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="plateward-backups-") as folder:
        line = asyncio.run(measure(asked.kafka, asked.reads, asked.objects, Places(Path(folder))))
    print_result(line)
    return 0 if is_right(line) else 1


if __name__ == "__main__":
    sys.exit(main())
