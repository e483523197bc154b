"""An installation to back up, and one to restore to: databases of a real Postgres, objects in folders."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from aiokafka import TopicPartition
from sqlalchemy import text

from local.backup.installation import Installation
from local.backup.making import Made, Wanted, make
from local.backup.objects import PREFIXES, content_of, listed
from local.backup.objects_only import restore_objects
from local.backup.recipient import make_recipient
from local.backup.repository import Backups, store_at
from local.backup.restoring import Restored, restore_all
from local.backup.restoring import Wanted as Restoring
from local.stack.postgres import Postgres
from services.audit.actions.checkpointing import Checkpointer
from services.audit.actions.export import lines
from services.audit.actions.preparation import entry_from
from services.audit.settings import origin_of
from services.audit.store.log import Head, Log
from shared.core.merkle import Span
from shared.core.signed_notes import Signer, Verifier
from shared.events import Actor, PeriodFixed
from shared.kafka.client import Kafka, stop_client
from shared.objects.store import ObjectStore
from shared.postgres.database import Database
from shared.postgres.settings import DatabaseLink
from shared.testing import mac_key, mac_key_text
from shared.testing.authority import committed_policy

ORIGIN = "plateward.local/audit"
SEED = bytes(range(32))
SIGNER = Signer(origin_of(ORIGIN), SEED)
VKEY: Verifier = SIGNER.verifier
KEYS: Mapping[str, str] = {
    "AUDIT_SIGNING_KEY": b64encode(SEED).decode(),
    "AUDIT__EVENT_MAC_KEY": mac_key_text("audit"),
    "INGEST_ID_KEY": b64encode(bytes(32)).decode(),
}
OPERATOR = Actor(
    person_id="operator", name="Casey Operator", title="Contractor", agency_ori="CA0520100"
)


class Place:
    """A department's installation, the place of its backups, and where it is restored."""

    def __init__(self, url: str, postgres: Postgres, folder: Path) -> None:
        self._postgres = postgres
        self.folder = folder
        self.live = Installation(
            DatabaseLink.at(url), store_at(str(folder / "objects")), KEYS, committed_policy(), None
        )
        self.backups = Backups(store_at(str(folder / "backups")))
        self.private = folder / "recipient.key"
        self.recipient = self.new_recipient()

    def new_recipient(self) -> str:
        """Make a key pair for the sealed keys; return its public half."""
        return make_recipient(self.private)

    async def fill(self, entries: int = 5, objects: int = 3) -> None:
        """Append entries and sign them; store objects."""
        await append(self.live.database, entries)
        for number in range(objects):
            await self.live.objects.put(f"captures/d1/2026-06-01/{uuid4()}", b"jpeg %d" % number)

    async def back_up(self, wait_s: float = 60) -> Made:
        """Make a backup."""
        return await make(self.live, self.backups, Wanted(ORIGIN, self.recipient, wait_s=wait_s))

    @contextmanager
    def elsewhere(self, name: str = "restored") -> Iterator[Installation]:
        """Yield an empty installation, without keys."""
        url = self._postgres.create_database(name)
        try:
            store = store_at(str(self.folder / name / "objects"))
            yield replace(self.live, database=DatabaseLink.at(url), objects=store, keys={})
        finally:
            self._postgres.drop_database(name)

    async def restore(
        self,
        target: Installation,
        *witnesses: Path,
        now: datetime | None = None,
        ended: bool = False,
    ) -> Restored:
        """Restore the newest backup."""
        wanted = self.wanted(target, witnesses, now or datetime.now(UTC), ended=ended)
        return await restore_all(target, self.backups, wanted)

    async def restore_objects(self, now: datetime | None = None, *, ended: bool = False) -> int:
        """Restore the objects that the live installation lacks; return their number."""
        wanted = self.wanted(self.live, (), now or datetime.now(UTC), ended=ended)
        stored, faults = await restore_objects(self.live, self.backups, wanted)
        assert faults == []
        return stored

    def wanted(
        self,
        target: Installation,
        witnesses: Sequence[Path],
        now: datetime,
        *,
        ended: bool = False,
    ) -> Restoring:
        return Restoring(
            name=None,
            keys=[VKEY],
            witnesses=witnesses,
            private=self.private,
            keys_folder=self.folder / (target.database.url.database or ""),
            actor=OPERATOR,
            reason="the disk failed",
            now=now,
            ended=ended,
        )

    def files(self) -> list[Path]:
        """Return every file of the place of backups."""
        return sorted(path for path in (self.folder / "backups").rglob("*") if path.is_file())


async def append(
    link: DatabaseLink, entries: int, *, signed: bool = True, at: datetime | None = None
) -> str:
    """Append entries to the log in a database; return the checkpoint over them, or "" if they stay unsigned."""
    db = Database(link, "audit", pool_size=1, mac_key=mac_key("audit"))
    now = at or datetime.now(UTC)
    try:
        async with db.begin() as connection:
            log = Log(connection)
            await log.lock()
            head = await log.head(Head())
            made = [
                PeriodFixed(occurred_at=now, occurred_from=now, occurred_to=now)
                for _ in range(entries)
            ]
            await log.append(head, [entry_from(event, "audit") for event in made], now)
            if not signed:
                return ""
            return (await Checkpointer([SIGNER], "audit").sign(connection, head, now)).note
    finally:
        await db.close()


async def root_of(link: DatabaseLink, size: int) -> bytes:
    """Return the root of a log's first `size` entries."""
    db = Database(link, "audit", pool_size=1)
    try:
        async with db.begin() as connection:
            return await Log(connection).root(size)
    finally:
        await db.close()


async def exported(link: DatabaseLink, path: Path) -> Path:
    """Write an export of the whole log to a file."""
    db = Database(link, "audit", pool_size=1, mac_key=mac_key("audit"))
    try:
        async with db.begin() as connection:
            size = await Log(connection).size()
            note = await Checkpointer([SIGNER], "audit").sign_for(
                connection, size, datetime.now(UTC)
            )
        async with db.begin() as connection:
            pieces = [piece async for piece in lines(connection, VKEY.name, Span(0, size), note)]
    finally:
        await db.close()
    path.write_bytes(b"".join(pieces))
    return path


async def publish(bootstrap: str, place: str, count: int) -> None:
    """Store records in a partition."""
    partition = partition_of(place)
    producer = Kafka.at(bootstrap).producer()
    await producer.start()
    for number in range(count):
        await producer.send_and_wait(partition.topic, b"%d" % number, partition=partition.partition)
    await stop_client(producer)


def partition_of(place: str) -> TopicPartition:
    """Return a partition by `topic/partition`."""
    topic, _, number = place.rpartition("/")
    return TopicPartition(topic, int(number))


async def contents(store: ObjectStore) -> dict[str, str]:
    """Return the SHA-256 of each object by its key."""
    found = {}
    for prefix in PREFIXES:
        async for page in listed(store, prefix):
            for one in page:
                async with content_of(store, one.key) as content:
                    found[one.key] = content.sha256
    return found


async def last_kind(link: DatabaseLink) -> str:
    """Return the kind of a log's last entry."""
    db = Database(link, "audit", pool_size=1)
    async with db.begin() as connection:
        size = await Log(connection).size()
        kind = (await Log(connection).entry(size - 1)).found.kind
    await db.close()
    return kind


async def unpublished(link: DatabaseLink, topic: str) -> list[dict[str, Any]]:
    """Return the events of a topic that audit's relay is to publish, oldest first."""
    db = Database(link, "audit", pool_size=1)
    async with db.begin() as connection:
        asked = text("SELECT value FROM outbox WHERE topic = :topic ORDER BY seq")
        values = (await connection.execute(asked, {"topic": topic})).scalars().all()
    await db.close()
    return [msgspec.json.decode(value) for value in values]
